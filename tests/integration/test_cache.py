"""The cache, and what is answered while engine or Redis are away, by real processes behind a relay."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
import psutil
import pytest

from marquee.api.app import create_app
from marquee.api.live import Live
from marquee.catalog.sources import open_source
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.progress import SILENT
from marquee.reindex import activation, audit
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.conftest import remove_indexes, run_service
from tests.integration.test_reindex import write_files
from tests.proxy import Proxy
from tests.redis_server import run_redis

pytestmark = pytest.mark.anyio

TOKEN = "an-admin-token-of-the-tests"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
SEARCH, SUGGEST = "/v1/actors/search", "/v1/actors/suggest"


@pytest.fixture(scope="module")
async def own(
    cluster: Cluster, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """Two generations of a handful of people; the second is live."""
    folder = tmp_path_factory.mktemp("files")
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-cache", home=folder)
    for name in ("First", "Second"):
        write_files(folder, "Jake Gyllenhaal", "Keanu Reeves", name)
        await reindex(own, cluster, open_source(folder), SILENT, force=True, reason="a test")
    yield own
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture
def proxy(endpoint: Endpoint) -> Iterator[Proxy]:
    parts = urlsplit(endpoint.urls[0])
    proxy = Proxy((parts.hostname or "", parts.port or 9200))
    yield proxy
    proxy.close()


@contextmanager
def serve(
    own: Settings, endpoint: Endpoint, proxy: Proxy | None = None, **extra: str
) -> Iterator[httpx.AsyncClient]:
    if proxy:
        endpoint = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    with run_service(own, endpoint, {"MARQUEE_ADMIN_TOKEN": TOKEN} | extra) as url:
        yield httpx.AsyncClient(base_url=url, timeout=10)


async def wait_until_ready(client: httpx.AsyncClient) -> None:
    await wait_for(client, "/health/ready", lambda answer: answer.status_code == 200)


async def wait_for(
    client: httpx.AsyncClient,
    path: str,
    holds: Any,
    within_s: float = 5.0,
    headers: Mapping[str, str] = ADMIN,
) -> httpx.Response:
    until = time.monotonic() + within_s
    while True:
        answer = await client.get(path, headers=dict(headers))
        if holds(answer):
            return answer
        assert time.monotonic() < until, f"{path} still answers {answer.status_code} {answer.text[:300]}"
        await asyncio.sleep(0.05)


def source_of(answer: httpx.Response) -> str:
    """Whether the engine was asked: "engine" or "cache"."""
    assert answer.status_code == 200, answer.text
    stages = dict(each.split(";dur=") for each in answer.headers["server-timing"].split(", "))
    return "engine" if float(stages["engine"]) else "cache"


def without_times(answer: httpx.Response) -> Mapping[str, Any]:
    return {name: value for name, value in answer.json().items() if name not in ("took_ms", "query")}


async def test_the_same_question_is_put_to_the_engine_once(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint) as client:
        await wait_until_ready(client)
        first = await client.get(SEARCH, params={"q": "jake gylenhal"})
        again = await client.get(SEARCH, params={"q": "JAKE  Gylenhal"})
        other = await client.get(SEARCH, params={"q": "jake gylenhal", "limit": "3"})
        assert [source_of(each) for each in (first, again, other)] == ["engine", "cache", "engine"]
        assert without_times(first) == without_times(again)
        assert again.json()["query"] == "JAKE  Gylenhal"
        assert again.json()["took_ms"] < first.json()["took_ms"]
        found = (await client.get("/v1/admin/cache", headers=ADMIN)).json()
        assert (found["hits"], found["misses"], found["entries"]) == (1, 2, 2)
        assert found["hit_rate"] == pytest.approx(1 / 3, abs=0.001)
        assert found["traffic"] == [
            {"endpoint": "search", "layer": "memory", "hits": 1, "misses": 2, "hit_rate": 0.3333}
        ]
        assert 0 < found["used_bytes"] < found["size_bytes"] == 64 << 20
        assert (found["enabled"], found["redis"]) == (True, None)


async def test_every_kind_of_answer_is_kept(own: Settings, endpoint: Endpoint) -> None:
    body = {"queries": [{"id": "a", "name": "jake gylenhal"}]}
    paths = ["/v1/actors/nm0000000", "/v1/actors/nm0000000/credits", "/v1/titles/search?q=doni%20darko",
             "/v1/titles/tt0246578", "/v1/titles/tt0246578/cast", f"{SUGGEST}?q=jak"]  # fmt: skip
    with serve(own, endpoint) as client:
        await wait_until_ready(client)
        for path in paths:
            first, again = await client.get(path), await client.get(path)
            assert (source_of(first), source_of(again)) == ("engine", "cache"), path
            assert without_times(first) == without_times(again)
        match = [await client.post("/v1/actors/match", json=body) for _ in range(2)]
        assert [source_of(each) for each in match] == ["engine", "cache"]
        assert match[0].json() == match[1].json()
        missing = [await client.get("/v1/actors/nm9999999") for _ in range(2)]
        assert [each.status_code for each in missing] == [404, 404]


async def test_a_swap_invalidates_it_at_once(own: Settings, endpoint: Endpoint, records: Records) -> None:
    with serve(own, endpoint) as client:
        await wait_until_ready(client)
        before = await client.get(SEARCH, params={"q": "second"})
        assert source_of(await client.get(SEARCH, params={"q": "second"})) == "cache"
        assert [hit["name"] for hit in before.json()["hits"]] == ["Second"]
        gone_back = await activation.roll_back(records, "test", "a test")
        assert gone_back.generation != before.json()["generation"]
        after = await wait_for_generation(client, gone_back.generation)
        assert "Second" not in [hit["name"] for hit in after.json()["hits"]]
        await activation.activate(records, gone_back.previous or "", "test", "a test")
        # What was kept of the generation that is live again is right again.
        again = await wait_for_generation(client, before.json()["generation"])
        assert without_times(again) == without_times(before)


async def wait_for_generation(client: httpx.AsyncClient, generation: str) -> httpx.Response:
    """What a search finds as soon as that one is live."""
    return await wait_for(client, f"{SEARCH}?q=second", lambda each: each.json()["generation"] == generation)


async def test_redis_is_shared_and_clearing_reaches_everybody(
    own: Settings, endpoint: Endpoint, records: Records, redis_url: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [stack.enter_context(serve(own, endpoint, MARQUEE_REDIS_URL=redis_url)) for _ in range(2)]
        for client in clients:
            await wait_until_ready(client)
        shared = await find_shared(clients[0], clients[1])
        traffic = (await clients[1].get("/v1/admin/cache", headers=ADMIN)).json()["traffic"]
        assert [(each["layer"], each["hits"]) for each in traffic] == [("memory", 0), ("redis", 1)]
        cleared = (await clients[0].delete("/v1/admin/cache", headers=ADMIN)).json()
        assert cleared["redis_cleared"] and cleared["entries"] >= 1
        assert source_of(await clients[0].get(SEARCH, params=shared)) == "engine"
        await clients[0].delete("/v1/admin/cache", headers=ADMIN)
        again = f"{SEARCH}?{urlencode(shared)}"
        await wait_for(clients[1], again, lambda answer: source_of(answer) == "engine")
        newest = (await audit.list_entries(records, 1))[0]
        assert (newest.action, newest.by, newest.outcome) == ("cache clear", "admin", "done")


async def find_shared(first: httpx.AsyncClient, second: httpx.AsyncClient) -> dict[str, str]:
    """Ask a service, and another one the same, until that one has it from Redis; return the question.

    On a busy machine Redis may take longer for one than the 5 ms that it is given.
    """
    for limit in range(1, 21):
        question = {"q": "keanu reaves", "limit": str(limit)}
        assert source_of(await first.get(SEARCH, params=question)) == "engine"
        await asyncio.sleep(0.1)
        if source_of(await second.get(SEARCH, params=question)) == "cache":
            return question
    raise AssertionError("nothing was shared")


async def test_a_redis_that_is_well_answers_many_at_once(
    own: Settings, endpoint: Endpoint, redis_url: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [stack.enter_context(serve(own, endpoint, MARQUEE_REDIS_URL=redis_url)) for _ in range(2)]
        for client in clients:
            await wait_until_ready(client)
        shares = [
            await ask_twice(clients[0], clients[1], q) for q in ("jake gylenhal", "brad pit", "tom hank")
        ]
        # Who finds Redis or all connections to it busy for 5 ms asks the engine: so does a machine that is.
        assert max(shares) > 0.5, shares


async def ask_twice(first: httpx.AsyncClient, second: httpx.AsyncClient, q: str) -> float:
    """Ask a service many things, and another one the same; return the share that it had from Redis."""
    questions = [{"q": q, "limit": str(limit), "offset": str(offset)}
                 for limit in range(1, 11) for offset in range(16)]  # fmt: skip
    for question in questions:
        await first.get(SEARCH, params=question)
    await asyncio.sleep(0.2)
    before = await count_redis_hits(second)
    for start in range(0, len(questions), 16):
        part = questions[start : start + 16]
        await asyncio.gather(*(second.get(SEARCH, params=question) for question in part))
    return (await count_redis_hits(second) - before) / len(questions)


async def count_redis_hits(client: httpx.AsyncClient) -> int:
    traffic = (await client.get("/v1/admin/cache", headers=ADMIN)).json()["traffic"]
    return sum(each["hits"] for each in traffic if each["layer"] == "redis")


async def test_clearing_outdates_what_clients_hold(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint) as client:
        await wait_until_ready(client)
        etag = (await client.get(SUGGEST, params={"q": "jak"})).headers["etag"]
        await client.delete("/v1/admin/cache", headers=ADMIN)
        again = await client.get(SUGGEST, params={"q": "jak"}, headers={"If-None-Match": etag})
        assert again.status_code == 200


async def test_a_client_that_has_it_already_is_told_so(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint) as client:
        await wait_until_ready(client)
        first = await client.get(SUGGEST, params={"q": "jak"})
        etag = first.headers["etag"]
        assert first.headers["cache-control"] == "public, max-age=60"
        for sent in (etag, f'"other", {etag}', etag.removeprefix("W/")):
            again = await client.get(SUGGEST, params={"q": "jak"}, headers={"If-None-Match": sent})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        for path, sent in ((f"{SUGGEST}?q=kea", etag), (f"{SUGGEST}?q=jak", 'W/"other"')):
            assert (await client.get(path, headers={"If-None-Match": sent})).status_code == 200


async def test_no_cache_on_the_way_answers_who_has_no_token(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint, MARQUEE_PUBLIC="false") as client:
        await wait_until_ready(client)
        for _ in range(2):
            assert (await client.get(SUGGEST, params={"q": "jak"})).status_code == 401
            answer = await client.get(SUGGEST, params={"q": "jak"}, headers=ADMIN)
            assert answer.headers["cache-control"] == "private, max-age=60"


async def test_who_asks_the_same_at_once_waits_for_one_answer(
    own: Settings, endpoint: Endpoint, proxy: Proxy
) -> None:
    with serve(own, endpoint, proxy) as client:
        await wait_until_ready(client)
        before = proxy.asked
        await client.get(SUGGEST, params={"q": "jak"})
        of_one = proxy.asked - before
        assert of_one > 0
        before = proxy.asked
        answers = await asyncio.gather(*(client.get(SUGGEST, params={"q": "kean"}) for _ in range(40)))
        assert {each.status_code for each in answers} == {200}
        assert proxy.asked - before <= 2 * of_one, "forty who asked at once made more requests than two would"


async def test_nothing_is_kept_before_it_knows_what_is_live_and_then_it_is_not_ready(
    own: Settings, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Live, "watch", lambda _: asyncio.sleep(3600))
    app = create_app(msgspec.structs.replace(own, admin_token=TOKEN), endpoint)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for ready, entries in ((False, 0), (True, 1)):
            if ready:
                await wait_until_ready(client)
            assert (await client.get(SUGGEST, params={"q": "jak"})).status_code == 200
            kept = (await client.get("/v1/admin/cache", headers=ADMIN)).json()
            assert (kept["generation"] is not None, kept["entries"]) == (ready, entries)


async def test_while_the_engine_is_away_what_is_kept_is_answered(
    own: Settings, endpoint: Endpoint, proxy: Proxy
) -> None:
    with serve(own, endpoint, proxy) as client:
        await wait_until_ready(client)
        fresh = await client.get(SEARCH, params={"q": "jake gylenhal"})
        profile = await client.get("/v1/actors/nm0000000")
        proxy.take_away()
        stale = await wait_for(client, f"{SEARCH}?q=jake%20gylenhal", lambda each: each.json()["stale"])
        assert without_times(stale) == {**without_times(fresh), "stale": True}
        assert stale.headers["warning"].startswith("110 ")
        assert 0 <= int(stale.headers["age"]) < 30
        assert stale.headers["cache-control"] == "no-store"
        assert "etag" not in stale.headers
        assert (await client.get("/v1/actors/nm0000000")).json() == {**profile.json(), "stale": True}
        refused = await client.get(SEARCH, params={"q": "somebody else"})
        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems/engine-unavailable"
        assert int(refused.headers["retry-after"]) > 0
        proxy.is_up = True
        again = await wait_for(client, f"{SEARCH}?q=somebody%20else", lambda each: each.status_code == 200)
        assert again.json()["stale"] is False
        await wait_for(client, f"{SEARCH}?q=jake%20gylenhal", lambda each: each.json()["stale"] is False)


async def test_a_process_that_starts_while_the_engine_is_away_finds_what_others_cached(
    own: Settings, endpoint: Endpoint, proxy: Proxy, redis_url: str
) -> None:
    with serve(own, endpoint, MARQUEE_REDIS_URL=redis_url) as client:
        await wait_until_ready(client)
        fresh = await client.get(SEARCH, params={"q": "jake gylenhal"})
    proxy.take_away()
    with serve(own, endpoint, proxy, MARQUEE_REDIS_URL=redis_url) as client:
        stale = await wait_for(client, f"{SEARCH}?q=jake%20gylenhal", lambda each: each.status_code == 200)
        assert without_times(stale) == {**without_times(fresh), "stale": True}
        assert (await client.get(SEARCH, params={"q": "somebody else"})).status_code == 503
        proxy.is_up = True
        await wait_for(client, f"{SEARCH}?q=jake%20gylenhal", lambda each: each.json()["stale"] is False)


async def test_an_engine_that_hangs_is_given_up_quickly(
    own: Settings, endpoint: Endpoint, proxy: Proxy
) -> None:
    with serve(own, endpoint, proxy) as client:
        await wait_until_ready(client)
        await client.get(SEARCH, params={"q": "keanu reaves"})
        proxy.pause()
        began = time.perf_counter()
        hung = await asyncio.gather(*(client.get(SEARCH, params={"q": f"nobody {n}"}) for n in range(8)))
        assert time.perf_counter() - began < 3.5, "longer than the deadline"
        assert {each.status_code for each in hung} == {503}
        # The breaker is open: nobody waits any more, but for the one who tries now and then.
        took_s = []
        for number in range(10):
            began = time.perf_counter()
            assert (await client.get(SEARCH, params={"q": f"noone {number}"})).status_code == 503
            took_s.append(time.perf_counter() - began)
        assert sorted(took_s)[5] < 0.1
        assert (await client.get(SEARCH, params={"q": "keanu reaves"})).json()["stale"] is True
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
        proxy.go_on()
        fresh = await wait_for(client, f"{SEARCH}?q=noone", lambda each: each.status_code == 200)
        assert fresh.json()["stale"] is False


@pytest.mark.parametrize("fault", ["killed", "paused", "full"])
async def test_a_redis_in_trouble_costs_milliseconds_and_no_error(
    own: Settings, endpoint: Endpoint, tmp_path: Path, fault: str
) -> None:
    options = ("--maxmemory", "1", "--maxmemory-policy", "noeviction") if fault == "full" else ()
    with (
        run_redis(tmp_path, *options) as redis_url,
        serve(own, endpoint, MARQUEE_REDIS_URL=redis_url) as client,
    ):
        await wait_until_ready(client)
        await client.get(SEARCH, params={"q": "jake gylenhal"})
        (redis,) = (each for each in psutil.Process(os.getpid()).children() if "redis-server" in each.name())
        if fault != "full":
            redis.send_signal(signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
        took_s = []
        for number in range(30):
            began = time.perf_counter()
            answer = await client.get("/v1/actors/nm0000000/credits", params={"limit": str(number + 1)})
            took_s.append(time.perf_counter() - began)
            assert source_of(answer) == "engine"
        assert sorted(took_s)[15] < 0.1
        assert source_of(await client.get(SEARCH, params={"q": "jake gylenhal"})) == "cache"
        found = (await client.get("/v1/admin/cache", headers=ADMIN)).json()
        assert found["redis_errors"] > 0
        if fault == "paused":
            redis.send_signal(signal.SIGCONT)
            for number in range(100):  # one question at a time tries it
                await client.get(SEARCH, params={"q": f"after the pause {number}"})
                if (await client.get("/v1/admin/cache", headers=ADMIN)).json()["redis"] == "closed":
                    break
                await asyncio.sleep(0.1)
            else:
                pytest.fail("Redis is still left alone")


async def test_without_a_cache_every_question_goes_to_the_engine(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint, MARQUEE_CACHE_SIZE_MB="0") as client:
        await wait_until_ready(client)
        answers = [await client.get(SEARCH, params={"q": "jake gylenhal"}) for _ in range(2)]
        assert [source_of(each) for each in answers] == ["engine", "engine"]
        assert (await client.get("/v1/admin/cache", headers=ADMIN)).json()["enabled"] is False


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that do not differ from request to request."""
    odd = {"x-request-id", "server-timing", "date", "content-length"}
    return {name: value for name, value in answer.headers.items() if name not in odd}


@pytest.mark.parametrize(
    "path",
    [
        f"{SEARCH}?q=jake+gylenhal",
        f"{SUGGEST}?q=jak&limit=3",
        "/v1/actors/nm0000000",
        "/v1/actors/nm0000000/credits",
        "/v1/titles/search?q=donnie",
    ],
)
async def test_what_is_answered_around_the_framework_is_told_as_ever(
    own: Settings, endpoint: Endpoint, path: str
) -> None:
    """The second time, no handler is asked: headers, HEAD, conditions and CORS are as the first time."""
    origin = {"Origin": "https://shop.example"}
    with serve(own, endpoint, MARQUEE_CORS_ORIGINS="https://shop.example") as client:
        await wait_until_ready(client)
        first = await client.get(path, headers=origin)
        # A process that has just begun may not have learnt yet what is live.
        again = await wait_for(client, path, lambda answer: source_of(answer) == "cache", headers=origin)
        assert told(again) == told(first)
        assert again.headers["access-control-allow-origin"] == "https://shop.example"
        assert without_times(again) == without_times(first)
        head = await client.head(path, headers=origin)
        assert (head.status_code, head.content, told(head)) == (200, b"", told(first))
        known = await client.get(path, headers=origin | {"If-None-Match": first.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        page = (await client.get("/metrics")).text
        route = "/v1/actors/{nconst}" if path.startswith("/v1/actors/nm") else path.split("?")[0]
        route += "/credits" if path.endswith("/credits") else ""
        counted = [line for line in page.splitlines() if line.startswith("marquee_request_seconds_count")]
        assert any(f'route="{route}"' in line for line in counted), counted
        refused = await client.get(path + ("&" if "?" in path else "?") + "nonsense=1")
        assert refused.status_code == 400


async def test_what_is_in_memory_is_kept_from_who_may_not_read(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint, MARQUEE_PUBLIC="false") as client:
        await wait_until_ready(client)
        for _ in range(2):
            assert (await client.get(SUGGEST, params={"q": "kea"}, headers=ADMIN)).status_code == 200
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            assert (await client.get(SUGGEST, params={"q": "kea"}, headers=headers)).status_code == 401


async def test_what_is_in_memory_counts_against_the_rate_once(own: Settings, endpoint: Endpoint) -> None:
    with serve(own, endpoint, MARQUEE_RATE_LIMIT="5/minute") as client:
        until = time.monotonic() + 30
        while (await client.get("/health/ready")).status_code != 200:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        statuses = [(await client.get(SUGGEST, params={"q": "kea"})).status_code for _ in range(8)]
        assert statuses == [200] * 5 + [429] * 3
