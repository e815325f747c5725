"""The service while its engine is slow, busy, red or answers in part: documented answers, and recovery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import psutil
import pytest

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests import engine_faults
from tests.conftest import run_service
from tests.engine_faults import EngineFaults, Spoil

pytestmark = pytest.mark.anyio

SEARCH = "/v1/actors/search"
DEADLINE_S = 2.0
SOMEBODY = "nm0350453"
WHOLE = (
    engine_faults.break_down,
    engine_faults.be_another,
    engine_faults.refuse_all,
    engine_faults.lock_out,
    engine_faults.forbid,
)
"""What spoils every answer, not those of searches alone."""


@pytest.fixture(scope="module")
def faults(endpoint: Endpoint) -> Iterator[EngineFaults]:
    faults = EngineFaults(endpoint.urls[0])
    yield faults
    faults.close()


@pytest.fixture(scope="module")
def url(settings: Settings, endpoint: Endpoint, sample: str, faults: EngineFaults) -> Iterator[str]:
    spoilt = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{faults.port}",))
    with run_service(settings, spoilt, {"MARQUEE_CACHE_SIZE_MB": "0", "MARQUEE_CONCURRENCY": "2"}) as url:
        yield url


@pytest.fixture
async def client(url: str, faults: EngineFaults) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that is well, before and after."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        await expect_well(client)
        yield client
        faults.spoil, faults.delay_s = engine_faults.pass_on, 0.0
        await expect_well(client)


def find_listener(port: int) -> psutil.Process:
    """Return the process that listens there."""
    (pid,) = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    }
    return psutil.Process(pid)


async def expect_well(client: httpx.AsyncClient) -> None:
    until = time.monotonic() + 5
    while True:
        answer = await client.get(SEARCH, params={"q": "jake gylenhal"})
        if answer.status_code == 200:
            assert answer.json()["hits"][0]["name"] == "Jake Gyllenhaal"
            return
        assert time.monotonic() < until, answer.text
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "spoil",
    [
        engine_faults.time_out,
        engine_faults.lose_shards,
        engine_faults.be_busy,
        engine_faults.be_red,
        engine_faults.be_closed,
        engine_faults.break_down,
        engine_faults.be_another,
        engine_faults.refuse_all,
        engine_faults.lock_out,
        engine_faults.forbid,
    ],
    ids=lambda spoil: spoil.__name__,
)
async def test_an_answer_in_part_is_no_answer(
    client: httpx.AsyncClient, faults: EngineFaults, spoil: Spoil
) -> None:
    faults.spoil = spoil
    paths = [f"{SEARCH}?q=brad%20pit", "/v1/actors/suggest?q=brad", "/v1/titles/search?q=matrix"]
    if spoil in WHOLE:
        paths += [f"/v1/actors/{SOMEBODY}", f"/v1/actors/{SOMEBODY}/credits"]
    answers = [await client.get(path) for path in paths]
    queries = [{"id": "a", "name": "brad pit"}]
    answers.append(await client.post("/v1/actors/match", json={"queries": queries}))
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/engine-unavailable"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
    assert (await client.get("/health/live")).status_code == 200


async def test_what_an_engine_answers_in_part_does_not_keep_others_from_it(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    """A query that always runs out of time is its asker's trouble: the breaker stays closed."""
    faults.spoil = engine_faults.time_out
    for _ in range(8):
        assert (await client.get(SEARCH, params={"q": "brad pit"})).status_code == 503
    faults.spoil = engine_faults.pass_on
    assert (await client.get(SEARCH, params={"q": "brad pit"})).status_code == 200


async def test_an_engine_that_is_too_slow_every_time_is_left_alone(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    """Also if it answers what is light, like the service's own question for what is live, all the time."""
    faults.delay_s = 2.1
    for number in range(5):
        assert (await client.get(SEARCH, params={"q": f"brad pit {number}"})).status_code == 503
    began = time.perf_counter()
    answer = await client.get(SEARCH, params={"q": "brad pit again"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert time.perf_counter() - began < 0.5


async def test_a_slow_engine_is_waited_for_until_the_deadline_of_the_whole_request(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    """A search of two rounds gets no two deadlines."""
    faults.delay_s = 1.3
    began = time.perf_counter()
    answer = await client.get(SEARCH, params={"q": "arnold shwarzeneger"})
    assert time.perf_counter() - began < 2.6
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/engine-unavailable")


async def test_the_engine_is_told_what_is_left_of_the_deadline(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    """The second round of a search has less than the first by what that took."""
    faults.deadlines_ms.clear()
    faults.delay_s = 0.3
    assert (await client.get(SEARCH, params={"q": "arnold shwarzeneger"})).status_code == 200
    first, *later = faults.deadlines_ms
    assert 1000 < first <= 2000, "what was done before is not much"
    assert later, "this takes more than one round"
    assert later[-1] <= first - 300 * len(later)


async def test_more_than_a_slow_engine_can_answer_is_refused_quickly(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    faults.delay_s = 0.3
    took_s: dict[int, list[float]] = {}

    async def ask(number: int) -> None:
        began = time.perf_counter()
        answer = await client.get("/v1/actors/suggest", params={"q": f"jake {number}"})
        took_s.setdefault(answer.status_code, []).append(time.perf_counter() - began)
        if answer.status_code == 503:
            assert answer.json()["type"] == "/problems/overloaded"
            assert answer.headers["retry-after"] == "1"

    await asyncio.gather(*(ask(number) for number in range(40)))
    assert set(took_s) == {200, 503}
    assert len(took_s[503]) > 20
    assert max(took_s[503]) < 1.0, "a refusal is quick"
    assert (await client.get("/health/live")).status_code == 200


async def test_matches_leave_places_for_others(client: httpx.AsyncClient, faults: EngineFaults) -> None:
    faults.delay_s = 0.2
    names = [f"jake {number}" for number in range(20)]

    async def match(number: int) -> int:
        queries = [{"id": name, "name": f"{name} {number}"} for name in names]
        return (await client.post("/v1/actors/match", json={"queries": queries})).status_code

    matches = [asyncio.create_task(match(number)) for number in range(12)]
    await asyncio.sleep(0.1)
    suggests = [
        (await client.get("/v1/actors/suggest", params={"q": f"brad {n}"})).status_code for n in range(5)
    ]
    assert suggests == [200] * 5
    assert set(await asyncio.gather(*matches)) <= {200, 503}


async def test_a_client_that_hangs_up_harms_nobody(client: httpx.AsyncClient, faults: EngineFaults) -> None:
    faults.delay_s = 0.5
    for number in range(6):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(SEARCH, params={"q": f"gone {number}"}, timeout=0.05)
    faults.delay_s = 0.0
    await expect_well(client)


@pytest.mark.parametrize("waits_for_a_place", [False, True])
async def test_a_service_that_was_frozen_asks_again_for_who_still_waits(
    client: httpx.AsyncClient, faults: EngineFaults, waits_for_a_place: bool
) -> None:
    process = find_listener(client.base_url.port or 0)
    faults.delay_s = 0.3
    names = ["robert deniro", "meryl streap", "al pachino", "brad pit"][: 4 if waits_for_a_place else 2]
    asked = [asyncio.create_task(client.get(SEARCH, params={"q": name})) for name in names]
    await asyncio.sleep(0.1)
    process.suspend()
    try:
        # The engine has answered meanwhile, but longer ago than a request may take.
        await asyncio.sleep(DEADLINE_S + 0.5)
        faults.delay_s = 0.0
    finally:
        process.resume()
    answers = await asyncio.gather(*asked)
    assert [each.status_code for each in answers] == [200] * len(names), [each.text for each in answers]


async def test_asking_how_it_is_is_no_load(client: httpx.AsyncClient, faults: EngineFaults) -> None:
    faults.delay_s = 0.3
    before = len(faults.headers)
    answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(100)))
    assert {each.status_code for each in answers} == {200}
    assert len(faults.headers) - before <= 5


async def test_suggests_that_meet_go_together_and_each_gets_its_own(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    """The service of this module has two places: these wait for theirs, and one request answers several."""
    faults.delay_s = 0.05
    typed = ["jake gyl", "brad pit", "arnold s", "scarlett", "keanu re", "tom hank", "julia ro", "nicole k"]
    answers = await asyncio.gather(*(client.get("/v1/actors/suggest", params={"q": q}) for q in typed))
    for q, answer in zip(typed, answers, strict=True):
        first = answer.json()["suggestions"][0]["name"].lower()
        assert (answer.json()["query"], first[:4]) == (q, q[:4])


async def test_who_follows_a_request_has_it_for_himself(
    client: httpx.AsyncClient, faults: EngineFaults
) -> None:
    faults.delay_s = 0.1
    before = len(faults.headers)
    names = [f"app-{number}" for number in range(6)]
    sent = [{"X-Opaque-Id": name} for name in names]
    await asyncio.gather(
        *(client.get("/v1/actors/suggest", params={"q": "jake gyl", "limit": str(place + 1)}, headers=each)
          for place, each in enumerate(sent))
    )  # fmt: skip
    told = [each.get("x-opaque-id") for each in faults.headers[before:]]
    assert sorted(set(names) & set(told)) == names
