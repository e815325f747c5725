"""What the cache keeps in memory, and how much of it."""

from __future__ import annotations

from marquee.api.cache import OVERHEAD_BYTES, Cache, Entry, Key
from marquee.settings import read_settings


def open_cache(size_mb: int) -> Cache:
    return Cache(read_settings({}, cache_size_mb=size_mb)[0], None)


def key(number: int) -> Key:
    return Key("v1-20260101t000000", "", "search", number.to_bytes(16, "big"))


def test_it_holds_no_more_than_it_may_and_forgets_what_nobody_asks_for() -> None:
    cache = open_cache(1)
    for number in range(2000):
        cache.store(key(number), Entry(b"x" * 1000, 0.0))
        assert cache.find(key(0)) is not None, "the first one is asked for all the time"
    assert cache.used_bytes <= cache.size_bytes == 1 << 20
    assert cache.entries == cache.size_bytes // (1000 + OVERHEAD_BYTES)
    assert cache.find(key(1)) is None
    assert cache.find(key(1999)) is not None


def test_one_that_would_push_out_many_is_not_kept() -> None:
    cache = open_cache(1)
    cache.store(key(1), Entry(b"x" * (70 << 10), 0.0))
    assert (cache.find(key(1)), cache.used_bytes) == (None, 0)


def test_it_is_forgotten_at_once() -> None:
    cache = open_cache(1)
    cache.store(key(1), Entry(b"x", 0.0))
    assert cache.forget() == 1
    assert cache.find(key(1)) is None


def test_a_cache_that_is_off_keeps_nothing() -> None:
    cache = open_cache(0)
    cache.store(key(1), Entry(b"x", 0.0))
    assert (cache.find(key(1)), cache.entries, cache.layers) == (None, 0, ())


def test_hits_and_misses_are_counted_by_endpoint() -> None:
    cache = open_cache(1)
    assert cache.find(key(1)) is None
    cache.count_miss(key(1))
    cache.store(key(1), Entry(b"x", 0.0))
    cache.find(key(1))
    counted = cache.traffic["search", "memory"]
    assert (counted.hits, counted.misses) == (1, 1)
