"""Running a job: the lease's heartbeat, the process that rebuilds, and what stands of it in the job's record.

The same for a worker and for `marquee reindex`. Whatever becomes of the rebuild's process (it fails, hangs,
is killed), its half-built generation is deleted and the job ends in a clear state; an engine that went away
is waited for, and the rebuild begun again; if the lease is lost, this process touches nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from marquee.engine import generations
from marquee.engine.cluster import Endpoint
from marquee.engine.lease import Lease
from marquee.errors import EngineError, LeaseLostError, MarqueeError, ReindexFailedError
from marquee.reindex import retention
from marquee.reindex.child import Child
from marquee.reindex.job import Amount, Job, State, end
from marquee.reindex.jobs import Jobs
from marquee.reindex.outcome import Outcome, find_made
from marquee.reindex.process import Order, Result, Sign
from marquee.settings import Settings

WRITE_EVERY_S = 1.0
# A job whose workers die again and again is the cause rather than the victim.
MAX_ATTEMPTS = 3
# A node that restarts is back within half a minute, a cluster that lost one within a few.
AWAY_FOR_S = 300.0
TELL_EVERY_S = 60.0
# Two small requests.
BEGIN_WITHIN_S = 3.0

T = TypeVar("T")

_log = logging.getLogger("marquee.reindex")

Follower = Callable[[Job], None]
"""Who watches a job: called with its state whenever that has changed."""


class Supervision:
    """One job under one lease."""

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        jobs: Jobs,
        held: Lease,
        worker: str,
        follow: Follower = lambda _: None,
    ) -> None:
        self._settings, self._endpoint, self._jobs = settings, endpoint, jobs
        self._lease, self._worker, self._follow = held, worker, follow
        self._ended: Job | None = None

    async def run(self, job: Job, *, hand_back: bool) -> Job:
        """Run a job to its end, and give the lease up; return the job as it ended.

        Cancelled itself, it ends the rebuild and then, with `hand_back`, leaves the job to the next worker;
        without, the job ends as cancelled. One whose generation is live by then has succeeded.

        Raises:
            LeaseLostError: another process took over; it does what is left to do.
            ReindexFailedError: how it ended could not be written down. The lease runs out then, and the next
                worker finds the job. With `hand_back` that is only so where the engine does not answer: while
                it answers and refuses (its disk is full, say), no other worker could do better.
        """
        self._job, self._is_patient = job, hand_back
        keeping = asyncio.create_task(self._lease.keep())
        try:
            await self._begin_or_stop()
            if self._job.has_ended:  # cancelled before it began
                await self._persist(self._lease.release)
                return self._job
            self._follow(self._job)
            result = await self._run_process(keeping)
            while result.state == "away" and self._job.attempt < MAX_ATTEMPTS:
                await self._persist(self._clean_up)
                await self._begin()
                result = await self._run_process(keeping)
            return await self._finish(result)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop_early(hand_back))
            raise
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _begin_or_stop(self) -> None:
        """Make the job this worker's; an interruption waits a moment: whose it is decides how it ends."""
        beginning = asyncio.ensure_future(self._begin())
        try:
            await asyncio.shield(beginning)
        except asyncio.CancelledError:
            await asyncio.wait([beginning], timeout=BEGIN_WITHIN_S)
            beginning.cancel()
            raise

    async def _begin(self) -> None:
        """Make the job this worker's, or learn that it has ended meanwhile."""
        before = self._job
        try:
            self._job = await self._persist(lambda: self._jobs.begin(before, self._worker))
        except LeaseLostError:
            now = await self._persist(lambda: self._jobs.get(before.id))
            # Ours by an earlier try, whose answer was lost.
            is_ours = (now.state, now.worker, now.attempt) == ("running", self._worker, before.attempt + 1)
            if not is_ours and not now.has_ended:
                raise
            self._job = now

    async def _run_process(self, keeping: asyncio.Task[None]) -> Result:
        """Run the rebuild's process; return how it ended, whatever that was."""
        order = Order(
            settings=self._settings,
            endpoint=self._endpoint,
            fence=self._lease.token,
            job=self._job.id,
            by=self._job.requested_by,
            request=self._job.request,
        )
        try:
            child = await Child.start(order)
        except OSError as error:  # no memory for one more process, say
            return Result(state="failed", reason=f"the rebuild's process could not be started: {error}")
        reading = asyncio.create_task(child.read(self._hear))
        writing = asyncio.create_task(self._write_and_watch(child))
        try:
            await asyncio.wait({reading, writing, keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (keeping, writing):  # what they raise is that the lease is lost
                if task.done():
                    task.result()
            return await reading
        except asyncio.CancelledError:
            await child.end()
            raise
        finally:
            reading.cancel()
            writing.cancel()
            await asyncio.wait({reading, writing})
            await child.close()

    def _hear(self, sign: Sign) -> None:
        self._job = _describe(self._job, sign)
        self._follow(self._job)

    async def _write_and_watch(self, child: Child) -> None:
        """Write the job down every second; end the process when somebody cancels it, or when it hangs."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            with contextlib.suppress(EngineError):  # away for a while: the next second tells more
                written = await self._jobs.write(self._job)
                self._job = msgspec.structs.replace(
                    self._job, cancel_requested_by=written.cancel_requested_by
                )
            if self._job.cancel_requested_by:
                child.tell_to_end()
            child.look_after()

    async def _finish(self, result: Result) -> Job:
        """Write down how the job ended, and give the lease up."""
        if result.state == "lost":
            raise LeaseLostError(result.reason)
        state: State = "failed" if result.state == "away" else result.state
        reason = result.reason
        if state != "succeeded":
            try:
                await self._clean_up()
            except EngineError as error:
                reason = f"{reason} (what was begun is left to the next reindex: {error})"
        if self._job.cancel_requested_by and state in ("cancelled", "failed"):
            state, reason = "cancelled", f"cancelled by {self._job.cancel_requested_by}"
        if result.figures:
            self._job = msgspec.structs.replace(self._job, figures={"stages": _to_json(result.figures)})
        self._ended = _conclude(self._job, state, reason, result.outcome)
        try:
            if state in ("cancelled", "failed"):
                self._ended = await self._persist(self._find_success) or self._ended
            await self._persist(self._write_end)
        except EngineError as error:
            told = f"{state}, {reason}" if reason else state
            raise ReindexFailedError(
                f"how job {self._job.id} ended ({told}) could not be recorded: {error}"
            ) from error
        self._follow(self._job)
        return self._job

    async def _find_success(self) -> Job | None:
        """Return the job as it ended if its generation is live, although its process could not say so."""
        every = await generations.list_generations(self._jobs.records.cluster, self._jobs.records.prefix)
        made = find_made(every, self._job.id)
        return _conclude(self._job, "succeeded", made.note, made) if made else None

    async def _write_end(self) -> None:
        assert self._ended is not None  # noqa: S101  # who calls has just set it
        self._job = await self._jobs.write(self._ended)
        await self._lease.release()

    async def _clean_up(self) -> None:
        """Delete what the rebuild began."""
        await retention.remove_orphans(
            self._settings, self._jobs.records, self._lease.token, self._worker, self._job.id
        )

    async def _persist(self, do: Callable[[], Awaitable[T]]) -> T:
        """Do it, and again while the engine is away or refuses: meanwhile nobody can take the lease over."""
        loop = asyncio.get_running_loop()
        began = told_at = loop.time()
        while True:
            try:
                return await do()
            except EngineError as error:
                waited_s = loop.time() - began
                if waited_s > AWAY_FOR_S and not (self._is_patient and await self._answers()):
                    raise
                if loop.time() - told_at >= TELL_EVERY_S:
                    told_at = loop.time()
                    _log.warning(
                        "job %s waits for the engine, %.0f s by now: %s", self._job.id, waited_s, error
                    )
            await asyncio.sleep(WRITE_EVERY_S)

    async def _answers(self) -> bool:
        """Tell whether the engine is there, whatever it refuses."""
        try:
            await self._jobs.records.cluster.health()
        except EngineError:
            return False
        return True

    async def _stop_early(self, hand_back: bool) -> None:
        """End as whoever runs this process wants to end: the job is another's, or cancelled."""
        with contextlib.suppress(MarqueeError):
            with contextlib.suppress(EngineError):
                await self._clean_up()
            if self._ended is None and (made := await self._find_success()) is not None:
                _log.warning("job %s was interrupted too late: %s", made.id, made.reason)
                self._ended = made
            by = self._job.cancel_requested_by
            if self._ended is None and (by or not hand_back):
                by = by or self._job.requested_by
                self._ended = end(self._job, "cancelled", f"cancelled by {by}")
            with contextlib.suppress(LeaseLostError):  # not begun yet: the lease alone is to be given up
                if self._ended is not None:
                    await self._write_end()
                    return
                await self._jobs.hand_back(self._job)
            await self._lease.hand_back()


def _conclude(job: Job, state: State, reason: str, outcome: Outcome | None) -> Job:
    """Return a job as it ended, with what came of it."""
    ended = end(job, state, reason)
    if outcome is None:
        return ended
    told = _to_json(outcome)
    figures = {key: told[key] for key in told if key not in ("generation", "note")}
    return msgspec.structs.replace(
        ended, generation=outcome.generation or None, figures=job.figures | figures
    )


def _describe(job: Job, sign: Sign) -> Job:
    reading = sign.reading
    is_rows = reading.unit in ("rows", "docs")
    return msgspec.structs.replace(
        job,
        stage=reading.stage or None,
        percent=reading.percent,
        rate_rows_s=reading.rate_s if is_rows else None,
        eta_s=reading.eta_s,
        generation=sign.generation,
        figures={"stages": _to_json(sign.ended)},
        progress=Amount(done=reading.done, total=reading.total, unit=reading.unit),
    )


def _to_json(value: Any) -> Any:
    """Return a value as it comes back from a record: by that a job is known that was written already."""
    return msgspec.json.decode(msgspec.json.encode(value))
