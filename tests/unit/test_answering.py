"""How questions become answers: what is shared, kept and told of them, with nothing real behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from marquee.api.admission import Admission
from marquee.api.answers import Answers
from marquee.api.cache import Cache, Entry
from marquee.api.question import typed
from marquee.search.answer import SuggestAnswer
from marquee.search.request import SuggestRequest
from tests.unit.test_access import settings_of

pytestmark = pytest.mark.anyio

OLD, NEW = "v1-20260101t000000", "v1-20260102t000000"
TAIL = b',"suggestions":[]}'


class FakeLive:
    """What is live, as a test says."""

    def __init__(self, generation: str | None = OLD, *, is_confirmed: bool = True) -> None:
        self.generation, self.is_confirmed, self.epoch = generation, is_confirmed, "e"

    def check_readable(self) -> None:
        pass


class FakeAge:
    def is_known(self, _: str) -> bool:
        return True

    def tell(self, _: str) -> None:
        return None


def find_in(generation: str) -> Callable[[], Awaitable[SuggestAnswer]]:
    async def work() -> SuggestAnswer:
        return SuggestAnswer(query="jak", generation=generation, stale=False, suggestions=[])

    return work


def make(live: FakeLive) -> tuple[Answers, Cache]:
    cache = Cache(settings_of(), None)
    parts: Any = (None, cache, live, Admission(8), FakeAge())
    return Answers(*parts), cache


async def ask(answers: Answers, work: Any) -> tuple[dict[str, str], dict[str, Any]]:
    scope = {
        "method": "GET",
        "raw_path": b"/s",
        "query_string": b"q=jak",
        "path_template": "/s",
        "headers": [],
    }
    question = typed("suggest", SuggestAnswer, SuggestRequest(q="jak"))
    request: Any = SimpleNamespace(scope=scope)
    reply = await answers.send(request, question, work)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return headers, msgspec.json.decode(reply.body)


async def test_what_was_live_all_the_time_is_kept_here_and_there() -> None:
    answers, cache = make(FakeLive(NEW))
    headers, body = await ask(answers, find_in(NEW))
    assert (body["generation"], body["stale"]) == (NEW, False)
    assert "etag" in headers and headers["cache-control"] == "public, max-age=60"
    assert cache.entries == 1


@pytest.mark.parametrize("live", [OLD, None])
async def test_what_was_asked_for_during_a_swap_is_kept_nowhere(live: str | None) -> None:
    """That OLD has nobody of that name is not to be told of NEW, whose name it bears, until the next swap."""
    answers, cache = make(FakeLive(live))
    headers, body = await ask(answers, find_in(NEW))
    assert body["generation"] == NEW
    assert "etag" not in headers and headers["cache-control"] == "no-store"
    assert cache.entries == 0


async def test_a_stale_answer_is_stale_for_all_who_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, cache = make(FakeLive(is_confirmed=False))
    looking, found = asyncio.Event(), asyncio.Event()

    async def fetch(_: Any) -> Entry:
        looking.set()
        await found.wait()
        return Entry(TAIL, 0.0)

    monkeypatch.setattr(cache, "fetch", fetch)
    asking = [asyncio.create_task(ask(answers, find_in(OLD))) for _ in range(2)]
    await looking.wait()
    await asyncio.sleep(0)
    found.set()
    for headers, body in await asyncio.gather(*asking):
        assert body["stale"] is True
        assert "etag" not in headers and headers["cache-control"] == "no-store"
        assert headers["warning"].startswith("110 ") and int(headers["age"]) > 0
