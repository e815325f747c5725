"""How a process knows what is live, and has Redis know it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from marquee.api import live as live_module
from marquee.api.live import Live
from marquee.engine.state import State

pytestmark = pytest.mark.anyio


async def test_redis_is_told_what_is_live_until_it_has_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([None, None, True, True])
    told: list[Any] = []

    async def ask_redis(question: Any, _: float) -> Any:
        question()
        return next(taken)

    redis = SimpleNamespace(set=lambda *pair: told.append(pair))
    shared: Any = SimpleNamespace(redis=redis, ask=ask_redis)

    async def read_state(*_: Any) -> State:
        return State("v1-20260101t000000", "e")

    monkeypatch.setattr(live_module, "read_state", read_state)
    live = Live(SimpleNamespace(), "p", shared)  # type: ignore[arg-type]
    for _ in range(6):
        await live.refresh()
    assert len(told) == 3, "twice in vain, and once"
    monkeypatch.setattr(live_module, "TELL_REDIS_EVERY_S", 0.0)
    await live.refresh()
    assert len(told) == 4, "it may have lost it meanwhile"
