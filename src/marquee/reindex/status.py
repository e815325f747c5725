"""What is live and how well it is: the one answer behind `/v1/status` and `marquee status`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from cachetools import LRUCache

from marquee.engine import generations
from marquee.engine.cluster import SEARCH_TIMEOUT_S, Cluster
from marquee.engine.generations import BuildMeta, Generation
from marquee.engine.records import Records, index_name
from marquee.errors import EngineError, OtherReleaseError
from marquee.reindex.health import EngineStatus as EngineStatus
from marquee.reindex.health import FileSummary as FileSummary
from marquee.reindex.health import JobSummary as JobSummary
from marquee.reindex.health import Status as Status
from marquee.reindex.job import Job, State
from marquee.reindex.jobs import Jobs
from marquee.reindex.pin import read_pin
from marquee.reindex.presence import Presence, list_workers

MAX_DATA_AGE_S = 24 * 3600
# Twelve days of scheduled looks, one of which is enough.
READ_JOBS = 50
# What a run came to; a job that was cancelled came to nothing.
RESULTS: frozenset[State] = frozenset({"succeeded", "refused", "failed"})

T = TypeVar("T")

_log = logging.getLogger("marquee.reindex")


def measure_age(meta: BuildMeta | None) -> int | None:
    """Return the seconds since the data were last known to match their source; None where they do not age."""
    if meta is None or meta.source.kind != "imdb":
        return None
    return max(0, int((datetime.now(UTC) - meta.source.confirmed_at).total_seconds()))


class DataAge:
    """How old generations' data are: the engine is asked now and then, and the first alone waits for it."""

    READ_EVERY_S = 30.0
    KNOWN = 8
    """Generations that are remembered: the live one, and those that cursors still name."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster, self._prefix = cluster, prefix
        self._known: LRUCache[str, tuple[BuildMeta | None, float]] = LRUCache(self.KNOWN)
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def learn(self, generation: str) -> None:
        """See to it that something is known of a generation, be it that its description can't be read."""
        if not self.is_known(generation):
            await asyncio.shield(self._begin_reading(generation))

    def is_known(self, generation: str) -> bool:
        """Whether `tell` knows."""
        return generation in self._known

    def tell(self, generation: str) -> int | None:
        """Return the age of a generation's data as `measure_age` does; None as well if it can't be read.

        What is known has it read again in the background now and then.
        """
        meta, read_at = self._known.get(generation, (None, float("-inf")))
        if time.monotonic() - read_at > self.READ_EVERY_S:
            self._begin_reading(generation)
        return measure_age(meta)

    def tell_source(self, generation: str) -> str | None:
        """Return the kind of source a generation was built from; None where it can't be read."""
        meta, _ = self._known.get(generation, (None, 0.0))
        return meta.source.kind if meta else None

    def _begin_reading(self, generation: str) -> asyncio.Task[None]:
        reading = self._reading.get(generation)
        if reading is None:
            reading = self._reading[generation] = asyncio.create_task(self._read(generation))
        return reading

    async def _read(self, generation: str) -> None:
        meta, _ = self._known.get(generation, (None, 0.0))
        try:
            with contextlib.suppress(EngineError):
                meta = await generations.read_meta(self._cluster, self._prefix, generation)
        finally:
            self._known[generation] = (meta, time.monotonic())
            del self._reading[generation]


async def read_status(cluster: Cluster, prefix: str) -> Status:
    """Ask the engine for the live generation and its health; an engine that is away is an answer, too."""
    try:
        engine = EngineStatus(version=await cluster.version(), status=await cluster.health())
        live = await generations.find_live(cluster, prefix, SEARCH_TIMEOUT_S)
    except EngineError as error:
        _log.warning("%s", error)
        return _describe(None, EngineStatus(version=None, status="unreachable"))
    records = Records(cluster, prefix)
    jobs, workers, pin, writable = await asyncio.gather(
        _read_if_possible(Jobs(records).list_newest(READ_JOBS)),
        _read_if_possible(list_workers(records)),
        _read_if_possible(read_pin(records)),
        _read_if_possible(_takes_records(cluster, prefix)),
    )
    engine = msgspec.structs.replace(engine, writable=writable is not False)
    return msgspec.structs.replace(
        _describe(live, engine),
        pinned=pin.generation if pin else None,
        **_describe_jobs(jobs or [], live),
        **_describe_workers(workers),
    )


async def _takes_records(cluster: Cluster, prefix: str) -> bool:
    """Return whether neither the engine nor a person has blocked the index of the records for writing."""
    index = index_name(prefix)
    params = {"filter_path": f"blocks.global,blocks.indices.{index}"}
    answer = await cluster.request("GET", "/_cluster/state/blocks", params=params, timeout_s=SEARCH_TIMEOUT_S)
    found = answer.get("blocks", {})
    blocks = [*found.get("global", {}).values(), *found.get("indices", {}).get(index, {}).values()]
    # What passes by itself, such as an election of the master, is said to be retryable.
    return not any("write" in each["levels"] and not each["retryable"] for each in blocks)


async def _read_if_possible(reading: Awaitable[T]) -> T | None:
    """Return what is read; None for what is away, or written by another release."""
    try:
        return await reading
    except (EngineError, OtherReleaseError) as error:
        _log.warning("the status lacks some of its figures: %s", error)
        return None


def _describe_jobs(jobs: list[Job], live: Generation | None) -> dict[str, Any]:
    counting = [job for job in jobs if not job.request.dry_run]
    results = [job for job in counting if job.state in RESULTS]
    success = next((job.ended_at for job in results if job.state == "succeeded"), None)
    if success is None and live:
        success = (live.meta.swapped_at if live.meta else None) or live.built_at
    return {
        "last_success_at": success,
        "last_job": _summarise_job(counting[0]) if counting else None,
        "last_result": _summarise_job(results[0]) if results else None,
    }


def _summarise_job(job: Job) -> JobSummary:
    return JobSummary(id=job.id, state=job.state, ended_at=job.ended_at, reason=job.reason)


def _describe_workers(workers: list[Presence] | None) -> dict[str, Any]:
    if workers is None:
        return {}
    alive = [each for each in workers if each.is_alive]
    looks = [each.next_run_at for each in alive if each.next_run_at]
    return {"workers": len(alive), "next_run_at": min(looks, default=None)}


def _describe(live: Generation | None, engine: EngineStatus) -> Status:
    meta = live.meta if live else None
    age_s = measure_age(meta)
    fresh = live is not None and (age_s is None or age_s <= MAX_DATA_AGE_S)
    return Status(
        generation=live.id if live else None,
        source=meta.source if meta else None,
        data_age_s=age_s,
        fresh=fresh,
        counts=meta.shown_counts if meta else {},
        degraded=engine.status in ("red", "unreachable") or not engine.writable or not fresh,
        engine=engine,
        attribution=meta.attribution if meta else "",
        quality=_summarise(meta.quality) if meta else {},
    )


def _summarise(quality: dict[str, Any]) -> dict[str, FileSummary]:
    """Return the figures of each file of a quality report, without the examples."""
    return {
        file["file"]: msgspec.convert(
            {**file, "rejected": {reason: each["count"] for reason, each in file["rejects"].items()}},
            FileSummary,
        )
        for file in quality.values()
        if isinstance(file, dict)
    }


def format_span(seconds: float) -> str:
    """Return a length of time as people say it, in its two largest units: "3 h 12 min"."""
    left = max(0, round(seconds))
    told: list[tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if (left >= size or told) and len(told) < 2:
            told.append((left // size, unit))
            left %= size
    return " ".join(f"{count} {unit}" for count, unit in told if count) or "0 s"
