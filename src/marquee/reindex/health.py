"""How the service is, in the form it goes over the wire. Structs alone: clients read answers with them
(`client`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from marquee.engine.descriptions import SourceMeta
from marquee.reindex.job import State


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as it answers now."""

    version: str | None
    """Of Elasticsearch; null while it is away."""
    status: str
    """green, yellow, red, or unreachable."""
    writable: bool = True
    """Whether records can be written; on a full disk they cannot."""


class FileSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one file of the source held, in rows; the full report with examples is in quality.json."""

    rows: int
    """How many it has."""
    used: int
    """How many went into the index."""
    rejected: dict[str, int]
    """Unusable rows, by reason."""
    nulled: dict[str, int]
    """Unusable values of optional columns, by column."""
    duplicates: int
    """Rows that repeat an earlier one."""
    orphans: dict[str, int]
    """Rows that point at an unknown person or title."""
    left_out: dict[str, int]
    """Rows that the settings leave out."""


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job in short."""

    id: str
    """Names the job everywhere."""
    state: State
    """Where it stands."""
    ended_at: datetime | None
    """When it came to its end; null while it has not."""
    reason: str
    """Why it was asked for; once it was refused, has failed or was cancelled: why."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The service's state; without a live generation most of it is null. Times are UTC."""

    generation: str | None
    """What is live."""
    source: SourceMeta | None
    """What it was built from."""
    data_age_s: int | None
    """Seconds since the data were last known to match the source; null for sample and folder sources."""
    fresh: bool
    """Whether something is live, and confirmed within 24 h if its source is one that ages."""
    counts: dict[str, int]
    """Documents by kind."""
    degraded: bool
    """Whether something is wrong: the engine is away or red, or the data are not fresh."""
    engine: EngineStatus
    """Elasticsearch."""
    attribution: str
    """What has to be shown with the data."""
    quality: dict[str, FileSummary]
    """By file."""
    last_success_at: datetime | None = None
    """When a reindex last ended well, be it that nothing had changed; dry runs do not count."""
    next_run_at: datetime | None = None
    """When a worker looks at the source next; null where none does."""
    last_job: JobSummary | None = None
    """The newest job that is no dry run."""
    last_result: JobSummary | None = None
    """The newest of those that succeeded, failed or was refused."""
    pinned: str | None = None
    """The generation that is held."""
    workers: int | None = None
    """How many are alive; null if it cannot be read."""


Kind = Literal["stale", "failed-run", "engine", "full-disk"]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is well or not."""

    kind: Kind
    """What it is about."""
    is_bad: bool
    """Whether it is not well."""
    title: str
    """What is well or not, in a few words."""
    detail: str
    """What that means, with its figures."""
    advice: str = ""
    """What to do; empty where it is well."""


class ConditionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at."""

    conditions: list[Condition]
    """What is bad comes first."""


class Liveness(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["live"] = "live"
    """Always the same."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Searches can be answered."""

    status: Literal["ready"] = "ready"
    """Always the same."""
    generation: str
    """What they are answered from."""


Layer = Literal["memory", "redis"]


class LayerTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer did for one endpoint, in this process and since it started."""

    endpoint: str
    """What was asked: "search", "suggest" …"""
    layer: Layer
    """Where it was looked for: in this process's memory first, then in Redis."""
    hits: int
    """Questions it had the answer to."""
    misses: int
    """Questions it had not."""
    hit_rate: float
    """0 to 1."""


class CacheAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The cache of the process that answers."""

    enabled: bool
    """Whether anything is kept."""
    generation: str | None
    """Whose answers are found."""
    entries: int
    """Answers in memory."""
    used_bytes: int
    """Memory that the entries take, estimated."""
    size_bytes: int
    """Memory they may take."""
    redis: str | None
    """closed: it answers; open or half-open: it did not, and is left alone a moment; null: none is set."""
    redis_errors: int
    """Questions and answers that Redis did not take in time."""
    hits: int
    """Questions that a layer had the answer to."""
    misses: int
    """Questions that no layer held."""
    hit_rate: float
    """0 to 1, of all questions."""
    traffic: list[LayerTraffic]
    """By endpoint and layer."""


class ClearedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was cleared."""

    entries: int
    """Entries that the process that answers held in memory; the others have forgotten theirs as well."""
    redis_cleared: bool | None
    """False: it did not answer, and forgets by itself within a day; nothing it holds is found any more.
    null: none is set."""
