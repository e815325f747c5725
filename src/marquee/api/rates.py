"""How often somebody may ask: counted in Redis, which all processes share, else in memory.

Counted is by sliding window: the window before weighs by the part of it that still lies within the span.
Unlike fixed windows it lets nobody have twice the rate around a full minute, and unlike a log of moments it
takes two numbers per client, whatever the limit. The library's own store in memory is not used: at every
request it goes through all the clients it knows.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from types import TracebackType
from typing import Self

from cachetools import LRUCache
from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from marquee.errors import SettingsError
from marquee.settings import Settings

# A Redis in the same building answers within a millisecond. One that does not within this is left alone for a
# while, so that it costs one request in thousands these milliseconds, and the others nothing.
REDIS_TIMEOUT_S = 0.02
REDIS_REST_S = 5.0
# Some 300 bytes each. Whoever is pushed out by so many others begins with a clean slate.
MAX_CLIENTS = 50_000

_log = logging.getLogger("marquee.api")


def read_limits(text: str) -> tuple[RateLimitItem, ...]:
    """Read MARQUEE_RATE_LIMIT: `20/second`, `600/minute`, several with `;` between them; empty is none.

    Raises:
        SettingsError: it is something else.
    """
    if not text:
        return ()
    try:
        limits = tuple(parse_many(text))
    except ValueError:
        limits = ()
    if not limits or any(limit.amount < 1 or limit.get_expiry() < 1 for limit in limits):
        raise SettingsError(
            f"MARQUEE_RATE_LIMIT={text!r} cannot be used: write a number and a span, `20/second` or "
            "`600/minute`, several with `;` between them"
        )
    return limits


class Rates:
    """Counts what everybody asks. Use as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        """Prepare to count; Redis is asked for the first time when there is something to count.

        Raises:
            SettingsError: the address of Redis cannot be used.
        """
        self._windows: LRUCache[str, _Window] = LRUCache(MAX_CLIENTS)
        self._shared = _Shared(settings) if settings.redis_url else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shared is not None:
            await self._shared.close()

    async def spend(self, limit: RateLimitItem, who: str) -> float:
        """Count a request and return 0, or where it is one too many, in how many seconds to come again."""
        if self._shared is not None and (wait_s := await self._shared.spend(limit, who)) is not None:
            return wait_s
        key = limit.key_for(who)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window()
        return window.spend(limit.amount, limit.get_expiry(), time.monotonic())


class _Window:
    """What one client asked in the present window and in the one before."""

    __slots__ = ("before", "began", "count")

    def __init__(self) -> None:
        self.began = -math.inf
        self.before = self.count = 0

    def spend(self, amount: int, span_s: int, now: float) -> float:
        age = now - self.began
        if age >= 2 * span_s:
            self.began, self.before, self.count, age = now, 0, 0, 0.0
        elif age >= span_s:
            self.began, self.before, self.count, age = self.began + span_s, self.count, 0, age - span_s
        wait_s = _wait_for(amount, span_s, self.before, span_s - age, self.count)
        if not wait_s:
            self.count += 1
        return wait_s


def _wait_for(amount: int, span_s: float, before: int, left_s: float, count: int) -> float:
    """Return in how many seconds one more fits; `left_s` is what is left of the present window."""
    if count < amount:
        # Of the window before, a part weighs that shrinks to nothing as the present one ends.
        fits_at = (amount - count) * span_s / before if before else math.inf
        return max(left_s - fits_at, 0.0) if before * left_s / span_s + count >= amount else 0.0
    return max(left_s, 0.001)


class _Shared:
    """The same, counted in Redis; None where it does not answer."""

    def __init__(self, settings: Settings) -> None:
        try:
            pool: ConnectionPool = ConnectionPool.from_url(
                settings.redis_url,
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:  # its text may quote the address, and that a password
            raise SettingsError(
                "MARQUEE_REDIS_URL takes redis://[user:password@]host[:port][/db], rediss://… or unix://path"
            ) from None
        self._redis = Redis(connection_pool=pool)
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=f"{settings.index_prefix}:rates",
            connection_pool=pool,  # type: ignore[arg-type]  # as it documents, and does not declare
        )
        self._asks_again_at = -math.inf
        self._is_away = False

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def spend(self, limit: RateLimitItem, who: str) -> float | None:
        now = time.monotonic()
        if now < self._asks_again_at:
            return None
        if self._is_away:
            self._asks_again_at = now + REDIS_REST_S  # one tries; others do not wait with it
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                wait_s = await self._ask(limit, limit.key_for(who))
        except (RedisError, OSError, TimeoutError) as error:
            self._asks_again_at = time.monotonic() + REDIS_REST_S
            if not self._is_away:
                _log.warning(
                    "Redis is away (%s): each process counts rate limits for itself", type(error).__name__
                )
            self._is_away = True
            return None
        if self._is_away:
            self._is_away, self._asks_again_at = False, -math.inf
            _log.warning("Redis is back: rate limits are counted there")
        return wait_s

    async def _ask(self, limit: RateLimitItem, key: str) -> float:
        span_s = limit.get_expiry()
        if await self._storage.acquire_sliding_window_entry(key, limit.amount, span_s):
            return 0.0
        before, before_s, count, count_s = await self._storage.get_sliding_window(key, span_s)
        # Redis keeps the present window for two spans, so that it can become the one before.
        left_s = before_s if count < limit.amount else count_s - span_s
        return max(_wait_for(limit.amount, span_s, before, left_s, count), 0.001)
