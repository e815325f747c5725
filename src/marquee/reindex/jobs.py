"""The jobs and their records. At most one is under way: `engine/lease` has its place."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from marquee.engine import generations, lease
from marquee.engine.records import Record, Records, decode, decode_known
from marquee.errors import (
    ConflictError,
    EngineConflictError,
    LeaseHeldError,
    LeaseLostError,
    NotFoundError,
    OtherReleaseError,
)
from marquee.reindex import audit
from marquee.reindex.job import Job, JobRequest, State, end, find_generation, say_made

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
            OtherReleaseError: the job under way is another release's.
        """
        job = _make(request, by, key)
        if key and (earlier := await self._find(job.id)):
            return _check_same(earlier[0], request)
        active = await self.find_active()
        if active is not None and not active.has_ended and active.id != job.id:
            raise _held_by(active)
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

        A job whose process has been silent for its lease's whole time is over, and buried: where no worker
        runs, nobody else would do it. One that waits for a worker keeps its place.

        Raises:
            LeaseHeldError: another job is under way.
            OtherReleaseError: it is another release's.
        """
        job = _make(request, by, "")
        held = await self.hold(holder, ttl_s)
        async with lease.handing_back(held):
            await held.pass_place_on(job.id, msgspec.to_builtins(job))
            with contextlib.suppress(EngineConflictError):
                await self.records.create(_record_id(job.id), KIND, job, job.requested_at)
        return job, held

    async def hold(self, holder: str, ttl_s: float) -> lease.Lease:
        """Take the lease where no job is under way; one whose process has died is buried.

        Raises:
            LeaseHeldError: a job is under way.
            OtherReleaseError: it is another release's.
        """
        watch = await lease.wait_until_free(self.records)
        # Read only now: a worker that was told to stop may have handed it back meanwhile.
        active = await self.find_active()
        if active is not None and _waits_for_a_worker(active):
            raise _held_by(active)
        # The dead one keeps its place until it is buried: should this process die as well, it is found again.
        held = await lease.Lease.take(self.records, holder, ttl_s, active.id if active else "", watch)
        async with lease.handing_back(held):
            if active is not None and not active.has_ended:
                await self.bury(active, say_died(active))
        return held

    async def bury(self, job: Job, reason: str, state: State = "failed") -> None:
        """End a job that nobody runs, leaving what stands of its run; only under the lease.

        One whose process died after its swap has succeeded.
        """
        every = await generations.list_generations(self.records.cluster, self.records.prefix)
        if (made := find_generation(every, job.id)) is not None:
            job = msgspec.structs.replace(job, generation=made.id)
            state, reason = "succeeded", say_made(made)
        elif job.cancel_requested_by:
            state, reason = "cancelled", f"cancelled by {job.cancel_requested_by}"
        with contextlib.suppress(LeaseLostError):  # it has ended
            await self._replace(end(job, state, reason), lambda now: not now.has_ended)

    async def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is none of this id.
            OtherReleaseError: it is another release's.
        """
        return (await self._read(job_id))[0]

    async def _read(self, job_id: str) -> tuple[Job, Record]:
        found = await self._find(job_id)
        if found is None:
            raise NotFoundError(f"there is no job {job_id}")
        return found

    async def _find(self, job_id: str) -> tuple[Job, Record] | None:
        record = await self.records.get(_record_id(job_id))
        return (decode(record.body, Job, f"job {job_id}"), record) if record else None

    async def list_newest(self, limit: int) -> list[Job]:
        """Return the newest jobs that this release can read, newest first."""
        return decode_known(await self.records.list_newest(KIND, limit), Job)

    async def find_active(self) -> Job | None:
        """Return the job that has the place of the one under way; it may have ended a moment ago.

        Raises:
            OtherReleaseError: it is another release's.
        """
        state, _ = await lease.read(self.records)
        if not state.job:
            return None
        found = await self._find(state.job)
        if found is None:  # who asked for it died before it was written down
            job = decode(state.pending, Job, f"job {state.job}")
            with contextlib.suppress(EngineConflictError):
                await self.records.create(_record_id(job.id), KIND, state.pending, job.requested_at)
            return job
        return found[0]

    async def cancel(self, job_id: str, by: str) -> Job:
        """Cancel a job that was requested; tell the worker of one that runs. Cancelled already is no error.

        What changes something stands in the audit log.

        Raises:
            NotFoundError: there is none of this id.
            ConflictError: it has ended otherwise.
            OtherReleaseError: it is another release's.
        """
        job = await self.get(job_id)
        if _is_cancelled(job):
            return job
        async with audit.record(self.records, "cancel", by, generation=job.generation, job=job_id):
            return await self._cancel(job_id, by)

    async def _cancel(self, job_id: str, by: str) -> Job:
        while True:
            job, record = await self._read(job_id)
            if _is_cancelled(job):
                return job
            cancelled = msgspec.structs.replace(job, cancel_requested_by=by)
            if job.state == "requested":
                cancelled = end(cancelled, "cancelled", f"cancelled by {by}")
            with contextlib.suppress(EngineConflictError):
                await self._store(cancelled, record)
                if cancelled.has_ended:
                    await lease.clear(self.records, job_id)
                return cancelled

    async def check_terms(self, job: Job) -> None:
        """Raise OtherReleaseError where a job is asked for in terms that another release has added.

        Who ran it all the same would do something else than was asked.
        """
        record = await self.records.get(_record_id(job.id))
        asked: dict[str, Any] = record.body["request"] if record else {}
        if unknown := sorted(asked.keys() - set(JobRequest.__struct_fields__)):
            raise OtherReleaseError(
                f"job {job.id} is left to workers of another release of Marquee: it asks for "
                + ", ".join(unknown)
            )

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
                await self._store(job, record)
                return job

    async def _store(self, job: Job, record: Record) -> None:
        await self.records.replace(record.id, KIND, job, record.version, job.requested_at, stored=record.body)

    async def forget_old(self) -> None:
        """Delete the jobs beyond the newest KEPT_JOBS."""
        for record in (await self.records.list_newest(KIND, 2 * KEPT_JOBS))[KEPT_JOBS:]:
            await self.records.delete(record.id)


def _waits_for_a_worker(job: Job) -> bool:
    return job.state == "requested" and job.is_resumable and not job.cancel_requested_by


def _held_by(job: Job) -> LeaseHeldError:
    return LeaseHeldError(f"job {job.id} is {job.state} (asked for by {job.requested_by})", job.id)


def _is_cancelled(job: Job) -> bool:
    if job.has_ended and job.state != "cancelled":
        raise ConflictError(f"job {job.id} has ended: it {job.state}")
    return job.has_ended or (job.state == "running" and job.cancel_requested_by is not None)


def say_died(job: Job) -> str:
    """Return why a job is over whose process is gone."""
    return f"the process that ran it ({job.worker or 'it had not begun'}) died"


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
