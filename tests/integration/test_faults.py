"""Faults of engine and source while a worker works: each ends in a clear state, and people are told."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from marquee.catalog.download import fetch_set
from marquee.catalog.sources import open_source
from marquee.engine import generations, loading
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import index_name
from marquee.errors import LoadError, SourceUnavailableError
from marquee.progress import SILENT
from marquee.reindex.job import JobRequest, end
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.conftest import FAULTS, run_service
from tests.flood import BLOCK
from tests.imdb_server import NAMES, say
from tests.imdb_server import Source as Server
from tests.integration.conftest import StartWorker
from tests.integration.test_freshness import Receiver
from tests.integration.test_reindex import write_files
from tests.integration.test_worker import (
    expect_one_whole_live,
    let_go,
    list_all,
    request_for,
    wait_for,
    wait_for_end,
    wait_for_rebuild,
)
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

TTL_S = 3.0

# A selection of benchmarks/crashes.py, which goes through all of them.
POINTS = (
    "reading title.principals", "after create", "index titles", "before swap", "after swap",
)  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def test_a_full_disk_fails_the_reindex_and_leaves_what_is_live(
    cluster: Cluster, own: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await reindex(own, cluster, open_source(folder), SILENT)
    monkeypatch.setattr(loading, "FIRST_BACKOFF_S", 0.001)
    create = generations.create

    async def create_on_a_full_disk(cluster: Cluster, prefix: str, generation: str, *rest: Any) -> None:
        await create(cluster, prefix, generation, *rest)
        path = f"/{index_name(prefix, 'actors', generation)}/_settings"
        await cluster.request("PUT", path, body={BLOCK: True})

    monkeypatch.setattr(generations, "create", create_on_a_full_disk)
    with pytest.raises(LoadError, match=r"(?i)block|disk"):
        await reindex(own, cluster, open_source(folder), SILENT, force=True)
    (left,) = await generations.list_generations(cluster, own.index_prefix)
    assert (left.id, left.live) == (before.generation, True)


async def test_an_engine_that_goes_away_for_a_while_delays_the_job(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path, endpoint: Endpoint
) -> None:
    url = urlsplit(endpoint.urls[0])
    assert url.hostname
    proxy = Proxy((url.hostname, url.port or 9200))
    secret = f"{endpoint.username}:{endpoint.password}@" if endpoint.username else ""
    try:
        worker = start_worker(MARQUEE_ELASTICSEARCH_URL=f"http://{secret}127.0.0.1:{proxy.port}")
        job = await jobs.request(request_for(folder), "tester")
        await wait_for_rebuild(jobs, job, worker)
        await asyncio.sleep(2)
        proxy.take_away()
        let_go(hanging)  # it meets the engine that is away at its swap
        await asyncio.sleep(4)
        assert (await jobs.get(job.id)).state == "running"
        proxy.is_up = True
        ended = await wait_for_end(jobs, job)
    finally:
        proxy.close()
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    await expect_one_whole_live(jobs)


async def test_a_source_that_fails_fails_the_job_and_somebody_is_told(
    jobs: Jobs, start_worker: StartWorker, receiver: Receiver
) -> None:
    server = Server()
    server.faults[NAMES] = [say(500)] * 99
    try:
        pace = "marquee.catalog.download.FIRST_BACKOFF_S=0.1 marquee.reindex.worker.ALERT_EVERY_S=2"
        start_worker(
            MARQUEE_IMDB_BASE_URL=server.url,
            MARQUEE_ALERT_URLS=receiver.url,
            PYTHONPATH=str(FAULTS),
            FAULT_PACE=pace,
        )
        ended = await wait_for_end(jobs, await jobs.request(JobRequest(source="imdb"), "tester"))
    finally:
        server.close()
    assert ended.state == "failed"
    assert "500" in ended.reason

    async def was_told() -> bool:
        return any("failed" in title for title in receiver.titles)

    await wait_for(was_told, timeout_s=60)


async def test_a_damaged_source_fails_the_job(jobs: Jobs, folder: Path, start_worker: StartWorker) -> None:
    start_worker()
    packed = gzip.compress(await asyncio.to_thread((folder / "name.basics.tsv").read_bytes))
    await asyncio.to_thread((folder / "name.basics.tsv.gz").write_bytes, packed[: len(packed) // 2])
    ended = await wait_for_end(jobs, await jobs.request(request_for(folder), "tester"))
    assert ended.state == "failed"
    assert "name.basics.tsv.gz" in ended.reason
    assert await list_all(jobs) == []


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_a_step_leaves_one_whole_set_and_the_next_run_succeeds(
    jobs: Jobs, folder: Path, start_worker: StartWorker, point: str, own: Settings, cluster: Cluster
) -> None:
    whom = Random(point).choice(["rebuild", "worker", "both"])
    write_files(folder, "Jake Gyllenhaal", "Somebody Old")
    await reindex(own, cluster, open_source(folder), SILENT)
    write_files(folder, "Jake Gyllenhaal", "Somebody New")
    victim = start_worker(PYTHONPATH=str(FAULTS), FAULT_AT=point, FAULT_KILL=whom)
    job = await jobs.request(request_for(folder), "tester")
    await wait_for(lambda: _was_struck(jobs, job.id, victim))
    await expect_one_whole_live(jobs)
    victim.kill()
    victim.wait()
    start_worker()
    assert (await wait_for_end(jobs, job)).state in ("succeeded", "failed")
    write_files(folder, "Jake Gyllenhaal", "Somebody Newer")
    ended = await wait_for_end(jobs, await jobs.request(request_for(folder), "tester"))
    assert ended.state == "succeeded"
    assert (await expect_one_whole_live(jobs)).id == ended.generation
    assert all(each.complete and each.set_aside != "unjudged" for each in await list_all(jobs))


async def _was_struck(jobs: Jobs, job_id: str, victim: subprocess.Popen[bytes]) -> Any:
    return victim.poll() is not None or (await jobs.get(job_id)).has_ended


def test_a_rebuild_without_an_order_ends() -> None:
    command = [sys.executable, "-m", "marquee.reindex.process"]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=30).returncode == 1


async def test_no_error_tells_the_password_of_a_mirror(own: Settings) -> None:
    server = Server()
    server.faults[NAMES] = [say(404)] * 99
    try:
        with pytest.raises(SourceUnavailableError) as told:
            await fetch_set(server.url.replace("//", "//user:hunter2@"), own.home / "imdb")
    finally:
        server.close()
    assert NAMES in str(told.value)
    assert "hunter2" not in str(told.value)


async def test_the_open_status_does_not_tell_why_a_job_ended(
    own: Settings, endpoint: Endpoint, jobs: Jobs
) -> None:
    job = await jobs.begin(await jobs.request(JobRequest(source="sample"), "tester"), "me")
    await jobs.write(end(job, "failed", "/secret/path is not a folder"))
    with run_service(own, endpoint) as url:
        answer = (await asyncio.to_thread(httpx.get, f"{url}/v1/status")).text
    assert job.id in answer
    assert "/secret/path" not in answer
