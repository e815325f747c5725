"""The jobs and their records. At most one is under way: `engine/lease` has its place."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from marquee.engine import lease
from marquee.engine.records import Record, Records
from marquee.errors import (
    ConflictError,
    EngineConflictError,
    LeaseHeldError,
    LeaseLostError,
    NotFoundError,
)
from marquee.reindex.job import Job, JobRequest, end

KIND = "job"
# Jobs beyond these are forgotten: a year and a half of looks every six hours, some 5 MB.
KEPT_JOBS = 2000


class Jobs:
    """The jobs of one index prefix."""

    def __init__(self, records: Records) -> None:
        self.records = records

    async def request(self, request: JobRequest, by: str, key: str = "") -> Job:
        """Ask for a job. The same `key` (any text) of the same requester is the same job, however often.

        Raises:
            LeaseHeldError: another job is under way.
            ConflictError: the key was used for another request.
        """
        job = _make(request, by, key)
        if key and (earlier := await self._find(job.id)):
            return _check_same(earlier[0], request)
        active = await self.find_active()
        if active is not None and not active.has_ended and active.id != job.id:
            raise LeaseHeldError(
                f"job {active.id} is {active.state} (asked for by {active.requested_by})", active.id
            )
        # First its place, then its record: of two who ask at once one is told. Who reads the place meanwhile
        # finds the job in it.
        over = active.id if active else ""
        await lease.reserve(self.records, job.id, msgspec.to_builtins(job), over=over)
        try:
            await self.records.create(_record_id(job.id), KIND, job, job.requested_at)
        except EngineConflictError:  # the same key at the same moment, or a reader of the place was quicker
            return _check_same(await self.get(job.id), request)
        return job

    async def request_and_hold(
        self, request: JobRequest, by: str, holder: str, ttl_s: float
    ) -> tuple[Job, lease.Lease]:
        """Ask for a job and take the lease for it, in one step: no worker takes it.

        Raises:
            LeaseHeldError: another job is under way.
        """
        job = _make(request, by, "")
        active = await self.find_active()
        # What somebody at a command line ran is over when its lease has run out.
        is_over = active and (active.has_ended or not active.is_resumable or active.cancel_requested_by)
        over = active if is_over else None
        held = await lease.take_when_free(
            self.records,
            holder,
            ttl_s,
            job.id,
            pending=msgspec.to_builtins(job),
            over=over.id if over else "",
        )
        if over and not over.has_ended:
            await self.bury(over, holder, f"the process that ran it ({over.worker}) died")
        with contextlib.suppress(EngineConflictError):
            await self.records.create(_record_id(job.id), KIND, job, job.requested_at)
        return job, held

    async def bury(self, job: Job, holder: str, reason: str) -> None:
        """End a job whose worker is gone; only under the lease."""
        begun = await self.begin(job, holder)
        await self.write(end(begun, "cancelled" if job.cancel_requested_by else "failed", reason))

    async def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = await self._find(job_id)
        if found is None:
            raise NotFoundError(f"there is no job {job_id}")
        return found[0]

    async def _find(self, job_id: str) -> tuple[Job, Record] | None:
        record = await self.records.get(_record_id(job_id))
        return (msgspec.convert(record.body, Job), record) if record else None

    async def list_newest(self, limit: int) -> list[Job]:
        """Return the newest jobs, newest first."""
        return [msgspec.convert(each.body, Job) for each in await self.records.list_newest(KIND, limit)]

    async def find_active(self) -> Job | None:
        """Return the job that has the place of the one under way; it may have ended a moment ago."""
        state, _ = await lease.read(self.records)
        if not state.job:
            return None
        found = await self._find(state.job)
        if found is None:  # who asked for it died before it was written down
            job = msgspec.convert(state.pending, Job)
            with contextlib.suppress(EngineConflictError):
                await self.records.create(_record_id(job.id), KIND, job, job.requested_at)
            return job
        return found[0]

    async def cancel(self, job_id: str, by: str) -> Job:
        """Cancel a job that was requested; tell the worker of one that runs. Cancelled already is no error.

        Raises:
            NotFoundError: there is none of this id.
            ConflictError: it has ended otherwise.
        """
        while True:
            found = await self._find(job_id)
            if found is None:
                raise NotFoundError(f"there is no job {job_id}")
            job, record = found
            if job.state == "cancelled" or (job.state == "running" and job.cancel_requested_by):
                return job
            if job.has_ended:
                raise ConflictError(f"job {job_id} has ended: it {job.state}")
            cancelled = msgspec.structs.replace(job, cancel_requested_by=by)
            if job.state == "requested":
                cancelled = end(cancelled, "cancelled", f"cancelled by {by}")
            with contextlib.suppress(EngineConflictError):
                await self.records.replace(record.id, KIND, cancelled, record.version, job.requested_at)
                if cancelled.has_ended:
                    await lease.clear(self.records, job_id)
                return cancelled

    async def begin(self, job: Job, worker: str) -> Job:
        """Make a job this worker's; raises LeaseLostError where it has ended or is begun by another."""
        begun = msgspec.structs.replace(
            job,
            state="running",
            worker=worker,
            attempt=job.attempt + 1,
            started_at=datetime.now(UTC),
            figures={},
        )
        return await self._replace(begun, lambda now: now.attempt == job.attempt and not now.has_ended)

    async def write(self, job: Job) -> Job:
        """Write the state of a job that this worker runs; return it with what others asked of it meanwhile.

        Raises:
            LeaseLostError: the job is another worker's now, or has ended.
        """
        return await self._replace(job, _is_run_by(job))

    async def hand_back(self, job: Job) -> Job:
        """Leave a job that this worker runs to the next one; raises as `write`."""
        waiting = msgspec.structs.replace(
            job, state="requested", stage=None, progress=None, percent=0.0, attempt=job.attempt - 1
        )
        return await self._replace(waiting, _is_run_by(job))

    async def _replace(self, job: Job, is_ours: Callable[[Job], bool]) -> Job:
        while True:
            found = await self._find(job.id)
            if found is None:
                raise LeaseLostError(f"job {job.id} is gone")
            now, record = found
            job = msgspec.structs.replace(job, cancel_requested_by=now.cancel_requested_by)
            if now == job:  # written already: the answer was lost
                return job
            if not is_ours(now):
                raise LeaseLostError(f"job {job.id} is no longer this process's: it is {now.state}")
            with contextlib.suppress(EngineConflictError):
                await self.records.replace(record.id, KIND, job, record.version, job.requested_at)
                return job

    async def forget_old(self) -> None:
        """Delete the jobs beyond the newest KEPT_JOBS."""
        for record in (await self.records.list_newest(KIND, 2 * KEPT_JOBS))[KEPT_JOBS:]:
            await self.records.delete(record.id)


def _is_run_by(job: Job) -> Callable[[Job], bool]:
    return lambda now: (now.state, now.worker, now.attempt) == ("running", job.worker, job.attempt)


def _check_same(job: Job, request: JobRequest) -> Job:
    if job.request != request:
        raise ConflictError(f"this Idempotency-Key was used for another request: job {job.id}")
    return job


def _make(request: JobRequest, by: str, key: str) -> Job:
    return Job(
        id=_new_id(by, key),
        requested_by=by,
        requested_at=datetime.now(UTC),
        reason=request.reason,
        request=request,
    )


def _record_id(job_id: str) -> str:
    return f"job-{job_id}"


def _new_id(by: str, key: str) -> str:
    if key:
        return "k" + hashlib.sha256(f"{by}\n{key}".encode()).hexdigest()[:24]
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{uuid.uuid4().hex[:6]}"
