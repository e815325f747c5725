"""A job: what was asked for, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:  # clients read jobs, and need no engine for it
    from marquee.engine.generations import Generation

State = Literal["requested", "running", "succeeded", "refused", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"succeeded", "refused", "failed", "cancelled"})


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: a reindex."""

    kind: Literal["reindex"] = "reindex"
    """What sort of job."""
    source: Literal["live", "sample", "imdb", "folder"] = "live"
    """`live`: that of the live generation."""
    location: str = ""
    """For a folder: which, as an absolute path on the machine that builds."""
    force: bool = False
    """Build although nothing has changed, and pass the gate's limits; never damaged files."""
    dry_run: bool = False
    """Report the difference to the live generation, and index nothing."""
    reason: str = ""
    """Why; goes into the audit log."""
    scheduled: bool = False
    """Whether nobody asked but the schedule."""
    attended: bool = False
    """Whether who asked runs it himself, and nobody takes it up again when he is gone."""
    compare: bool = True
    """Whether the live generation is the measure of the new one. Not where somebody at the command line chose
    another source than the live one's."""


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How far the present stage is."""

    done: int
    """So many are done."""
    total: int | None
    """Of so many; null where that is not known."""
    unit: str
    """rows, docs or bytes."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A reindex that was asked for. Times are UTC."""

    id: str
    """Names the job everywhere."""
    kind: Literal["reindex"] = "reindex"
    """What sort of job."""
    state: State = "requested"
    """Where it stands. The last four are final: `refused` is by the gate."""
    stage: str | None = None
    """What it is doing; null before it begins and once it has ended."""
    percent: float = 0.0
    """Of the whole job, 0 to 100, estimated from what each stage takes as a rule."""
    rate_rows_s: float | None = None
    """Rows or documents per second in the present stage."""
    eta_s: float | None = None
    """Estimated seconds to the end."""
    generation: str | None = None
    """What it builds, or found to hold the source already."""
    requested_by: str
    """Name of the token, or user and machine at the command line, or `schedule`."""
    requested_at: datetime
    """When it was asked for."""
    started_at: datetime | None = None
    """When it was first begun."""
    ended_at: datetime | None = None
    """When it came to its end."""
    reason: str = ""
    """Why it was asked for; once it has ended otherwise than by a swap: why it ended so."""
    figures: dict[str, Any] = {}
    """Seconds and amounts of each stage, counts, the gate's report, the difference of a dry run."""
    request: JobRequest
    """What was asked for."""
    progress: Amount | None = None
    """How far the present stage is."""
    worker: str | None = None
    """Which process runs it."""
    attempt: int = 0
    """How often it was begun: one whose worker died is begun again by another."""
    cancel_requested_by: str | None = None
    """Who wants it to end, if anybody."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED

    @property
    def is_resumable(self) -> bool:
        """Whether another worker is to begin it again when its own has died."""
        return not self.request.attended


def end(job: Job, state: State, reason: str) -> Job:
    """Return a job as it is when it has ended."""
    return msgspec.structs.replace(
        job,
        state=state,
        reason=reason or job.reason,
        ended_at=datetime.now(UTC),
        stage=None,
        progress=None,
        rate_rows_s=None,
        eta_s=None,
        percent=100.0 if state == "succeeded" else job.percent,
    )


def find_generation(every: Sequence[Generation], job_id: str) -> Generation | None:
    """Return what a job has made live already, None for nothing.

    Whoever ran it died, or was cancelled, before that was written down: it must be neither done twice nor
    called off. That somebody has gone back since is no reason to do it again.
    """
    for each in every:
        if (
            each.meta is not None
            and each.meta.job == job_id
            and (each.live or each.set_aside == "rolled back")
        ):
            return each
    return None


def say_made(generation: Generation) -> str:
    """Return the note of a job whose generation was found."""
    state = "live" if generation.live else "gone back from by hand since"
    return f"{generation.id} was found when this job was looked at again: it is {state}"
