"""Running a job: the lease's heartbeat, the process that rebuilds, and what stands of it in the job's record.

The same for a worker and for `marquee reindex`. Whatever becomes of the rebuild's process (it fails, hangs,
is killed), its half-built generation is deleted and the job ends in a clear state; an engine that went away
is waited for, and the rebuild begun again; if the lease is lost, this process touches nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from marquee.engine.cluster import Endpoint
from marquee.engine.lease import Lease
from marquee.errors import EngineError, LeaseLostError, MarqueeError
from marquee.reindex import retention
from marquee.reindex.job import Amount, Job, State, end
from marquee.reindex.jobs import Jobs
from marquee.reindex.process import Message, Order, Result, Sign, encode_order
from marquee.settings import Settings

WRITE_EVERY_S = 1.0
# Where the system has no class of idle processes.
NICENESS = 19
# The process says how far it is twice a second, from its event loop; none of its steps blocks that for long.
HUNG_AFTER_S = 120.0
# Ended by SIGTERM it cleans up for up to 15 s by itself.
KILLED_AFTER_S = 20.0
# A job whose workers die again and again is the cause rather than the victim.
MAX_ATTEMPTS = 3
# A node that restarts is back within half a minute, a cluster that lost one within a few.
AWAY_FOR_S = 300.0
# Results hold at most a few hundred kilobytes: gate, difference, figures.
_MAX_MESSAGE_BYTES = 16 << 20

T = TypeVar("T")

_decoder = msgspec.json.Decoder(Message)


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
        self._heard = 0.0

    async def run(self, job: Job, *, hand_back: bool) -> Job:
        """Run a job to its end, and give the lease up; return the job as it ended.

        Cancelled itself, it ends the rebuild and then, with `hand_back`, leaves the job to the next worker;
        without, the job ends as cancelled.

        Raises:
            LeaseLostError: another process took over; it does what is left to do.
            EngineError: the engine was away for so long that the end could not be written down. The lease
                runs out then, and the next worker finds the job.
        """
        self._job = job
        keeping = asyncio.create_task(self._lease.keep())
        try:
            self._job = await self._jobs.begin(job, self._worker)
            self._follow(self._job)
            result = await self._run_process(keeping)
            while result.state == "away" and self._job.attempt < MAX_ATTEMPTS:
                await self._persist(self._clean_up)
                self._job = await self._persist(lambda: self._jobs.begin(self._job, self._worker))
                result = await self._run_process(keeping)
            return await self._finish(result)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop_early(hand_back))
            raise
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _run_process(self, keeping: asyncio.Task[None]) -> Result:
        """Run the rebuild's process; return how it ended, whatever that was."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "marquee.reindex.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_MESSAGE_BYTES,
            env=self._make_environ(),
        )
        _yield_to_others(process.pid)
        reading = asyncio.create_task(self._read(process))
        writing = asyncio.create_task(self._write_and_watch(process))
        try:
            await self._give_order(process)
            await asyncio.wait({reading, writing, keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (keeping, writing):  # what they raise is that the lease is lost
                if task.done():
                    process.kill()
                    task.result()
            return await reading
        except asyncio.CancelledError:
            await self._terminate(process)
            raise
        finally:
            reading.cancel()
            writing.cancel()
            await asyncio.wait({reading, writing})
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _make_environ(self) -> dict[str, str]:
        """Where nobody waits for the rebuild, its joins leave a core to those who search.

        Two idle threads on two cores still triple the 99th percentile of searches, one changes nothing.
        """
        if self._job.request.attended:
            return dict(os.environ)
        threads = max(1, (os.cpu_count() or 2) - 1)
        return {"POLARS_MAX_THREADS": str(threads), **os.environ}

    async def _give_order(self, process: asyncio.subprocess.Process) -> None:
        order = Order(
            settings=self._settings,
            endpoint=self._endpoint,
            fence=self._lease.token,
            job=self._job.id,
            by=self._job.requested_by,
            request=self._job.request,
        )
        assert process.stdin is not None  # noqa: S101  # asked for above
        process.stdin.write(encode_order(order))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.drain()

    async def _read(self, process: asyncio.subprocess.Process) -> Result:
        """Read the process's messages to its end."""
        assert process.stdout is not None  # noqa: S101  # asked for above
        self._heard = asyncio.get_running_loop().time()
        result: Result | None = None
        async for line in process.stdout:
            self._heard = asyncio.get_running_loop().time()
            message: Any = _decoder.decode(line)
            if isinstance(message, Result):
                result = message
            elif isinstance(message, Sign):
                self._job = _describe(self._job, message)
                self._follow(self._job)
        code = await process.wait()
        if result is None:
            return Result(state="failed", reason=f"the process of the reindex died: {_name_exit(code)}")
        return result

    async def _write_and_watch(self, process: asyncio.subprocess.Process) -> None:
        """Write the job down every second; end the process when somebody cancels it, or when it hangs."""
        terminated_at: float | None = None
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            now = asyncio.get_running_loop().time()
            with contextlib.suppress(EngineError):  # away for a while: the next second tells more
                written = await self._jobs.write(self._job)
                self._job = msgspec.structs.replace(
                    self._job, cancel_requested_by=written.cancel_requested_by
                )
            if self._job.cancel_requested_by and terminated_at is None:
                terminated_at = now
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            is_stubborn = terminated_at is not None and now - terminated_at > KILLED_AFTER_S
            if is_stubborn or now - self._heard > HUNG_AFTER_S:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()

    async def _terminate(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), KILLED_AFTER_S)
        except TimeoutError:
            process.kill()

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
        ended = end(self._job, state, reason)
        figures: dict[str, Any] = {"stages": msgspec.to_builtins(result.figures)}
        if (outcome := result.outcome) is not None:
            told = msgspec.to_builtins(outcome)
            figures |= {key: told[key] for key in told if key not in ("generation", "note")}
            ended = msgspec.structs.replace(ended, generation=outcome.generation or None)
        ended = msgspec.structs.replace(ended, figures=figures)
        self._job = await self._persist(lambda: self._jobs.write(ended))
        await self._persist(self._lease.release)
        self._follow(self._job)
        return self._job

    async def _clean_up(self) -> None:
        """Delete what the rebuild began."""
        await retention.remove_orphans(
            self._settings, self._jobs.records, self._lease.token, self._worker, self._job.id
        )

    async def _persist(self, do: Callable[[], Awaitable[T]]) -> T:
        """Do it, and again while the engine is away: meanwhile nobody can take the lease over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + AWAY_FOR_S
        while True:
            try:
                return await do()
            except EngineError:
                if loop.time() > until:
                    raise
            await asyncio.sleep(WRITE_EVERY_S)

    async def _stop_early(self, hand_back: bool) -> None:
        """End as whoever runs this process wants to end: the job is another's, or cancelled."""
        with contextlib.suppress(MarqueeError):
            with contextlib.suppress(EngineError):
                await self._clean_up()
            if hand_back and not self._job.cancel_requested_by:
                await self._jobs.hand_back(self._job)
                await self._lease.hand_back()
            else:
                by = self._job.cancel_requested_by or self._job.requested_by
                await self._jobs.write(end(self._job, "cancelled", f"cancelled by {by}"))
                await self._lease.release()


def _yield_to_others(pid: int) -> None:
    """Have a process give way to whoever answers searches: parsing and joining take whole cores for minutes.

    An idle process gets what is left over, and is put aside the moment somebody else wakes up; a merely nice
    one is let run on for some milliseconds, of which a search notices every one (p99 of searches with one
    such process on two cores 2.5 times that without, with an idle one the same).
    """
    with contextlib.suppress(OSError):  # gone already
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)


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
        figures={"stages": msgspec.to_builtins(sign.ended)},
        progress=Amount(done=reading.done, total=reading.total, unit=reading.unit),
    )


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    hint = ", perhaps because memory ran out" if -code == signal.SIGKILL else ""
    return f"signal {signal.Signals(-code).name}{hint}"
