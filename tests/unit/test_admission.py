"""Admission: places, a short wait, a quick refusal."""

from __future__ import annotations

import asyncio
import time

import pytest

from marquee.api import admission as admission_module
from marquee.api.admission import HEAVY_SHARE, MAX_WAIT_S, STANDING_WAIT_S, WAITING_PER_PLACE, Admission
from marquee.errors import OverloadedError

pytestmark = pytest.mark.anyio


async def hold(admission: Admission, until: asyncio.Event) -> None:
    async with admission.enter():
        await until.wait()


async def test_who_waits_too_long_is_refused() -> None:
    admission, until = Admission(1), asyncio.Event()
    holder = asyncio.create_task(hold(admission, until))
    await asyncio.sleep(0)
    began = time.perf_counter()
    with pytest.raises(OverloadedError):
        await hold(admission, until)
    assert MAX_WAIT_S <= time.perf_counter() - began < MAX_WAIT_S + 0.2
    until.set()
    await holder
    assert (admission.waiting, admission.under_way, admission.refused) == (0, 0, 1)


async def test_a_queue_that_stands_for_long_is_told_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "STANDING_S", 0.15)
    admission, until = Admission(1), asyncio.Event()
    holder = asyncio.create_task(hold(admission, until))
    await asyncio.sleep(0)
    waits: list[float] = []

    async def wait_in_vain() -> None:
        began = time.perf_counter()
        with pytest.raises(OverloadedError):
            await hold(admission, until)
        waits.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(wait_in_vain())
            await asyncio.sleep(0.05)
    # Who came while it was young waited as ever, the others less.
    assert min(waits) < STANDING_WAIT_S + 0.08 < MAX_WAIT_S <= max(waits)
    until.set()
    await holder
    began = time.perf_counter()
    until.clear()
    holder = asyncio.create_task(hold(admission, until))
    await asyncio.sleep(0)
    await wait_in_vain()
    assert time.perf_counter() - began >= MAX_WAIT_S, "a new queue is young"
    until.set()
    await holder


async def test_whoever_comes_to_a_long_queue_is_refused_at_once() -> None:
    admission, until = Admission(1), asyncio.Event()
    tasks = [asyncio.create_task(hold(admission, until)) for _ in range(1 + WAITING_PER_PLACE)]
    await asyncio.sleep(0)
    began = time.perf_counter()
    with pytest.raises(OverloadedError):
        await hold(admission, until)
    assert time.perf_counter() - began < MAX_WAIT_S / 2
    until.set()
    await asyncio.gather(*tasks)
    assert admission.under_way == 0


async def test_what_is_heavy_and_gets_no_place_gives_its_heavy_one_back() -> None:
    admission, until = Admission(HEAVY_SHARE), asyncio.Event()
    holders = [asyncio.create_task(hold(admission, until)) for _ in range(HEAVY_SHARE)]
    await asyncio.sleep(0)

    async def do_heavy_work() -> None:
        async with admission.enter(is_heavy=True):
            pass

    with pytest.raises(OverloadedError):
        await do_heavy_work()
    cut_off = asyncio.create_task(do_heavy_work())
    await asyncio.sleep(0)
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    assert (admission.waiting, admission.under_way, admission.refused) == (0, HEAVY_SHARE, 1)
    until.set()
    await asyncio.gather(*holders)
    await do_heavy_work()
    assert admission.under_way == 0


async def test_a_place_is_given_back_by_what_fails_and_by_who_is_cancelled() -> None:
    admission = Admission(1)
    with pytest.raises(KeyError):
        async with admission.enter():
            raise KeyError
    holder = asyncio.create_task(hold(admission, asyncio.Event()))
    await asyncio.sleep(0)
    waiter = asyncio.create_task(hold(admission, asyncio.Event()))
    await asyncio.sleep(0)
    for task in (waiter, holder):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    until = asyncio.Event()
    until.set()
    await hold(admission, until)
    assert (admission.waiting, admission.under_way) == (0, 0)
