"""Generations and bulk loading on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from marquee.engine import generations, loading, switch
from marquee.engine.cluster import Cluster, Json
from marquee.engine.generations import BuildMeta, SourceMeta
from marquee.engine.mappings import KINDS
from marquee.engine.records import Records
from marquee.errors import EngineNotReadyError, EngineRejectedError, EngineUnavailableError, LoadError
from marquee.settings import Settings
from tests.conftest import remove_indexes

pytestmark = pytest.mark.anyio

FIRST, SECOND = "v1-20260101t000000", "v1-20260102t000000"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def meta(actors: int) -> BuildMeta:
    return BuildMeta(
        source=SourceMeta(kind="folder", published_at=NOW, confirmed_at=NOW),
        location="/data", basis="abc", attribution="somebody",
        counts={"actors": actors, "titles": 0, "tokens": 0}, marquee_version="0",
    )  # fmt: skip


def body(*names: str) -> bytes:
    lines: list[Json] = []
    for number, name in enumerate(names):
        lines += [{"index": {"_id": f"nm{number:07}"}}, {"name": name, "name_key": name}]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


@pytest.fixture
async def prefix(cluster: Cluster, settings: Settings) -> AsyncIterator[str]:
    name = f"{settings.index_prefix}-gen"
    yield name
    await remove_indexes(cluster, name)


@pytest.fixture
def records(cluster: Cluster, prefix: str) -> Records:
    return Records(cluster, prefix)


async def swap(records: Records, generation: str) -> None:
    await switch.swap(records, generation, switch=await switch.read_switch(records))


async def build(cluster: Cluster, prefix: str, generation: str, *names: str) -> None:
    await generations.create(cluster, prefix, generation, shards=1)
    alias = generations.loading_alias(prefix, "actors", generation)
    if names:
        await loading.load(cluster, alias, iter([(body(*names), len(names))]), lambda _: None)
    await generations.complete(cluster, prefix, generation, meta(len(names)), replicas=0)


async def test_a_refused_search_says_why(cluster: Cluster, prefix: str) -> None:
    await build(cluster, prefix, FIRST)
    index = generations.index_name(prefix, "actors", FIRST)
    with pytest.raises(EngineRejectedError, match="Result window is too large"):
        await cluster.search_many([(index, {"size": 10_001})], msgspec.Raw)


async def test_an_index_that_was_deleted_under_its_build_is_not_completed(
    cluster: Cluster, prefix: str
) -> None:
    await generations.create(cluster, prefix, FIRST, shards=1)
    for kind in KINDS:
        await cluster.request("DELETE", f"/{generations.index_name(prefix, kind, FIRST)}")
    alias = generations.loading_alias(prefix, "actors", FIRST)
    with pytest.raises(LoadError, match="index_not_found"):
        await loading.load(cluster, alias, iter([(body("jake gyllenhaal"), 1)]), lambda _: None)
    assert await generations.list_generations(cluster, prefix) == [], "not even with guessed mappings"
    with pytest.raises(LoadError, match="was deleted while it was loaded"):
        await generations.complete(cluster, prefix, FIRST, meta(1), replicas=0)


async def test_a_generation_is_built_swapped_in_and_listed(
    cluster: Cluster, prefix: str, records: Records
) -> None:
    await build(cluster, prefix, FIRST, "jake gyllenhaal")
    assert await generations.find_live(cluster, prefix) is None
    await swap(records, FIRST)
    await build(cluster, prefix, SECOND)
    listed = await generations.list_generations(cluster, prefix)
    assert [(each.id, each.live, each.complete) for each in listed] == [
        (SECOND, False, True),
        (FIRST, True, True),
    ]
    assert listed[1].meta == meta(1)
    assert listed[1].mapping_version == 1


async def test_a_swap_moves_all_aliases_and_nothing_else(
    cluster: Cluster, prefix: str, records: Records
) -> None:
    neighbour = f"{prefix}-actors-v1-20260101t000000-of-somebody-else"
    await cluster.request("PUT", f"/{neighbour}", body={"aliases": {f"{prefix}-actors-x": {}}})
    await build(cluster, prefix, FIRST)
    await build(cluster, prefix, SECOND)
    await swap(records, FIRST)
    await swap(records, SECOND)
    for kind in KINDS:
        holders = await cluster.request("GET", f"/_alias/{generations.alias(prefix, kind)}")
        assert list(holders) == [generations.index_name(prefix, kind, SECOND)]
    assert (await cluster.request("GET", f"/{neighbour}"))[neighbour]["aliases"] == {f"{prefix}-actors-x": {}}
    await cluster.request("DELETE", f"/{neighbour}")


async def test_a_swap_takes_the_aliases_from_whoever_has_them(
    cluster: Cluster, prefix: str, records: Records
) -> None:
    for generation in (FIRST, SECOND):
        await build(cluster, prefix, generation)
        await cluster.request(
            "PUT", f"/{generations.index_name(prefix, 'actors', generation)}/_alias/{prefix}-actors"
        )
    third = "v1-20260103t000000"
    await build(cluster, prefix, third)
    await swap(records, third)
    assert await generations.resolve(cluster, prefix) == third
    assert [each.id for each in await generations.list_generations(cluster, prefix) if each.live] == [third]


async def test_metadata_of_another_version_makes_a_generation_incomplete(
    cluster: Cluster, prefix: str
) -> None:
    await build(cluster, prefix, FIRST)
    index = generations.index_name(prefix, "actors", FIRST)
    await cluster.request("PUT", f"/{index}/_mapping", body={"_meta": {"build": {"from": "the future"}}})
    listed = (await generations.list_generations(cluster, prefix))[0]
    assert (listed.complete, listed.meta, listed.foreign) == (False, None, True)


async def test_a_build_that_lost_documents_is_not_completed(cluster: Cluster, prefix: str) -> None:
    await generations.create(cluster, prefix, FIRST, shards=1)
    with pytest.raises(LoadError, match="holds 0 documents where 1 were sent"):
        await generations.complete(cluster, prefix, FIRST, meta(1), replicas=0)
    assert not (await generations.list_generations(cluster, prefix))[0].complete


async def test_an_unknown_field_is_refused_and_the_reason_kept(cluster: Cluster, prefix: str) -> None:
    await generations.create(cluster, prefix, FIRST, shards=1)
    alias = generations.loading_alias(prefix, "actors", FIRST)
    wrong = b'{"index":{"_id":"nm1"}}\n{"nmae":"typo"}\n'
    with pytest.raises(LoadError, match=r"refused 1 of 1 documents.*strict_dynamic_mapping_exception"):
        await loading.load(cluster, alias, iter([(wrong, 1)]), lambda _: None)


async def test_no_alias_means_not_ready(cluster: Cluster, prefix: str) -> None:
    with pytest.raises(EngineNotReadyError):
        await generations.resolve(cluster, prefix)
    with pytest.raises(EngineNotReadyError):
        await cluster.search_many([(generations.alias(prefix, "actors"), {"size": 1})], msgspec.Raw)


async def test_a_broken_query_is_rejected_not_unavailable(cluster: Cluster, prefix: str) -> None:
    await build(cluster, prefix, FIRST)
    with pytest.raises(EngineRejectedError, match="nonsense"):
        await cluster.search_many(
            [(generations.index_name(prefix, "actors", FIRST), {"query": {"nonsense": {}}})], msgspec.Raw
        )


class BusyCluster:
    """Puts faults between the loader and the real engine."""

    def __init__(self, cluster: Cluster, busy: int, down: int = 0) -> None:
        self._cluster, self.busy, self.down = cluster, busy, down
        self.sent: list[int] = []

    async def bulk(self, index: str, body: bytes) -> list[Json]:
        if self.down:
            self.down -= 1
            raise EngineUnavailableError("injected")
        lines = body.split(b"\n")
        self.sent.append(len(lines) // 2)
        if self.busy:
            # every second document is told to come again, the others are loaded
            self.busy -= 1
            pairs = [lines[n] + b"\n" + lines[n + 1] + b"\n" for n in range(0, len(lines) - 1, 2)]
            answers = iter(await self._cluster.bulk(index, b"".join(pairs[::2])))
            return [next(answers) if n % 2 == 0 else {"status": 429} for n in range(len(pairs))]
        return await self._cluster.bulk(index, body)


async def test_only_what_the_engine_had_no_room_for_is_sent_again(
    cluster: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "FIRST_BACKOFF_S", 0.01)
    await generations.create(cluster, prefix, FIRST, shards=1)
    busy, heard = BusyCluster(cluster, busy=2, down=1), list[int]()
    alias, five = generations.loading_alias(prefix, "actors", FIRST), body("a", "b", "c", "d", "e")
    total = await loading.load(busy, alias, iter([(five, 5)]), heard.append)  # type: ignore[arg-type]
    assert (total, heard, busy.sent) == (5, [5], [5, 2, 1])
    await generations.complete(cluster, prefix, FIRST, meta(5), replicas=0)


@pytest.mark.parametrize(("busy", "down"), [(99, 0), (0, 99)])
async def test_an_engine_that_stays_busy_or_away_fails_the_load(
    cluster: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch, busy: int, down: int
) -> None:
    monkeypatch.setattr(loading, "FIRST_BACKOFF_S", 0.001)
    await generations.create(cluster, prefix, FIRST, shards=1)
    alias = generations.loading_alias(prefix, "actors", FIRST)
    with pytest.raises((LoadError, EngineUnavailableError), match=r"no room|injected"):
        await loading.load(
            BusyCluster(cluster, busy, down),  # type: ignore[arg-type]
            alias,
            iter([(body(*"abcdefghijklmnopqrstuvwxyz" * 20), 520)]),
            lambda _: None,
        )


async def test_small_searches_share_requests_and_each_gets_its_own_answer(
    cluster: Cluster, prefix: str
) -> None:
    names = [f"Person {number}" for number in range(40)]
    await build(cluster, prefix, FIRST, *names)
    index = generations.index_name(prefix, "actors", FIRST)
    sent: list[str] = []
    send = cluster._send

    async def count(method: str, target: str, *rest: Any) -> Any:
        sent.append(target)
        return await send(method, target, *rest)

    cluster._send = count  # type: ignore[method-assign,assignment]

    async def ask(number: int) -> Any:
        body = {"query": {"ids": {"values": [f"nm{number:07}"]}}, "size": 1}
        if number == 7:  # for which the engine refuses the whole request
            body = {"query": {"nonsense": {}}}
        return (await cluster.search_many([(index, body)], dict[str, Any], is_small=True))[0]

    def begin(number: int) -> asyncio.Task[Any]:
        # As nobody's request: who is followed has his requests for himself, and a test before may have been.
        return asyncio.get_running_loop().create_task(ask(number), context=Context())

    found = await asyncio.gather(*map(begin, range(40)), return_exceptions=True)
    assert isinstance(found.pop(7), EngineRejectedError)
    wanted = [name for number, name in enumerate(names) if number != 7]
    assert [hits[0].source["name"] for hits in found] == wanted  # type: ignore[index]
    assert len(sent) <= 3 + 2 + 40
    sent.clear()
    await asyncio.gather(*map(begin, range(8, 40)))
    assert len(sent) <= 3 + 1
