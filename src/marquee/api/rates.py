"""How often somebody may ask: counted in Redis, which all processes share, else in memory.

Counted is by sliding window: the window before weighs by the part of it that still lies within the span.
Unlike fixed windows it lets nobody have twice the rate around a full minute, and unlike a log of moments it
takes two numbers per client, whatever the limit. The library's own store in memory is not used: at every
request it goes through all the clients it knows.
"""

from __future__ import annotations

import math
import time

from cachetools import LRUCache
from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage

from marquee.api.shared import Shared
from marquee.errors import SettingsError
from marquee.settings import Settings

# A Redis in the same building answers within a millisecond; one that does not within this is done without.
REDIS_TIMEOUT_S = 0.02
# Some 300 bytes each. Whoever is pushed out by so many others begins with a clean slate.
MAX_CLIENTS = 50_000


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
    """Counts what everybody asks."""

    def __init__(self, settings: Settings, shared: Shared | None) -> None:
        self._windows: LRUCache[str, _Window] = LRUCache(MAX_CLIENTS)
        self._counter = _Counter(shared, settings.index_prefix) if shared else None

    async def spend(self, limit: RateLimitItem, who: str) -> float:
        """Count a request and return 0, or where it is one too many, in how many seconds to come again."""
        key = limit.key_for(who)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window()
        # Counted here also while Redis counts: where it fails, nobody begins anew.
        wait_s = window.spend(limit.amount, limit.get_expiry(), time.monotonic())
        if self._counter is not None and (shared_s := await self._counter.spend(limit, who)) is not None:
            return shared_s
        return wait_s


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


class _Counter:
    """The same, counted in Redis; None where it does not answer."""

    def __init__(self, shared: Shared, prefix: str) -> None:
        self._shared = shared
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=f"{prefix}:rates",
            connection_pool=shared.redis.connection_pool,  # type: ignore[arg-type]  # as it documents
        )

    async def spend(self, limit: RateLimitItem, who: str) -> float | None:
        return await self._shared.ask(lambda: self._ask(limit, limit.key_for(who)), REDIS_TIMEOUT_S)

    async def _ask(self, limit: RateLimitItem, key: str) -> float:
        span_s = limit.get_expiry()
        if await self._storage.acquire_sliding_window_entry(key, limit.amount, span_s):
            return 0.0
        before, before_s, count, count_s = await self._storage.get_sliding_window(key, span_s)
        # Redis keeps the present window for two spans, so that it can become the one before.
        left_s = before_s if count < limit.amount else count_s - span_s
        return max(_wait_for(limit.amount, span_s, before, left_s, count), 0.001)
