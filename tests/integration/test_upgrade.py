"""From one release to the next, whose mappings have another version, while people search."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.conftest import engine_environ
from tests.integration.conftest import StartWorker
from tests.next_release import NEXT_VERSION, make_next_release

pytestmark = pytest.mark.anyio

SEARCH = "/v1/actors/search?q=jake%20gylenhal"
ADMIN = {"Authorization": "Bearer of-the-upgrade"}


class Services:
    """Services of either release, of which a client takes one that answers, as a proxy does."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ | {"MARQUEE_ADMIN_TOKEN": ADMIN["Authorization"].split()[1]}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.open: list[str] = []

    def start(self, release: dict[str, str]) -> str:
        """Start one; return its address once it can answer."""
        command = [sys.executable, "-m", "marquee", "serve", "--port", "0"]
        process = subprocess.Popen(
            command, env=self._environ | release, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        address = next(line for line in process.stdout if "http://" in line)
        url = "http://" + address.split("http://")[1].split("/")[0].strip()
        self._processes[url] = process
        until = time.monotonic() + 60
        while httpx.get(f"{url}/health/ready").status_code != httpx.codes.OK:
            assert time.monotonic() < until, "it does not get ready"
            time.sleep(0.1)
        self.open.append(url)
        return url

    def stop(self, url: str) -> None:
        """Stop one as an orchestrator does: first nobody is sent there any more."""
        if url in self.open:
            self.open.remove(url)
        process = self._processes.pop(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0

    def stop_all(self) -> None:
        for url in list(self._processes):
            self.stop(url)


@pytest.fixture
def services(own: Settings, endpoint: Endpoint) -> Iterator[Services]:
    services = Services(engine_environ(own, endpoint) | {"MARQUEE_CACHE_SIZE_MB": "0"})
    yield services
    services.stop_all()


@pytest.fixture
async def asked(services: Services) -> AsyncIterator[list[tuple[int, str]]]:
    """Statuses and generations of what is asked all the time."""
    seen: list[tuple[int, str]] = []

    async def ask_on() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            for number in itertools.count():
                if services.open:
                    answer = await client.get(services.open[number % len(services.open)] + SEARCH)
                    seen.append((answer.status_code, answer.headers.get("marquee-generation", "")))
                await asyncio.sleep(0.01)

    asking = asyncio.create_task(ask_on())
    yield seen
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


async def test_a_rolling_update_fails_no_search_and_an_old_release_refuses_what_it_cannot_read(
    cluster: Cluster,
    own: Settings,
    folder: Path,
    tmp_path: Path,
    services: Services,
    asked: list[tuple[int, str]],
    start_worker: StartWorker,
) -> None:
    first = (await reindex(own, cluster, open_source(folder), SILENT)).generation
    later = make_next_release(tmp_path / "next")
    old = [await asyncio.to_thread(services.start, {}) for _ in range(2)]
    worker = start_worker()
    new = []
    for url in old[:1]:  # the other one stays, as one that was forgotten
        new.append(await asyncio.to_thread(services.start, later))
        await asyncio.to_thread(services.stop, url)
    await asyncio.sleep(0.3)  # both releases answer, from what the old one has built
    assert set(asked) == {(200, first)}
    services.open.remove(old[1])
    worker.terminate()
    await asyncio.to_thread(worker.wait, 15)
    start_worker(**later)
    async with httpx.AsyncClient(base_url=new[0], headers=ADMIN, timeout=10) as admin:
        job = (await admin.post("/v1/admin/jobs", json={"kind": "reindex", "source": "live"})).json()
        until = time.monotonic() + 60
        while not job["ended_at"]:
            assert time.monotonic() < until, job
            await asyncio.sleep(0.2)
            job = (await admin.get(f"/v1/admin/jobs/{job['id']}")).json()
        second = job["generation"]
        assert (job["state"], second.split("-")[0]) == ("succeeded", f"v{NEXT_VERSION}"), job
        await asyncio.sleep(0.5)
        assert asked[-1] == (200, second)
        assert await has_field(cluster, own, second, "pronunciation")
        async with httpx.AsyncClient(base_url=old[1]) as forgotten:
            for path in (SEARCH, "/health/ready"):
                refused = await forgotten.get(path)
                assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-ready")
                assert f"{second} is live, whose mapping version this release cannot read" in refused.text
            # Back to what the old release has built: both read it.
            undone = await admin.post(f"/v1/admin/generations/{first}/activate", json={"reason": "test"})
            assert undone.status_code == httpx.codes.OK, undone.text
            await asyncio.sleep(0.5)
            assert (await forgotten.get(SEARCH)).headers["marquee-generation"] == first
            assert asked[-1] == (200, first)
    assert {status for status, _ in asked} == {200}
    assert [generation for generation, _ in itertools.groupby(asked, lambda each: each[1])] == [
        first, second, first,
    ]  # fmt: skip


async def has_field(cluster: Cluster, own: Settings, generation: str, field: str) -> bool:
    index = generations.index_name(own.index_prefix, "actors", generation)
    mapping = (await cluster.request("GET", f"/{index}/_mapping"))[index]["mappings"]
    return field in mapping["properties"]
