"""The budget of a request."""

from __future__ import annotations

import asyncio

import pytest

from marquee.engine import budget
from marquee.engine.budget import Budget
from marquee.errors import EngineUnavailableError

pytestmark = pytest.mark.anyio


async def test_calls_side_by_side_count_once() -> None:
    own = Budget(10)

    async def call(taken_s: float) -> None:
        with own:
            await asyncio.sleep(taken_s)

    await asyncio.gather(*(call(0.05) for _ in range(20)))
    await asyncio.sleep(0.5)
    await call(0.01)
    assert 0.06 <= own.spent_s < 0.4


def test_a_call_gets_what_is_left_and_no_more_than_its_own() -> None:
    own = Budget(10)
    assert own.clip(2) == 2
    assert 9.9 < own.clip(30) <= 10


def test_after_the_deadline_nothing_is_asked_any_more() -> None:
    with pytest.raises(EngineUnavailableError, match="all the time"):
        Budget(0).clip(2)


async def test_it_goes_with_the_tasks_that_are_begun_under_it() -> None:
    async def look() -> Budget | None:
        return budget.current()

    with budget.use(Budget(1)) as own:
        assert await asyncio.create_task(look()) is own
    assert budget.current() is None
