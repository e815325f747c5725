"""The cache: answers as they were encoded, by question, generation and epoch.

A swap invalidates it by itself: the generation is part of the key. Two layers: this process's memory, bounded
by bytes, least recently used first out; and Redis, where one is set, which all processes share. Redis may be
away, slow or full: that costs a few milliseconds now and then, and never an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import NamedTuple, cast

import msgspec
from cachetools import LRUCache
from redis.exceptions import RedisError

from marquee import __version__, tracing
from marquee.api.shared import Shared
from marquee.reindex.health import Layer as Layer
from marquee.settings import Settings

# What Python adds to an entry: the key, the struct, the slots of two dictionaries. Measured with tracemalloc.
OVERHEAD_BYTES = 600
# An answer larger than this share of the memory would push out too many others.
MAX_SHARE = 1 / 16
# A Redis next door answers within a millisecond; a search takes not much more than this.
READ_TIMEOUT_S = 0.005
# Nobody waits for a write.
WRITE_TIMEOUT_S = 0.25
CLEAR_TIMEOUT_S = 5.0
# A generation lives for a day or two; what nobody asked for that long goes by itself.
REDIS_TTL_S = 24 * 3600
# Writes that wait for a slow Redis; more are dropped.
MAX_WRITES = 64

_log = logging.getLogger("marquee.api")


class Key(NamedTuple):
    """What an answer is the answer to."""

    generation: str
    epoch: str
    endpoint: str
    question: bytes
    """A digest of the normalised question: a hundred names with ten titles each are 400 KB."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A cached answer."""

    tail: bytes
    """The answer as JSON, without what differs from request to request (see `api/answers`)."""
    stored_at: float
    """Unix seconds."""


class Traffic(msgspec.Struct):
    """What one layer did for one endpoint."""

    hits: int = 0
    misses: int = 0


class Cache:
    """Both layers. Use `close` at the end."""

    def __init__(self, settings: Settings, shared: Shared | None) -> None:
        """Keep answers in memory, and in Redis where there is one."""
        self.size_bytes = settings.cache_size_mb << 20
        self.traffic: dict[tuple[str, Layer], Traffic] = {}
        self._memory: LRUCache[Key, Entry] = LRUCache(
            max(1, self.size_bytes), getsizeof=lambda entry: len(entry.tail) + OVERHEAD_BYTES
        )
        self._shared = shared if self.is_on else None
        # Another release may answer the same question otherwise.
        self._prefix = f"marquee:{settings.index_prefix}:{__version__}:"
        self._writes: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End what is under way."""
        for task in self._writes:
            task.cancel()

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self.size_bytes > 0

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers there are, the nearest first."""
        if not self.is_on:
            return ()
        return ("memory", "redis") if self._shared is not None else ("memory",)

    @property
    def used_bytes(self) -> int:
        """Memory that entries take, estimated."""
        return int(self._memory.currsize)

    @property
    def entries(self) -> int:
        """Entries in memory."""
        return len(self._memory)

    @property
    def redis_state(self) -> str | None:
        """closed where Redis answers, open where it is left alone; None where there is none."""
        return self._shared.state if self._shared is not None else None

    @property
    def redis_errors(self) -> int:
        """Questions and answers that Redis did not take in time."""
        return self._shared.errors if self._shared is not None else 0

    def find(self, key: Key) -> Entry | None:
        """Return what memory holds; who finds nothing is to say so, once for each request: `count_miss`."""
        entry: Entry | None = self._memory.get(key)
        if entry is not None:
            self._count(key, "memory", is_hit=True)
        return entry

    def count_miss(self, key: Key) -> None:
        """Count a request that memory holds no answer to."""
        if self.is_on and key.generation:
            self._count(key, "memory", is_hit=False)

    async def fetch(self, key: Key) -> Entry | None:
        """Return what Redis holds, and keep it in memory; None as well where Redis does not answer."""
        if (shared := self._shared) is None:
            return None
        name = self._name(key)
        with tracing.record("cache"):
            packed = await shared.ask(lambda: shared.redis.get(name), READ_TIMEOUT_S)
        entry: Entry | None = None
        if packed is not None:
            try:
                entry = msgspec.msgpack.decode(cast(bytes, packed), type=Entry)
            except msgspec.DecodeError:
                _log.warning("Redis holds something else than Marquee's where its answers should be")
        self._count(key, "redis", is_hit=entry is not None)
        if entry is not None:
            self._keep(key, entry)
        return entry

    def store(self, key: Key, entry: Entry) -> None:
        """Keep an answer; what goes to Redis goes there beside the request."""
        if not self.is_on:
            return
        self._keep(key, entry)
        if (
            (shared := self._shared) is not None
            and len(self._writes) < MAX_WRITES
            and shared.state == "closed"
        ):
            task = asyncio.create_task(self._send(shared, key, entry))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    def forget(self) -> int:
        """Drop what this process's memory holds; return how many entries that were."""
        count = len(self._memory)
        self._memory.clear()
        return count

    async def clear_redis(self) -> bool:
        """Delete what Redis holds of this index prefix; False where it did not let itself be cleared.

        What is left there belongs to another epoch, and goes by itself.
        """
        if self._shared is None:
            return True
        redis = self._shared.redis
        try:
            async with asyncio.timeout(CLEAR_TIMEOUT_S):
                async for name in redis.scan_iter(self._prefix + "*", count=1000):
                    await redis.unlink(name)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("Redis could not be cleared: %s", type(error).__name__)
            return False
        return True

    def _keep(self, key: Key, entry: Entry) -> None:
        if len(entry.tail) + OVERHEAD_BYTES <= self.size_bytes * MAX_SHARE:
            self._memory[key] = entry

    async def _send(self, shared: Shared, key: Key, entry: Entry) -> None:
        name, packed = self._name(key), msgspec.msgpack.encode(entry)
        await shared.ask(lambda: shared.redis.set(name, packed, ex=REDIS_TTL_S), WRITE_TIMEOUT_S)

    def _name(self, key: Key) -> bytes:
        digest = hashlib.blake2b(msgspec.msgpack.encode(key), digest_size=16)
        return f"{self._prefix}{digest.hexdigest()}".encode()

    def _count(self, key: Key, layer: Layer, *, is_hit: bool) -> None:
        counted = self.traffic.setdefault((key.endpoint, layer), Traffic())
        if is_hit:
            counted.hits += 1
        else:
            counted.misses += 1
