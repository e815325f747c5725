"""The rebuild's process as its parent sees it: started, read, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Self

import msgspec

from marquee.reindex.process import Message, Order, Result, Sign, encode_order

# Where the system has no class of idle processes.
NICENESS = 19
# The process says how far it is twice a second, from its event loop; none of its steps blocks that for long.
HUNG_AFTER_S = 120.0
# Ended by SIGTERM it cleans up for up to 15 s by itself.
KILLED_AFTER_S = 20.0
# Results hold at most a few hundred kilobytes: gate, difference, figures.
_MAX_MESSAGE_BYTES = 16 << 20

_decoder = msgspec.json.Decoder(Message)


class Child:
    """One process that rebuilds; `close` it whatever happens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._heard_at = _now()
        self._told_at: float | None = None
        self._why_killed = ""

    @classmethod
    async def start(cls, order: Order) -> Self:
        """Start a process and give it its order."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "marquee.reindex.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_MESSAGE_BYTES,
            env=_make_environ(attended=order.request.attended),
        )
        _yield_to_others(process.pid)
        assert process.stdin is not None  # noqa: S101  # asked for above
        process.stdin.write(encode_order(order))
        return cls(process)

    async def read(self, hear: Callable[[Sign], None]) -> Result:
        """Read the process's messages to its end; return how it ended, whatever that was."""
        assert self._process.stdout is not None  # noqa: S101  # asked for above
        result: Result | None = None
        async for line in self._process.stdout:
            self._heard_at = _now()
            message: Any = _decoder.decode(line)
            if isinstance(message, Result):
                result = message
            elif isinstance(message, Sign):
                hear(message)
        code = await self._process.wait()
        if result is not None:
            return result
        why = self._why_killed or f"it died: {_name_exit(code)}"
        return Result(state="failed", reason=f"the process of the reindex did not end by itself: {why}")

    def tell_to_end(self) -> None:
        """Tell it to clean up and end, once."""
        if self._told_at is None:
            self._told_at = _now()
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def look_after(self) -> None:
        """Kill it where it hangs, or does not end although it was told to."""
        if self._told_at is not None and _now() - self._told_at > KILLED_AFTER_S:
            self._kill(f"it was told to end, and went on for {KILLED_AFTER_S:.0f} s")
        elif _now() - self._heard_at > HUNG_AFTER_S:
            self._kill(f"it hung: no sign of life for {HUNG_AFTER_S:.0f} s")

    async def end(self) -> None:
        """Tell it to end, and see that it does."""
        self.tell_to_end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._process.wait()), KILLED_AFTER_S)

    async def close(self) -> None:
        """See that no process is left."""
        if self._process.returncode is None:
            self._kill("it was not needed any more")
            await self._process.wait()

    def _kill(self, why: str) -> None:
        self._why_killed = self._why_killed or why
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _make_environ(*, attended: bool) -> dict[str, str]:
    """Where nobody waits for the rebuild, its joins leave a core to those who search.

    Two idle threads on two cores still triple the 99th percentile of searches, one changes nothing.
    """
    if attended:
        return dict(os.environ)
    threads = max(1, (os.cpu_count() or 2) - 1)
    return {"POLARS_MAX_THREADS": str(threads), **os.environ}


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


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    hint = ", perhaps because memory ran out" if -code == signal.SIGKILL else ""
    return f"signal {signal.Signals(-code).name}{hint}"
