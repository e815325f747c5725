"""Admission: so many questions at the engine at once, a short wait for the others, then a quick refusal.

A queue that grows serves nobody: whoever comes out of it at the end has long given up. At twice the capacity
half the requests are answered in time and the rest at once, with 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from marquee import tracing
from marquee.errors import OverloadedError

_log = logging.getLogger("marquee.api")

# The promise is 500 ms; a question takes less than 100 once it is asked.
MAX_WAIT_S = 0.15
SAY_EVERY_S = 5.0
# Who waits behind so many for each place would wait too long anyway.
WAITING_PER_PLACE = 4


class Admission:
    """Places at the engine, first come, first served."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = asyncio.Semaphore(places)
        self._max_waiting = places * WAITING_PER_PLACE
        self.waiting = 0
        self.under_way = 0
        self.refused = 0
        self._refused_since, self._said_at = 0, float("-inf")

    @contextlib.asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Take a place, and give it back at the end.

        Raises:
            OverloadedError: none became free soon enough.
        """
        await self._take()
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self._free.release()

    async def _take(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self.waiting >= self._max_waiting:
            self._refuse()
        self.waiting += 1
        try:
            with tracing.record("queue"):
                async with asyncio.timeout(MAX_WAIT_S):
                    await self._free.acquire()
        except TimeoutError:
            self._refuse()
        finally:
            self.waiting -= 1

    def _refuse(self) -> None:
        self.refused += 1
        self._refused_since += 1
        # Not of every one: what is overloaded must not write hundreds of lines a second as well.
        if time.monotonic() - self._said_at >= SAY_EVERY_S:
            _log.warning("%d requests were refused: more is asked than can be answered", self._refused_since)
            self._said_at, self._refused_since = time.monotonic(), 0
        raise OverloadedError("more is asked than can be answered in time") from None
