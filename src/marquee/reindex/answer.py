"""What administrators are told, in the form it goes over the wire. Structs alone: clients read answers with
them (`client`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from marquee.engine.descriptions import SetAside, SourceMeta
from marquee.reindex.job import Job

# For people and alerts only: who may build is decided by the lease, which compares no clocks.
SILENT_AFTER = timedelta(seconds=60)


class JobsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, newest first."""

    jobs: list[Job]
    """Newest first."""


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One of the server-sent events of a job."""

    event: Literal["job"]
    """Always the same."""
    data: str
    """The job, as JSON."""


class GenerationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A generation. Times are UTC; what is not known of an incomplete one is null."""

    id: str
    """`v{mapping version}-{when its build began}`."""
    live: bool
    """Whether searches are answered from it."""
    complete: bool
    """Whether its build ended."""
    readable: bool
    """Whether this release can search it."""
    pinned: bool
    """Whether it is held against every reindex."""
    set_aside: SetAside
    """Why it is not to be live although it is complete; empty where nothing speaks against it."""
    mapping_version: int
    """Of the index definitions it was built with."""
    built_at: datetime
    """When its build began."""
    swapped_at: datetime | None
    """When it last became live."""
    counts: dict[str, int]
    """Documents by kind; empty for an incomplete one."""
    source: SourceMeta | None
    """What it was built from."""
    gate_passed: bool | None
    """What the gate said of it; null where it was not asked."""


class GenerationAnswer(GenerationSummary, frozen=True, kw_only=True):
    """A generation with its reports."""

    reason: str
    """Why it was built."""
    marquee_version: str | None
    """The release that built it."""
    attribution: str
    """What has to be shown with its data."""
    options: dict[str, str]
    """The settings that decide who and what is indexed."""
    fill: dict[str, dict[str, float]]
    """By kind and field: the share, 0 to 1, of documents that have it."""
    quality: dict[str, Any] | None
    """What of the source's files was unusable, with examples."""
    gate: dict[str, Any] | None
    """What the gate looked at before the swap."""


class GenerationsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All generations, newest first."""

    generations: list[GenerationSummary]
    """Newest first."""


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """What is live now, and what was before."""

    generation: str
    """What is live now."""
    previous: str | None
    """What was live before; null where nothing was."""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Which generation is held, by whom and why."""

    generation: str
    """Empty once it was taken off."""
    by: str
    """Who holds it."""
    at: datetime
    """Since when."""
    reason: str = ""
    """Why."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One action."""

    at: datetime
    """When it began (UTC)."""
    action: str
    """An `Action`, or one of another release of Marquee."""
    by: str
    """Name of the token, or user and machine at the command line, or "schedule"."""
    generation: str | None = None
    """Which one it was done to."""
    reason: str = ""
    """Why, in the words of who did it."""
    job: str | None = None
    """The job it was a part of."""
    outcome: str = "begun"
    """"begun", "done", or why it failed. One that stays begun was cut off: look at what is live."""


class AuditAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of the audit log, newest first."""

    entries: list[Entry]
    """Newest first."""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as it last wrote of itself. Times are UTC."""

    id: str
    """"host:pid"."""
    version: str
    """The release it runs."""
    started_at: datetime
    """When it began."""
    seen_at: datetime
    """When it last wrote that it is there."""
    job: str | None = None
    """What it runs."""
    next_run_at: datetime | None = None
    """When its schedule looks at the source next; None where it has no schedule."""

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return datetime.now(UTC) - self.seen_at < SILENT_AFTER


class Worker(Presence, frozen=True, kw_only=True):
    """A worker."""

    alive: bool
    """Whether it was heard of within the last minute."""


class WorkersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The workers heard of within a day, the latest first."""

    workers: list[Worker]
    """The one heard of last comes first."""
