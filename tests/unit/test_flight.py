"""Work that many share: done once at a time, anew for who asks later."""

from __future__ import annotations

import asyncio

import pytest

from marquee.api.flight import Flight

pytestmark = pytest.mark.anyio


async def test_who_asks_meanwhile_shares_and_who_asks_later_does_not() -> None:
    done = 0

    async def work() -> int:
        nonlocal done
        done += 1
        await asyncio.sleep(0)
        return done

    flight = Flight(work)
    assert await asyncio.gather(*(flight.join() for _ in range(50))) == [1] * 50
    assert await flight.join() == 2


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    answers = iter((OSError("away"), OSError("away"), None))

    async def work() -> str:
        await asyncio.sleep(0)
        if error := next(answers):
            raise error
        return "here"

    flight = Flight(work)
    told = await asyncio.gather(flight.join(), flight.join(), return_exceptions=True)
    assert [type(each) for each in told] == [OSError, OSError]
    with pytest.raises(OSError, match="away"):
        await flight.join()
    assert await flight.join() == "here"


async def test_who_hangs_up_ends_his_own_wait_only() -> None:
    gate = asyncio.Event()

    async def work() -> str:
        await gate.wait()
        return "here"

    flight = Flight(work)
    gone, other = asyncio.create_task(flight.join()), asyncio.create_task(flight.join())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await other == "here"
