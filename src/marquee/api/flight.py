"""Work that all share who ask for it while it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Flight(Generic[Result]):
    """One piece of work, which is never done twice at once, however many ask for it."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._work = work
        self._task: asyncio.Task[Result] | None = None

    async def join(self) -> Result:
        """Return what the work returns; raises what it raises."""
        if self._task is None:
            self._task = asyncio.create_task(self._work())
            self._task.add_done_callback(self._land)
        # Shielded: who hangs up ends his own wait only.
        return await asyncio.shield(self._task)

    def _land(self, task: asyncio.Task[Result]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # taken, also where everybody has hung up
