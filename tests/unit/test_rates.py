"""How often somebody may ask, in memory and in Redis, and what a Redis that fails costs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from redis import Redis
from redis.exceptions import ResponseError

from marquee.api import rates as module
from marquee.api import shared as shared_module
from marquee.api.rates import REDIS_TIMEOUT_S, Rates, _wait_for, _Window, read_limits
from marquee.api.shared import Shared
from marquee.errors import SettingsError
from marquee.settings import Settings, read_settings
from tests.redis_server import run_redis

pytestmark = pytest.mark.anyio

MINUTE = RateLimitItemPerMinute(5)


def settings_of(**values: object) -> Settings:
    return read_settings({}, **values)[0]


@asynccontextmanager
async def open_rates(redis_url: str = "") -> AsyncIterator[Rates]:
    shared = Shared(redis_url) if redis_url else None
    if shared is not None:
        await shared.open()
    yield Rates(settings_of(), shared)
    if shared is not None:
        await shared.close()


async def spend(rates: Rates, times: int, who: str = "somebody", limit: Any = MINUTE) -> list[bool]:
    """Whether each of so many requests was let in."""
    return [not await rates.spend(limit, who) for _ in range(times)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", []),
        ("20/second", [(20, 1)]),
        ("600/minute", [(600, 60)]),
        ("20/second;600/minute", [(20, 1), (600, 60)]),
        ("100 per 5 minutes ; 1/day", [(100, 300), (1, 86400)]),
    ],
)
def test_limits_are_read(text: str, read: list[tuple[int, int]]) -> None:
    assert [(each.amount, each.get_expiry()) for each in read_limits(text)] == read


@pytest.mark.parametrize("text", ["many", "20", "20/fortnight", "-1/second", "0/second", "5/s;"])
def test_a_malformed_limit_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_RATE_LIMIT") as raised:
        read_limits(text)
    assert "20/second" in str(raised.value)


@pytest.mark.parametrize("url", ["redis.example:6379", "http://x:geheim@y", "redis://:geheim@host:port"])
def test_a_malformed_address_of_redis_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_REDIS_URL") as raised:
        Shared(url)
    assert "geheim" not in str(raised.value)


async def test_everybody_has_a_rate_of_their_own() -> None:
    async with open_rates() as rates:
        assert await spend(rates, 7) == [True] * 5 + [False] * 2
        assert await spend(rates, 6, "somebody else") == [True] * 5 + [False]
        assert await spend(rates, 1, limit=RateLimitItemPerSecond(5)) == [True]


def test_a_window_slides() -> None:
    window = _Window()
    assert [bool(window.spend(10, 60, 59.9)) for _ in range(11)] == [False] * 10 + [True]
    # The window began with the first request, and is full until its end …
    assert window.spend(10, 60, 119.0) == pytest.approx(0.9)
    # … from when on the ten lose a sixth of one every second.
    assert window.spend(10, 60, 119.9 + 0.01) == 0.0
    assert window.spend(10, 60, 119.9 + 0.02) == pytest.approx(5.98)
    assert window.spend(10, 60, 119.9 + 6.1) == 0.0
    # Nobody gets more than about ten within any 60 s.
    allowed = sum(not window.spend(10, 60, 126.0 + at / 10) for at in range(600))
    assert allowed <= 11
    assert not window.spend(10, 60, 1000.0), "long ago is forgotten"
    assert (window.before, window.count) == (0, 1)


def test_what_is_told_to_wait_is_enough() -> None:
    for amount, span, before, left, count in [(5, 60, 5, 50, 2), (1, 60, 0, 30, 1), (100, 1, 100, 0.9, 50)]:
        wait = _wait_for(amount, span, before, left, count)
        if count < amount:
            assert _wait_for(amount, span, before, left - wait - 1e-6, count) == 0
        else:
            assert wait == left


async def test_those_pushed_out_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 10)
    async with open_rates() as rates:
        await spend(rates, 6)
        for number in range(1000):
            await spend(rates, 1, str(number))
        assert len(rates._windows) == 10
        assert await spend(rates, 1) == [True]


async def test_memory_costs_no_more_with_every_client() -> None:
    async with open_rates() as rates:
        limit = RateLimitItemPerMinute(1_000_000)
        began = time.perf_counter()
        for number in range(2000):
            await rates.spend(limit, str(number))
        # 7 µs each on a quiet machine; the library's own store walks all its keys at every request.
        assert (time.perf_counter() - began) / 2000 < 1e-3


async def test_a_rate_holds_across_processes(redis_url: str) -> None:
    async with open_rates(redis_url) as one, open_rates(redis_url) as other:
        assert await spend(one, 3) + await spend(other, 3) == [True] * 5 + [False]
        wait_s = await one.spend(MINUTE, "somebody")
        assert 55 < wait_s <= 60
    client = Redis.from_url(redis_url)
    assert all(key.startswith(b"marquee:rates") for key in client.scan_iter())
    assert all(client.ttl(key) > 0 for key in client.scan_iter()), "nothing stays for ever"


async def test_a_rate_in_redis_comes_back(redis_url: str) -> None:
    limit = RateLimitItemPerSecond(3)
    async with open_rates(redis_url) as rates:
        assert await spend(rates, 4, limit=limit) == [True] * 3 + [False]
        await anyio.sleep(await rates.spend(limit, "somebody") + 0.35)
        assert await spend(rates, 1, limit=limit) == [True]


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> float:
    """Redis is asked again after a moment."""
    monkeypatch.setattr(shared_module, "PAUSE_S", 0.3)
    return 0.3


async def fall_back(rates: Rates, within_s: float) -> None:
    """The first requests after the fault wait for the time limit at most, the next do not; the rate holds.

    What the processor takes beside, which others use as well, is not to count.
    """
    for _ in range(shared_module.FAILURES):
        began = time.perf_counter()
        await rates.spend(MINUTE, "warm up")
        assert time.perf_counter() - began < within_s + 0.2
    assert await spend(rates, 6) == [True] * 5 + [False]
    took_s = []
    for number in range(10):
        began = time.perf_counter()
        await spend(rates, 6, f"somebody {number}")
        took_s.append(time.perf_counter() - began)
    assert min(took_s) < 0.01


async def test_no_redis_at_all(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async with open_rates(f"unix://{tmp_path}/none.sock") as rates:
        await fall_back(rates, REDIS_TIMEOUT_S)
    assert caplog.text.count("Redis is away") == 1


async def test_a_redis_that_takes_connections_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://:geheimnis@127.0.0.1:{silent.getsockname()[1]}"
        async with open_rates(url) as rates:
            await fall_back(rates, REDIS_TIMEOUT_S)
    assert "geheimnis" not in caplog.text


async def test_a_redis_that_is_killed_and_comes_back(
    tmp_path: Path, no_rest: float, caplog: pytest.LogCaptureFixture
) -> None:
    limit = RateLimitItemPerMinute(100)
    async with AsyncExitStack() as stack:
        with run_redis(tmp_path) as url:
            rates = await stack.enter_async_context(open_rates(url))
            assert await spend(rates, 60, limit=limit) == [True] * 60
        (tmp_path / "redis.sock").unlink(missing_ok=True)
        assert await spend(rates, 41, limit=limit) == [True] * 40 + [False], "counted in memory all the time"
        with run_redis(tmp_path):
            await anyio.sleep(no_rest + 0.1)
            assert await spend(rates, 1, limit=limit) == [True], "counted there, from nought"
            assert "Redis is back" in caplog.text
    assert caplog.text.count("Redis is away") == 1


async def test_a_burst_is_counted_by_all_processes_together(redis_url: str) -> None:
    limit = RateLimitItemPerMinute(100)
    async with open_rates(redis_url) as one, open_rates(redis_url) as other:
        asked = [rates.spend(limit, "somebody") for _ in range(250) for rates in (one, other)]
        let_in = [not wait_s for wait_s in await asyncio.gather(*asked)]
        # Whom Redis did not count in time (a busy machine) his process did, each up to the limit.
        assert 100 <= sum(let_in) <= 300


@pytest.fixture
def paused(redis_url: str) -> Iterator[str]:
    process = int(Redis.from_url(redis_url).info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    yield redis_url
    os.kill(process, signal.SIGCONT)


async def test_a_redis_that_is_paused(paused: str, no_rest: float) -> None:
    async with open_rates(paused) as rates:
        await fall_back(rates, REDIS_TIMEOUT_S)
        await anyio.sleep(no_rest)
        began = time.perf_counter()
        assert await spend(rates, 1, "next") == [True]
        assert await spend(rates, 50, "next", RateLimitItemPerMinute(100)) == [True] * 50
        assert time.perf_counter() - began < REDIS_TIMEOUT_S + 0.1, "one request waits, the others do not"


async def test_a_redis_that_is_full(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    client = Redis.from_url(redis_url)
    client.config_set("maxmemory", 1)
    with pytest.raises(ResponseError):
        client.set("x", "y")
    async with open_rates(redis_url) as rates:
        assert await spend(rates, 6) == [True] * 5 + [False]
    assert "Redis is away" not in caplog.text, "it answers, and what it refuses is counted here"


async def test_a_redis_that_forgot_its_scripts(redis_url: str) -> None:
    async with open_rates(redis_url) as rates:
        await spend(rates, 2)
        Redis.from_url(redis_url).script_flush()
        assert await spend(rates, 4) == [True] * 3 + [False]
