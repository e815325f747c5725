"""Hosts that break, stall or are something else, and how it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from marquee.breaker import Breaker
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.hits import Hit, decoder_of
from marquee.errors import EngineNotReadyError, EngineSetupError, EngineUnavailableError
from tests.misbehaving import Misbehaving, cut, hang, reply, run_misbehaving

pytestmark = pytest.mark.anyio

PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
GOOD = reply('{"fine": true}', headers=PRODUCT)
NOBODY = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}, "status": 200}
PAGE = "<html><body>Welcome"


class Person(msgspec.Struct):
    name: str


def late(reaction: Any) -> Any:
    def react(connection: socket.socket) -> None:
        time.sleep(0.2)
        reaction(connection)

    return react


@pytest.fixture
def host() -> Iterator[Misbehaving]:
    with run_misbehaving() as host:
        yield host


async def ask(host: str, method: str = "GET", timeout_s: float = 5.0) -> Any:
    async with Cluster(Endpoint(urls=(host,))) as cluster:
        return await cluster.request(method, "/anything", timeout_s=timeout_s)


async def test_an_answer_is_decoded(host: Misbehaving) -> None:
    host.will(GOOD)
    assert await ask(host.url) == {"fine": True}


@pytest.mark.parametrize(
    "reaction",
    [
        reply(PAGE),
        reply(PAGE, headers=PRODUCT),
        reply('{"fine": true}'),
        reply(PAGE, 404),
        reply("", 301, {"Location": "/elsewhere"}),
    ],
    ids=["a page", "a page in its name", "another service", "a page that is missing", "a redirection"],
)
async def test_what_is_not_elasticsearch_is_told(host: Misbehaving, reaction: Any) -> None:
    host.will(reaction)
    with pytest.raises(EngineSetupError, match="not Elasticsearch"):
        await ask(host.url)
    assert len(host.asked) == 1


async def test_a_proxys_page_says_not_now(host: Misbehaving) -> None:
    host.will(reply(PAGE, 502))
    with pytest.raises(EngineUnavailableError, match="overloaded or starting"):
        await ask(host.url)


@pytest.mark.parametrize("broken", [cut, reply("{", headers=PRODUCT, missing=9)], ids=["at once", "midway"])
async def test_a_connection_that_breaks_is_tried_again_once(host: Misbehaving, broken: Any) -> None:
    host.will(broken, GOOD)
    assert await ask(host.url, method="POST") == {"fine": True}
    host.will(broken)
    with pytest.raises(EngineUnavailableError, match="cannot be reached"):
        await ask(host.url, method="POST")
    assert len(host.asked) == 4


async def test_what_is_posted_has_a_length_also_where_it_is_nothing(host: Misbehaving) -> None:
    host.will(GOOD)
    await ask(host.url, method="POST")
    await ask(host.url, method="GET")
    posted, got = host.asked
    assert "content-length: 0" in posted
    assert "content-length" not in got
    for head in host.asked:
        assert f"host: {host.url.removeprefix('http://')}" in head


async def test_documents_of_another_form_are_told(host: Misbehaving) -> None:
    hit = make_hit("Jake") | {"_source": {"name": 7}}
    answer = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": [hit]}, "status": 200}
    host.will(reply(json.dumps({"responses": [answer]}), headers=PRODUCT))
    async with Cluster(Endpoint(urls=(host.url,))) as cluster:
        for is_small in (False, True):
            with pytest.raises(EngineSetupError, match=r"otherwise than this release reads.*name"):
                await cluster.search_many([("actors", {})], Person, is_small=is_small)


async def test_a_host_that_stalls_is_not_asked_twice(host: Misbehaving) -> None:
    host.will(hang)
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="did not answer in time"):
        await ask(host.url, timeout_s=0.2)
    assert time.monotonic() - began < 5
    assert len(host.asked) == 1


async def test_the_time_is_for_both_tries_together(host: Misbehaving) -> None:
    host.will(late(cut), hang)
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="did not answer in time"):
        await ask(host.url, method="POST", timeout_s=0.4)
    assert time.monotonic() - began < 5


async def test_where_one_host_is_away_the_other_one_is_asked(host: Misbehaving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
    host.will(GOOD)
    async with Cluster(Endpoint(urls=(away, host.url))) as cluster:
        for _ in range(6):
            assert await cluster.request("GET", "/anything") == {"fine": True}
    assert len(host.asked) == 6


def find(**changes: Any) -> list[Hit[Person]]:
    """The hits of an answer to one search."""
    answer = json.dumps({"responses": [NOBODY | changes]})
    return decoder_of(Person).decode(answer).responses[0].list_hits()


def make_hit(name: str) -> dict[str, Any]:
    return {"_index": "actors-1", "_id": name.lower(), "_score": 1.0, "_source": {"name": name, "more": 1}}


async def test_hits_and_suggested_are_told_alike() -> None:
    suggest = {"names": [{"text": "j", "options": [make_hit("Jane")]}]}
    found = find(hits={"hits": [make_hit("Jake")]}, suggest=suggest)
    assert [(hit.index, hit.id, hit.source) for hit in found] == [
        ("actors-1", "jake", Person("Jake")),
        ("actors-1", "jane", Person("Jane")),
    ]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"timed_out": True}, EngineUnavailableError),
        ({"_shards": {"failed": 1}}, EngineUnavailableError),
        ({"status": 429, "error": {"type": "rejected", "reason": "full"}}, EngineUnavailableError),
        ({"status": 404, "error": {"type": "index_not_found_exception", "reason": ""}}, EngineNotReadyError),
    ],
)
async def test_a_search_that_failed_is_an_error(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        find(**changes)


def refusal() -> EngineUnavailableError:
    return EngineUnavailableError("left alone")


async def ask_little(cluster: Cluster, timeout_s: float = 2.0) -> Any:
    return await cluster.search_many([("x", {})], Person, timeout_s, is_small=True)


async def test_a_request_that_fails_counts_once_for_all_who_share_it(host: Misbehaving) -> None:
    """Four requests: three alone, and one for those who came meanwhile. The breaker opens at five."""
    host.will(late(reply(b"{}", 503)))
    breaker = Breaker((EngineUnavailableError,), threshold=5, pause_s=60, refusal=refusal)
    async with Cluster(Endpoint(urls=(host.url,)), breaker) as cluster:
        failed = await asyncio.gather(*(ask_little(cluster) for _ in range(12)), return_exceptions=True)
        assert {type(each) for each in failed} == {EngineUnavailableError}
        assert (len(host.asked), breaker.state) == (4, "closed")
        with pytest.raises(EngineUnavailableError):
            await ask_little(cluster)
        assert breaker.state == "open"
        with pytest.raises(EngineUnavailableError):
            await ask_little(cluster)
        assert len(host.asked) == 5, "it is left alone"


async def test_who_waits_in_vain_for_a_turn_says_so(host: Misbehaving) -> None:
    """Three requests that hang, and two who gave up before theirs was made."""
    host.will(hang)
    breaker = Breaker((EngineUnavailableError,), threshold=5, pause_s=60, refusal=refusal)
    async with Cluster(Endpoint(urls=(host.url,)), breaker) as cluster:
        failed = await asyncio.gather(*(ask_little(cluster, 0.3) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in failed} == {EngineUnavailableError}
    assert breaker.state == "open"


async def test_small_searches_try_whether_it_is_back(host: Misbehaving) -> None:
    found = reply(json.dumps({"responses": [NOBODY]}), headers=PRODUCT)
    host.will(reply(b"{}", 503), late(found), found)
    breaker = Breaker((EngineUnavailableError,), threshold=1, pause_s=0.1, refusal=refusal)
    async with Cluster(Endpoint(urls=(host.url,)), breaker) as cluster:
        with pytest.raises(EngineUnavailableError):
            await ask_little(cluster)
        await asyncio.sleep(0.15)
        tried = await asyncio.gather(*(ask_little(cluster) for _ in range(4)), return_exceptions=True)
        assert tried[0] == [[]]
        assert {type(each) for each in tried[1:]} == {EngineUnavailableError}, (
            "one tries, the others are told"
        )
        assert await ask_little(cluster) == [[]]
    assert len(host.asked) == 3


async def test_a_document_of_another_form_is_an_error() -> None:
    hit = make_hit("Jake") | {"_source": {"name": 7}}
    with pytest.raises(msgspec.ValidationError):
        find(hits={"hits": [hit]})
