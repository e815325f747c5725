"""Redis, which all processes share: asked within milliseconds or not at all, and never a reason to fail.

A few connections are opened at the start and used by turns: a burst that opened one for each question would
time out on all of them, and Redis be taken for dead. One that does not answer is left alone for a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from marquee.breaker import Breaker, BreakerOpenError
from marquee.errors import SettingsError

# A Redis next door answers some ten thousand questions a second through so many.
CONNECTIONS = 8
OPEN_TIMEOUT_S = 0.5
FAILURES, PAUSE_S = 3, 2.0
# What is done and what is due in one turn of a busy loop: the time limit is not to win by coming first.
GRACE_TURNS = 3

T = TypeVar("T")

_log = logging.getLogger("marquee.api")


class Shared:
    """One Redis. Use `open`, then `close`."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            SettingsError: the address cannot be used; the text does not quote it.
        """
        try:
            # Its own retries would wait for a server that is away; the breaker does that for all requests.
            self.redis = Redis.from_url(
                url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=OPEN_TIMEOUT_S
            )
        except (ValueError, RedisError):
            raise SettingsError(
                "MARQUEE_REDIS_URL takes redis://[user:password@]host[:port][/number], rediss://… or unix://path"
            ) from None
        self.errors = 0
        # What Redis refuses (it is full, say) it has answered.
        self._breaker = Breaker(
            (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError),
            threshold=FAILURES,
            pause_s=PAUSE_S,
        )
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._opening: asyncio.Task[None] | None = None
        self._is_away = False

    @property
    def state(self) -> str:
        """closed where it answers; open where it is left alone; half-open where it may be tried."""
        return self._breaker.state

    async def open(self) -> None:
        """Connect, so that the first questions need not; one that is away is tried again later."""
        pings = (self._within(self._ping, OPEN_TIMEOUT_S) for _ in range(CONNECTIONS))
        answers = await asyncio.gather(*pings, return_exceptions=True)
        errors = [each for each in answers if isinstance(each, Exception)]
        if len(errors) == CONNECTIONS:
            self._tell_away(errors[0])

    async def close(self) -> None:
        """Close the connections."""
        if self._opening is not None:
            self._opening.cancel()
        await self.redis.aclose()

    async def ask(self, question: Callable[[], Awaitable[T]], timeout_s: float) -> T | None:
        """Return Redis's answer; None where there is none in time, or too many are waiting for theirs."""
        if not await self._take(timeout_s):
            return None
        try:
            with self._breaker.guard():
                answer = await self._within(question, timeout_s)
        except BreakerOpenError:
            return None
        except (RedisError, OSError, TimeoutError) as error:
            self.errors += 1
            self._note(error)
            return None
        finally:
            self._places.release()
        self._note(None)
        return answer

    async def _take(self, timeout_s: float) -> bool:
        if not self._places.locked():
            return await self._places.acquire()
        if self._breaker.state == "open":
            return False
        try:
            async with asyncio.timeout(timeout_s):
                return await self._places.acquire()
        except TimeoutError:
            return False

    async def _within(self, question: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        asking = asyncio.ensure_future(question())
        # What it comes to when nobody waits any more is nobody's trouble.
        asking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            await asyncio.wait([asking], timeout=timeout_s)
            for _ in range(GRACE_TURNS):
                if asking.done():
                    break
                await asyncio.sleep(0)
            if not asking.done():
                raise TimeoutError
            return await asking
        finally:
            asking.cancel()

    async def _ping(self) -> Any:
        return await self.redis.get("marquee:ping")

    def _note(self, error: Exception | None) -> None:
        """Tell once that it is away, and once that it is back; connections that broke are replaced."""
        if error is None:
            if self._is_away:
                _log.warning("Redis is back")
            self._is_away = False
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self.open())
        if self._breaker.state == "open":
            self._tell_away(error)

    def _tell_away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning(
                "Redis is away (%s): each process keeps answers and counts rates for itself",
                type(error).__name__,
            )
