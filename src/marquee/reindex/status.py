"""What is live and how well it is: the one answer behind `/v1/status` and `marquee status`."""

from __future__ import annotations

import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from marquee.engine import generations
from marquee.engine.cluster import SEARCH_TIMEOUT_S, Cluster
from marquee.engine.generations import BuildMeta, Generation, SourceMeta
from marquee.errors import EngineError

MAX_DATA_AGE_S = 24 * 3600

_log = logging.getLogger("marquee.reindex")


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as it answers now."""

    version: str | None
    status: str
    """green, yellow, red, or unreachable."""


class FileSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one file of the source held, in rows; the full report with examples is in quality.json."""

    rows: int
    used: int
    rejected: dict[str, int]
    """Unusable rows, by reason."""
    nulled: dict[str, int]
    """Unusable values of optional columns, by column."""
    duplicates: int
    orphans: dict[str, int]
    """Rows that point at an unknown person or title."""
    left_out: dict[str, int]
    """Rows that the settings leave out."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The service's state; without a live generation most of it is null."""

    generation: str | None
    source: SourceMeta | None
    data_age_s: int | None
    """Seconds since the data were last known to match the source; null for sample and folder sources."""
    fresh: bool
    counts: dict[str, int]
    degraded: bool
    engine: EngineStatus
    attribution: str
    quality: dict[str, FileSummary]
    """By file."""


def measure_age(meta: BuildMeta | None) -> int | None:
    """Return the seconds since the data were last known to match their source; None where they do not age."""
    if meta is None or meta.source.kind != "imdb":
        return None
    return max(0, int((datetime.now(UTC) - meta.source.confirmed_at).total_seconds()))


class DataAge:
    """How old a generation's data are, asking the engine now and then only."""

    READ_EVERY_S = 30.0

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster, self._prefix = cluster, prefix
        self._generation = ""
        self._meta: BuildMeta | None = None
        self._read_at = 0.0

    async def measure(self, generation: str) -> int | None:
        """Return the age of a generation's data as `measure_age` does; None as well if it can't be read."""
        now = time.monotonic()
        if generation != self._generation or now - self._read_at > self.READ_EVERY_S:
            if generation != self._generation:
                self._meta = None
            # Noted before the answer is there, so that one request asks and not all of a moment.
            self._generation, self._read_at = generation, now
            with contextlib.suppress(EngineError):
                self._meta = await generations.read_meta(self._cluster, self._prefix, generation)
        return measure_age(self._meta)


async def read_status(cluster: Cluster, prefix: str) -> Status:
    """Ask the engine for the live generation and its health; an engine that is away is an answer, too."""
    try:
        engine = EngineStatus(version=await cluster.version(), status=await cluster.health())
        live = await generations.find_live(cluster, prefix, SEARCH_TIMEOUT_S)
    except EngineError as error:
        _log.warning("%s", error)
        return _describe(None, EngineStatus(version=None, status="unreachable"))
    return _describe(live, engine)


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
        degraded=engine.status in ("red", "unreachable") or not fresh,
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
