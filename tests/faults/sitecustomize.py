"""Faults in Marquee's processes, put there through PYTHONPATH: this folder on it, and

FAULT_PACE  constants of modules to set, in seconds: "marquee.api.jobs.KEEP_ALIVE_S=1 …"
FAULT_AT    in a rebuild, at which point: the name of a stage, or `before` or `after` create, complete, meta,
            warm or swap
FAULT_KILL  who is killed there: rebuild, worker, or both of them
FAULT_GATE  instead of a kill: a file; the rebuild waits there for as long as it exists
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

PROCESS = "marquee.reindex.process"


def strike() -> None:
    """Kill whoever is to be killed."""
    whom = os.environ.get("FAULT_KILL")
    if whom in ("worker", "both"):
        os.kill(os.getppid(), signal.SIGKILL)
    if whom in ("rebuild", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


async def reach(point: str) -> None:
    """Do what is to happen at a point."""
    if point != os.environ["FAULT_AT"]:
        return
    strike()
    gate = os.environ.get("FAULT_GATE", "")
    while gate and os.path.exists(gate):  # noqa: ASYNC110, ASYNC240, PTH110  # a test opens it
        await asyncio.sleep(0.05)


def wrap(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Put a point before and after a coroutine function."""

    async def run(*arguments: Any, **named: Any) -> Any:
        await reach(f"before {name}")
        result = await function(*arguments, **named)
        await reach(f"after {name}")
        return result

    return run


def install() -> None:
    """Put the points where they belong."""
    from marquee.engine import generations, switch
    from marquee.reindex import promotion
    from marquee.reindex.stages import Meter

    generations.create = wrap(generations.create, "create")
    generations.complete = wrap(generations.complete, "complete")
    generations.write_meta = wrap(generations.write_meta, "meta")
    switch.swap = wrap(switch.swap, "swap")
    promotion.warm = wrap(promotion.warm, "warm")  # type: ignore[attr-defined]
    start = Meter.start

    def start_stage(self: Meter, stage: str, total: int | None = None, unit: str = "rows") -> None:
        if stage == os.environ["FAULT_AT"]:
            strike()
        start(self, stage, total, unit)

    Meter.start = start_stage  # type: ignore[method-assign]


def set_pace() -> None:
    """Shorten what a test would only wait for."""
    for each in os.environ.get("FAULT_PACE", "").split():
        name, _, seconds = each.partition("=")
        module, _, constant = name.rpartition(".")
        found = importlib.import_module(module)
        assert hasattr(found, constant), name
        setattr(found, constant, float(seconds))


set_pace()
if PROCESS in sys.orig_argv and "FAULT_AT" in os.environ:
    install()
