"""What the integration tests share: settings and records of each module's own, and workers as processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings
from tests.conftest import FAULTS, engine_environ, remove_indexes
from tests.integration.test_reindex import write_files

StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
async def own(
    request: pytest.FixtureRequest, cluster: Cluster, settings: Settings, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings with a home and an index prefix of the module's own; its TTL_S is the lease's."""
    name = request.module.__name__.rpartition(".test_")[2]
    own = msgspec.structs.replace(
        settings,
        index_prefix=f"{settings.index_prefix}-{name}",
        home=tmp_path / "home",
        lease_ttl_s=getattr(request.module, "TTL_S", settings.lease_ttl_s),
    )
    yield own
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture
def records(cluster: Cluster, own: Settings) -> Records:
    return Records(cluster, own.index_prefix)


@pytest.fixture
def jobs(records: Records) -> Jobs:
    return Jobs(records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files of one person."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_files(folder, "Jake Gyllenhaal")
    return folder


@pytest.fixture
def start_worker(own: Settings, endpoint: Endpoint) -> Iterator[StartWorker]:
    """Start `marquee worker`; whatever is left of them and of their rebuilds is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environ: str) -> subprocess.Popen[bytes]:
        settings = {
            "MARQUEE_LEASE_TTL_S": str(own.lease_ttl_s),
            "MARQUEE_SCHEDULE": "off",
            "MARQUEE_LOG_LEVEL": "debug",
        }
        environ = engine_environ(own, endpoint) | settings | environ
        started.append(subprocess.Popen([sys.executable, "-m", "marquee", "worker"], env=environ))
        return started[-1]

    yield start
    for each in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (*psutil.Process(each.pid).children(recursive=True), psutil.Process(each.pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
                    process.kill()
        each.wait()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pause in the rebuilds of workers started from now on, for as long as the file is there."""
    gate = tmp_path / "gate"
    gate.touch()
    monkeypatch.setenv("PYTHONPATH", str(FAULTS))
    # Not `before swap`: that far, a rebuild that is told to end carries its swap out first.
    monkeypatch.setenv("FAULT_AT", "after warm")
    monkeypatch.setenv("FAULT_GATE", str(gate))
    return gate
