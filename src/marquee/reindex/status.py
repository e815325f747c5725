"""What is live and how well it is: the one answer behind `/v1/status` and `marquee status`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import Generation, SourceMeta
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


async def read_status(cluster: Cluster, prefix: str) -> Status:
    """Ask the engine for the live generation and its health; an engine that is away is an answer, too."""
    try:
        engine = EngineStatus(version=await cluster.version(), status=await cluster.health())
        live = await generations.find_live(cluster, prefix)
    except EngineError as error:
        _log.warning("%s", error)
        return _describe(None, EngineStatus(version=None, status="unreachable"))
    return _describe(live, engine)


def _describe(live: Generation | None, engine: EngineStatus) -> Status:
    meta = live.meta if live else None
    age_s = None
    if meta and meta.source.kind == "imdb":
        age_s = max(0, int((datetime.now(UTC) - meta.source.confirmed_at).total_seconds()))
    fresh = live is not None and (age_s is None or age_s <= MAX_DATA_AGE_S)
    return Status(
        generation=live.id if live else None,
        source=meta.source if meta else None,
        data_age_s=age_s,
        fresh=fresh,
        counts={str(kind): count for kind, count in meta.counts.items()} if meta else {},
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
