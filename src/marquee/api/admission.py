"""Admission: so many questions at the engine at once, a short wait for the others, then a quick refusal.

A queue that grows serves nobody: whoever comes out of it at the end has long given up. At twice the capacity
half the requests are answered in time and the rest at once, with 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from marquee import tracing
from marquee.errors import OverloadedError

_log = logging.getLogger("marquee.api")

# The promise is 500 ms; a question takes less than 100 once it is asked. With half of this, a pause of 400 ms
# of the machine had 5 of 86,950 requests refused at 40 % of capacity (`benchmarks.swaps`).
MAX_WAIT_S = 0.3
# A queue that has been standing for so long is no burst and will not go by itself: who comes to it waits no
# longer than this. At twice the capacity, waits of .3 s had the answered take 464 ms (p99), and refusals 310
# (median); see "Fail at Scale" (ACM Queue, 2015), "controlled delay".
STANDING_S, STANDING_WAIT_S = 1.0, 0.1
SAY_EVERY_S = 5.0
# A match of a hundred names beside suggests: with all places to themselves, 24 clients' matches had 105 of
# 116 suggests refused.
HEAVY_SHARE = 4
# Who waits behind so many for each place would wait too long anyway.
WAITING_PER_PLACE = 8


class Admission:
    """Places at the engine, first come, first served; what is heavy gets a part of them only."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._all = _Places(places)
        self._heavy = _Places(max(1, places // HEAVY_SHARE))
        self.under_way = 0
        self.refused = 0
        self._refused_since, self._said_at = 0, float("-inf")

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._all.waiting + self._heavy.waiting

    def enter(self, *, is_heavy: bool = False) -> contextlib.AbstractAsyncContextManager[None]:
        """Take a place, and give it back at the end.

        Raises:
            OverloadedError: none became free soon enough.
        """
        return _Entry(self, is_heavy=is_heavy)

    async def take(self, *, is_heavy: bool) -> None:
        """Take a place. For `enter`."""
        if is_heavy and not await self._heavy.take():
            raise self._refuse()
        is_taken = False
        try:
            if not (is_taken := await self._all.take()):
                raise self._refuse()
        finally:
            if is_heavy and not is_taken:
                self._heavy.free.release()
        self.under_way += 1

    def give_back(self, *, is_heavy: bool) -> None:
        """Give a place back. For `enter`."""
        self.under_way -= 1
        self._all.free.release()
        if is_heavy:
            self._heavy.free.release()

    def _refuse(self) -> OverloadedError:
        self.refused += 1
        self._refused_since += 1
        # Not of every one: what is overloaded must not write hundreds of lines a second as well.
        if time.monotonic() - self._said_at >= SAY_EVERY_S:
            _log.warning("%d requests were refused: more is asked than can be answered", self._refused_since)
            self._said_at, self._refused_since = time.monotonic(), 0
        return OverloadedError("more is asked than can be answered in time")


class _Entry:
    """Somebody who is let in. A class, since a generator takes twice as long."""

    __slots__ = ("_admission", "_is_heavy")

    def __init__(self, admission: Admission, *, is_heavy: bool) -> None:
        self._admission, self._is_heavy = admission, is_heavy

    async def __aenter__(self) -> None:
        await self._admission.take(is_heavy=self._is_heavy)

    async def __aexit__(self, *_: object) -> None:
        self._admission.give_back(is_heavy=self._is_heavy)


class _Places:
    """So many places, and who waits for them."""

    def __init__(self, count: int) -> None:
        self.free = asyncio.Semaphore(count)
        self._max_waiting = count * WAITING_PER_PLACE
        self.waiting = 0
        self._stands_since = 0.0

    async def take(self) -> bool:
        """Take a place; False where none became free soon enough."""
        if not self.free.locked():
            return await self.free.acquire()
        if self.waiting >= self._max_waiting:
            return False
        if self.waiting == 0:
            self._stands_since = time.monotonic()
        is_standing = time.monotonic() - self._stands_since > STANDING_S
        self.waiting += 1
        try:
            with tracing.record("queue"):
                async with asyncio.timeout(STANDING_WAIT_S if is_standing else MAX_WAIT_S):
                    return await self.free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
