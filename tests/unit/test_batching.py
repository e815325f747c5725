"""Small searches that share a request: who waits, who goes together, and who suffers for whom."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from marquee.engine.batching import MAX_TOGETHER, MAX_UNDER_WAY, Batches

pytestmark = pytest.mark.anyio

own: ContextVar[str] = ContextVar("own", default="nobody's")


class Engine:
    """Answers each line with itself, once it is let."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.timeouts_s: list[float] = []
        self.contexts: list[str] = []
        self.gates: list[asyncio.Event] = []
        self.failure: Exception | None = None

    async def send(self, lines: bytes, timeout_s: float) -> list[str]:
        self.asked.append(lines)
        self.timeouts_s.append(timeout_s)
        self.contexts.append(own.get())
        self.gates.append(gate := asyncio.Event())
        await gate.wait()
        if self.failure:
            raise self.failure
        return [line.decode() for line in lines.split()]

    async def answer(self, place: int) -> None:
        self.gates[place].set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def ask(batches: Batches, *lines: str, timeout_s: float = 5.0) -> asyncio.Task[list[str]]:
    encoded = "".join(f"{line}\n" for line in lines).encode()
    return asyncio.create_task(batches.ask(encoded, len(lines), timeout_s))


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def fill(engine: Engine) -> tuple[Batches, list[asyncio.Task[list[str]]]]:
    """Return batches of which as many are under way as may be."""
    batches = Batches(engine.send)
    first = [ask(batches, f"first{place}") for place in range(MAX_UNDER_WAY)]
    await settle()
    return batches, first


async def test_who_asks_alone_is_asked_for_at_once(engine: Engine) -> None:
    batches = Batches(engine.send)
    own.set("mine")
    asked = ask(batches, "a", "b")
    await settle()
    assert engine.asked == [b"a\nb\n"]
    assert engine.contexts == ["mine"]
    await engine.answer(0)
    assert await asked == ["a", "b"]


async def test_who_comes_meanwhile_goes_together_and_gets_his_own(engine: Engine) -> None:
    batches, first = await fill(engine)
    own.set("mine")
    others = [ask(batches, "a"), ask(batches, "b", "c", timeout_s=9.0), ask(batches, "d")]
    await settle()
    assert len(engine.asked) == MAX_UNDER_WAY
    await engine.answer(0)
    assert engine.asked[MAX_UNDER_WAY:] == [b"a\nb\nc\nd\n"]
    assert engine.contexts[-1] == "nobody's"
    assert engine.timeouts_s[-1] == pytest.approx(9.0, abs=0.5), "the longest that one of them has"
    await engine.answer(MAX_UNDER_WAY)
    assert [await each for each in others] == [["a"], ["b", "c"], ["d"]]
    for place in range(1, MAX_UNDER_WAY):
        await engine.answer(place)
    assert [await each for each in first] == [[f"first{place}"] for place in range(MAX_UNDER_WAY)]


async def test_so_many_go_together_and_no_more(engine: Engine) -> None:
    batches, _ = await fill(engine)
    others = [ask(batches, str(number)) for number in range(MAX_TOGETHER + 1)]
    await settle()
    for place in range(MAX_UNDER_WAY + 2):
        await engine.answer(place)
    assert [len(each.split()) for each in engine.asked[MAX_UNDER_WAY:]] == [MAX_TOGETHER, 1]
    assert [await each for each in others] == [[str(number)] for number in range(MAX_TOGETHER + 1)]


async def test_a_failure_is_told_to_all_who_went_together_and_to_nobody_else(engine: Engine) -> None:
    batches, _ = await fill(engine)
    others = [ask(batches, "a"), ask(batches, "b")]
    await settle()
    await engine.answer(0)
    engine.failure = OSError("away")
    await engine.answer(MAX_UNDER_WAY)
    for each in others:
        with pytest.raises(OSError, match="away"):
            await each
    engine.failure = None
    after = ask(batches, "c")
    await settle()
    await engine.answer(MAX_UNDER_WAY + 1)
    assert await after == ["c"]


async def test_who_gives_up_while_he_waits_is_not_asked_for(engine: Engine) -> None:
    batches, _ = await fill(engine)
    late, gone, other = ask(batches, "late", timeout_s=0.01), ask(batches, "gone"), ask(batches, "other")
    await settle()
    gone.cancel()
    with pytest.raises(TimeoutError):
        await late
    await engine.answer(0)
    assert engine.asked[-1] == b"other\n"
    await engine.answer(MAX_UNDER_WAY)
    assert await other == ["other"]


async def test_who_gives_up_on_the_way_leaves_the_others_their_answers(engine: Engine) -> None:
    batches, _ = await fill(engine)
    gone, other = ask(batches, "gone"), ask(batches, "other")
    await settle()
    await engine.answer(0)
    gone.cancel()
    await settle()
    await engine.answer(MAX_UNDER_WAY)
    assert await other == ["other"]
    assert gone.cancelled()


async def test_a_place_that_was_given_up_is_free(engine: Engine) -> None:
    batches, first = await fill(engine)
    waiting = ask(batches, "a")
    await settle()
    first[0].cancel()
    await settle()
    await engine.answer(MAX_UNDER_WAY)
    assert await waiting == ["a"]


async def test_what_is_refused_together_is_asked_one_by_one() -> None:
    engine = Refusing()
    batches = Batches(engine.send, refusals=(ValueError,))
    first = [ask(batches, f"first{place}") for place in range(MAX_UNDER_WAY)]
    others = [ask(batches, each) for each in ("a", "nonsense", "b")]
    found = await asyncio.gather(*first, *others, return_exceptions=True)
    assert found[MAX_UNDER_WAY::2] == [["a"], ["b"]]
    assert isinstance(found[MAX_UNDER_WAY + 1], ValueError)


class Refusing:
    """Refuses all of a request for one search that it cannot read."""

    async def send(self, lines: bytes, timeout_s: float) -> list[str]:
        await settle()
        if b"nonsense" in lines:
            raise ValueError("nonsense")
        return [line.decode() for line in lines.split()]
