"""Three nodes of Elasticsearch, one replica: where copies are, and what happens when nodes die."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import copies, generations, switch
from marquee.engine.cluster import Cluster
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings, read_settings
from tests.conftest import remove_indexes, run_service
from tests.engine_nodes import Nodes, run_nodes
from tests.integration.test_reindex import write_files

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

SEARCH = {"q": "jake gylenhal"}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with run_nodes(read_settings()[0], is_brief=True) as nodes:
        yield nodes


@pytest.fixture(scope="module")
async def cluster(nodes: Nodes, anyio_backend: str) -> AsyncIterator[Cluster]:
    async with Cluster(nodes.endpoint) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def spread(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a replica, on two of the three zones."""
    return msgspec.structs.replace(
        settings,
        index_prefix="cluster",
        home=tmp_path_factory.mktemp("home"),
        replicas=1,
        allocation=("zone=a|b",),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_files(folder, "Jake Gyllenhaal", "Brad Pitt")
    return folder


async def locate(cluster: Cluster, settings: Settings, generation: str) -> list[tuple[str, str]]:
    """Return (state, node) of every copy of a generation."""
    pattern = ",".join(
        generations.index_name(settings.index_prefix, kind, generation)
        for kind in ("actors", "titles", "tokens")
    )
    params = {"format": "json", "h": "state,node"}
    shards = await cluster.request("GET", f"/_cat/shards/{pattern}", params=params)
    return sorted((each["state"], each["node"]) for each in shards)


async def test_all_copies_are_there_before_the_swap_and_only_where_they_may_be(
    cluster: Cluster, spread: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[tuple[str, str]]] = []
    swap = switch.swap

    async def look_and_swap(records: Any, generation: str, **options: Any) -> Any:
        seen.append(await locate(cluster, spread, generation))
        return await swap(records, generation, **options)

    monkeypatch.setattr(switch, "swap", look_and_swap)
    await reindex(spread, cluster, open_source(folder), SILENT)
    assert seen == [[("STARTED", "node-0")] * 3 + [("STARTED", "node-1")] * 3]


async def test_copies_without_a_place_are_told_and_waited_for_no_longer(
    cluster: Cluster,
    spread: Settings,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(copies, "NO_PLACE_AFTER_S", 1.0)
    more = msgspec.structs.replace(spread, replicas=2, index_prefix="cluster-more")
    outcome = await reindex(more, cluster, open_source(folder), SILENT)
    assert outcome.swapped
    assert f"3 copies of {outcome.generation} have no node to go to" in caplog.text
    found = await locate(cluster, more, outcome.generation)
    assert [state for state, _ in found] == ["STARTED"] * 6 + ["UNASSIGNED"] * 3
    await remove_indexes(cluster, more.index_prefix)  # with them the cluster is not green


async def test_a_node_dies_without_a_failed_search_and_all_of_them_without_a_loss(
    nodes: Nodes, cluster: Cluster, spread: Settings, folder: Path
) -> None:
    live = (await reindex(spread, cluster, open_source(folder), SILENT)).generation
    extra = {"MARQUEE_CACHE_SIZE_MB": "0"}
    with run_service(spread, nodes.endpoint, extra) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for _ in range(50):
                if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                    break
                await asyncio.sleep(0.1)
            asking = asyncio.create_task(ask_for(client, 4.0))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(nodes.nodes[0].kill)  # which holds a copy of everything
            statuses = await asking
            assert len(statuses) > 20
            assert set(statuses) == {200}
            for node in nodes.nodes[1:]:
                await asyncio.to_thread(node.kill)
            gone = await client.get("/v1/actors/search", params=SEARCH)
            assert (gone.status_code, gone.json()["type"]) == (503, "/problems/engine-unavailable")
            for node in nodes.nodes:
                node.start()
            await asyncio.to_thread(nodes.await_status)
            until = time.monotonic() + 30
            for _ in itertools.count():
                answer = await client.get("/v1/actors/search", params=SEARCH)
                if answer.status_code == httpx.codes.OK:
                    break
                assert time.monotonic() < until, "the service does not recover by itself"
                await asyncio.sleep(0.2)
            assert answer.json()["generation"] == live
            assert answer.json()["hits"][0]["name"] == "Jake Gyllenhaal"


async def ask_for(client: httpx.AsyncClient, span_s: float) -> list[int]:
    statuses, until = [], time.monotonic() + span_s
    while time.monotonic() < until:
        statuses.append((await client.get("/v1/actors/search", params=SEARCH)).status_code)
        await asyncio.sleep(0.02)
    return statuses
