"""The service from its start to its end: it waits, refuses what it cannot read, and drains."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from marquee.engine.cluster import Cluster, Endpoint
from marquee.settings import Settings
from tests.conftest import engine_environ, remove_indexes, run_service
from tests.engine_faults import EngineFaults
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

SEARCH = "/v1/actors/search"


@pytest.fixture
async def later(cluster: Cluster, settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A prefix where a generation of a later release is live."""
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-later", home=tmp_path)
    for kind in ("actors", "titles"):
        index = f"{own.index_prefix}-{kind}-v99-20260101t000000"
        await cluster.request("PUT", f"/{index}", body={"aliases": {f"{own.index_prefix}-{kind}": {}}})
    yield own
    await remove_indexes(cluster, own.index_prefix)


async def test_a_generation_of_a_later_release_is_refused_at_the_start(
    later: Settings, endpoint: Endpoint
) -> None:
    command = [sys.executable, "-m", "marquee", "serve", "--port", "0"]
    environ = engine_environ(later, endpoint)
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)  # noqa: ASYNC221
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "v99-20260101t000000 is live, whose mapping version this release cannot read" in line


async def test_one_that_becomes_live_is_not_searched(
    cluster: Cluster, settings: Settings, endpoint: Endpoint, tmp_path: Path
) -> None:
    """As in a rolling upgrade, where this process is one of the old release."""
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-soon", home=tmp_path)
    try:
        with run_service(own, endpoint) as url:
            async with httpx.AsyncClient(base_url=url, timeout=10) as client:
                nothing = await client.get(SEARCH, params={"q": "jake"})
                assert (nothing.status_code, nothing.json()["type"]) == (503, "/problems/not-ready")
                for kind in ("actors", "titles"):
                    index = f"{own.index_prefix}-{kind}-v99-20260101t000000"
                    alias: dict[str, Any] = {f"{own.index_prefix}-{kind}": {}}
                    await cluster.request("PUT", f"/{index}", body={"aliases": alias})
                await asyncio.sleep(1)
                for path in (f"{SEARCH}?q=jake", "/health/ready"):
                    answer = await client.get(path)
                    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
                    assert "mapping version this release cannot read" in answer.json()["detail"]
    finally:
        await remove_indexes(cluster, own.index_prefix)


async def test_it_waits_for_the_engine_and_says_so(
    settings: Settings, endpoint: Endpoint, sample: str
) -> None:
    parts = urlsplit(endpoint.urls[0])
    proxy = Proxy((parts.hostname or "", parts.port or 9200))
    proxy.is_up = False
    away = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    with tempfile.TemporaryFile("w+") as stderr, run_service(settings, away, stderr=stderr) as url:
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 503
            assert (await client.get(SEARCH, params={"q": "jake"})).status_code == 503
            proxy.is_up = True
            for _ in range(50):
                if (await client.get("/health/ready")).status_code == 200:
                    break
                await asyncio.sleep(0.1)
            answer = await client.get(SEARCH, params={"q": "jake gylenhal"})
            assert answer.json()["generation"] == sample
            await asyncio.sleep(0.5)
        stderr.seek(0)
        said = stderr.read()
        assert "waiting: Elasticsearch cannot be reached" in said
        assert "answering again" in said
    proxy.close()


async def test_what_is_under_way_at_sigterm_is_answered(
    settings: Settings, endpoint: Endpoint, sample: str
) -> None:
    faults = EngineFaults(endpoint.urls[0])
    slow = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{faults.port}",))
    environ = engine_environ(settings, slow)
    command = [sys.executable, "-m", "marquee", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        address = next(line for line in process.stdout if "http://" in line)
        url = "http://" + address.split("http://")[1].split("/")[0].strip()
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            assert (await client.get(SEARCH, params={"q": "jake gylenhal"})).status_code == 200
            # Three go to the engine, three after them, and one may take three requests: within the deadline.
            faults.delay_s = 0.3
            asked = [
                asyncio.create_task(client.get("/v1/actors/suggest", params={"q": name}))
                for name in ("jake", "brad", "keanu", "arnold", "scarlett", "rene")
            ]
            await asyncio.sleep(0.15)
            process.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*asked)
            assert [each.status_code for each in answers] == [200] * len(asked)
            assert {each.json()["generation"] for each in answers} == {sample}
            assert process.wait(timeout=10) == 0
            with pytest.raises(httpx.TransportError):
                await client.get("/health/live")
    faults.close()
