"""How a load gives way to searches, and how a generation is warmed, on the real engine."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations, loading, pacing
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.pacing import Pace
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.reindex.warming import warm
from marquee.settings import Settings
from tests.integration.test_generations import body
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio

GENERATION = "v1-20260101t000000"


async def ask_for(cluster: Cluster, index: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await cluster.search_many([(index, {"size": 1})] * 5, msgspec.Raw)


async def test_searches_make_it_busy_and_their_end_ends_it(
    cluster: Cluster, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(pacing, "BUSY_QUERIES_S", 50.0)
    await generations.create(cluster, own.index_prefix, GENERATION, shards=1)
    index = generations.index_name(own.index_prefix, "actors", GENERATION)
    pace = Pace(cluster, own.index_prefix)
    assert not await pace.is_busy(), "nothing to compare with"
    await ask_for(cluster, index, 0.5)
    assert await pace.is_busy()
    await asyncio.sleep(1.0)
    assert not await pace.is_busy()


async def test_an_engine_that_cannot_tell_is_not_busy() -> None:
    async with Cluster(Endpoint(urls=("http://127.0.0.1:1",))) as away:
        pace = Pace(away, "marquee")
        assert not await pace.is_busy()
        assert not await pace.is_busy()


@pytest.mark.parametrize("answer", [{}, {"_all": {}}, {"_all": {"total": {}}}], ids=str)
async def test_figures_that_lack_what_is_looked_for_are_no_error_and_no_load(
    cluster: Cluster, own: Settings, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(pacing, "LOOK_EVERY_S", 0.0)
    request, answers = Cluster.request, [answer]

    async def tell(self: Cluster, method: str, path: str, **named: Any) -> Any:
        return answers.pop() if answers else await request(self, method, path, **named)

    await generations.create(cluster, own.index_prefix, GENERATION, shards=1)
    index = generations.index_name(own.index_prefix, "actors", GENERATION)
    await cluster.search_many([(index, {"size": 1})] * 50, msgspec.Raw)
    monkeypatch.setattr(Cluster, "request", tell)
    pace = Pace(cluster, own.index_prefix)
    assert not await pace.is_busy()
    assert not await pace.is_busy(), "all queries there ever were are not those since the last look"


async def test_a_busy_load_goes_in_pieces_one_at_a_time_and_loses_nothing(
    cluster: Cluster, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PIECE_DOCUMENTS", 7)
    monkeypatch.setattr(pacing, "REST", 0.1)
    at_once, most, sizes = 0, 0, list[int]()
    bulk = Cluster.bulk

    async def watch(self: Cluster, alias: str, sent: bytes) -> object:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        sizes.append(sent.count(b"\n") // 2)
        try:
            return await bulk(self, alias, sent)
        finally:
            at_once -= 1

    async def busy(_: Pace) -> bool:
        return True

    monkeypatch.setattr(Cluster, "bulk", watch)
    monkeypatch.setattr(Pace, "is_busy", busy)
    await generations.create(cluster, own.index_prefix, GENERATION, shards=1)
    alias = generations.loading_alias(own.index_prefix, "actors", GENERATION)
    chunks, heard = [(body(*"abcdefghijklmnop"), 16)], list[int]()
    total = await loading.load(
        cluster, alias, iter(chunks), heard.append, pace=Pace(cluster, own.index_prefix)
    )
    assert (total, sizes, heard, most) == (16, [7, 7, 2], [7, 7, 2], 1)
    index = generations.index_name(own.index_prefix, "actors", GENERATION)
    await cluster.request("POST", f"/{index}/_refresh")
    assert (await cluster.request("GET", f"/{index}/_count"))["count"] == 16


async def test_warming_asks_for_the_most_popular(cluster: Cluster, own: Settings, tmp_path: Path) -> None:
    write_files(tmp_path, "Jake Gyllenhaal", "!!!", "Maggie Gyllenhaal")
    made = await reindex(own, cluster, open_source(tmp_path), SILENT)
    assert await warm(cluster, own.index_prefix, made.generation) == 2, (
        "a name without letters has no question"
    )


async def test_warming_what_is_not_there_is_no_error(cluster: Cluster, own: Settings) -> None:
    assert await warm(cluster, own.index_prefix, GENERATION) == 0
