"""Workers as processes on the real engine: they claim, take over, cancel, hand back, and race."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from marquee.engine import generations, lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import Generation
from marquee.engine.mappings import KINDS
from marquee.engine.records import Records
from marquee.errors import ConflictError, LeaseHeldError
from marquee.reindex import audit, presence
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings
from tests.conftest import engine_environ, remove_indexes
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio

TTL_S = 3.0
FAULTS = Path(__file__).parents[1] / "faults"


@pytest.fixture
async def own(cluster: Cluster, settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    own = msgspec.structs.replace(
        settings, index_prefix=f"{settings.index_prefix}-worker", home=tmp_path / "home", lease_ttl_s=TTL_S
    )
    yield own
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture
def jobs(cluster: Cluster, own: Settings) -> Jobs:
    return Jobs(Records(cluster, own.index_prefix))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_files(folder, "Jake Gyllenhaal")
    return folder


StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(own: Settings, endpoint: Endpoint) -> Iterator[StartWorker]:
    """Start `marquee worker`; whatever is left of them and of their rebuilds is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environ: str) -> subprocess.Popen[bytes]:
        settings = {
            "MARQUEE_LEASE_TTL_S": str(TTL_S),
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


def request_for(folder: Path, **fields: Any) -> JobRequest:
    return JobRequest(source="folder", location=str(folder), **fields)


async def wait_for(what: Callable[[], Awaitable[Any]], timeout_s: float = 40) -> Any:
    until = time.monotonic() + timeout_s
    while not (found := await what()):
        assert time.monotonic() < until, f"{what} did not come true in {timeout_s} s"
        await asyncio.sleep(0.1)
    return found


async def wait_for_end(jobs: Jobs, job: Job) -> Job:
    async def ended() -> Job | None:
        now = await jobs.get(job.id)
        return now if now.has_ended else None

    found: Job = await wait_for(ended)
    return found


async def wait_for_rebuild(jobs: Jobs, job: Job, worker: subprocess.Popen[bytes]) -> psutil.Process:
    """Wait until the worker's rebuild runs; return its process."""

    async def runs() -> psutil.Process | None:
        if (await jobs.get(job.id)).state != "running":
            return None
        return next(iter(psutil.Process(worker.pid).children()), None)

    found: psutil.Process = await wait_for(runs)
    return found


async def list_all(jobs: Jobs) -> list[Generation]:
    return await generations.list_generations(jobs.records.cluster, jobs.records.prefix)


async def expect_one_whole_live(jobs: Jobs) -> Generation:
    """Check that the aliases resolve to one complete set."""
    # In one request: of two, each may see another side of a swap.
    path = "/" + ",".join(generations.alias(jobs.records.prefix, kind) for kind in KINDS)
    indexes = await jobs.records.cluster.request("GET", path, params={"features": "aliases"})
    holders = [generations.parse_index_name(jobs.records.prefix, index) for index in indexes]
    (live,) = [each for each in await list_all(jobs) if each.live]
    assert sorted(each for each in holders if each) == sorted((kind, live.id) for kind in KINDS)
    assert live.complete
    return live


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


def let_go(gate: Path) -> None:
    gate.unlink()


async def test_a_worker_runs_what_was_asked_for(jobs: Jobs, folder: Path, start_worker: StartWorker) -> None:
    start_worker()
    job = await jobs.request(request_for(folder, reason="first"), "tester")
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.reason, ended.percent) == ("succeeded", "first", 100.0)
    assert ended.generation == (await expect_one_whole_live(jobs)).id
    assert ended.figures["counts"] == {"actors": 1, "titles": 1}
    assert "index actors" in [each["stage"] for each in ended.figures["stages"]]
    (entry,) = await audit.list_entries(jobs.records, 10)
    assert (entry.action, entry.by, entry.generation, entry.job, entry.outcome) == (
        "swap", "tester", ended.generation, job.id, "done",
    )  # fmt: skip


async def test_one_job_at_a_time(jobs: Jobs, folder: Path) -> None:
    job = await jobs.request(request_for(folder), "tester")
    with pytest.raises(LeaseHeldError) as told:
        await jobs.request(request_for(folder), "another")
    assert told.value.job == job.id


async def test_of_many_who_ask_at_once_one_gets_a_job(jobs: Jobs, folder: Path) -> None:
    await jobs.records.ensure()
    asked = await asyncio.gather(
        *(jobs.request(request_for(folder), f"tester {n}") for n in range(10)), return_exceptions=True
    )
    (job,) = [each for each in asked if isinstance(each, Job)]
    assert all(isinstance(each, LeaseHeldError) for each in asked if each is not job)
    assert [each.id for each in await jobs.list_newest(20)] == [job.id]


async def test_a_retry_with_the_same_key_is_the_same_job(jobs: Jobs, folder: Path) -> None:
    first = await jobs.request(request_for(folder), "tester", key="abc")
    assert await jobs.request(request_for(folder), "tester", key="abc") == first
    with pytest.raises(ConflictError, match="another request"):
        await jobs.request(request_for(folder, force=True), "tester", key="abc")


async def test_a_job_whose_requester_died_before_it_was_written_is_not_lost(
    jobs: Jobs, folder: Path, start_worker: StartWorker
) -> None:
    job = await jobs.request(request_for(folder), "tester")
    await jobs.records.delete(f"job-{job.id}")
    start_worker()
    active = await jobs.find_active()
    assert active is not None
    assert active.id == job.id
    assert (await wait_for_end(jobs, job)).state == "succeeded"


async def test_two_workers_do_a_job_once(jobs: Jobs, folder: Path, start_worker: StartWorker) -> None:
    start_worker()
    start_worker()
    await wait_for(lambda: _count_workers(jobs, 2))
    for number in range(3):
        write_files(folder, "Jake Gyllenhaal", f"Person {number}")
        ended = await wait_for_end(
            jobs, await jobs.request(request_for(folder, force=True, reason="a test"), "tester")
        )
        assert (ended.state, ended.attempt) == ("succeeded", 1)
    assert len([each for each in await audit.list_entries(jobs.records, 50) if each.action == "swap"]) == 3


async def _count_workers(jobs: Jobs, count: int) -> bool:
    return len(await presence.list_workers(jobs.records)) == count


async def test_a_running_job_is_cancelled_within_seconds_and_leaves_nothing(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    worker = start_worker()
    job = await jobs.request(request_for(folder), "tester")
    await wait_for_rebuild(jobs, job, worker)
    began = time.monotonic()
    await jobs.cancel(job.id, "somebody")
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.reason) == ("cancelled", "cancelled by somebody")
    assert time.monotonic() - began < 10
    assert [each for each in await list_all(jobs) if not each.complete] == []
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job) == ("", "")


async def test_a_requested_job_is_cancelled_at_once(jobs: Jobs, folder: Path) -> None:
    job = await jobs.request(request_for(folder), "tester")
    assert (await jobs.cancel(job.id, "somebody")).state == "cancelled"
    assert (await jobs.cancel(job.id, "somebody")).state == "cancelled"
    assert (await jobs.request(request_for(folder), "tester")).state == "requested"


async def test_a_job_of_a_killed_worker_is_done_by_the_next(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    worker = start_worker()
    job = await jobs.request(request_for(folder), "tester")
    rebuild = await wait_for_rebuild(jobs, job, worker)
    worker.kill()
    await asyncio.to_thread(rebuild.wait, 20)  # its parent gone, it ends by itself
    let_go(hanging)
    start_worker()
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    await expect_one_whole_live(jobs)


async def test_a_job_of_a_worker_that_is_told_to_stop_is_left_to_the_next(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    worker = start_worker()
    job = await jobs.request(request_for(folder), "tester")
    await wait_for_rebuild(jobs, job, worker)
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 30) == 0
    assert (await jobs.get(job.id)).state == "requested"
    assert await presence.list_workers(jobs.records) == []
    let_go(hanging)
    start_worker()
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.attempt) == ("succeeded", 1)


async def test_a_rebuild_that_is_killed_fails_its_job_and_leaves_nothing(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    worker = start_worker()
    job = await jobs.request(request_for(folder), "tester")
    (await wait_for_rebuild(jobs, job, worker)).kill()
    ended = await wait_for_end(jobs, job)
    assert ended.state == "failed"
    assert "SIGKILL" in ended.reason
    assert [each for each in await list_all(jobs) if not each.complete] == []


async def test_a_frozen_worker_is_taken_over_and_changes_nothing_when_it_wakes(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    frozen = start_worker()
    job = await jobs.request(request_for(folder), "tester")
    rebuild = await wait_for_rebuild(jobs, job, frozen)
    await asyncio.sleep(2)  # to where it waits before the swap
    rebuild.suspend()
    os.kill(frozen.pid, signal.SIGSTOP)
    let_go(hanging)
    start_worker()
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    live = await expect_one_whole_live(jobs)
    rebuild.resume()  # it goes on with its swap at once
    os.kill(frozen.pid, signal.SIGCONT)
    await asyncio.to_thread(rebuild.wait, 20)
    await asyncio.sleep(1)
    assert (await expect_one_whole_live(jobs)).id == live.id
    assert await jobs.get(job.id) == ended, "it could not report anything either"
    swaps = [each for each in await audit.list_entries(jobs.records, 50) if each.action == "swap"]
    assert [each.outcome == "done" for each in swaps].count(True) == 1


async def test_a_job_whose_workers_die_again_and_again_fails(
    jobs: Jobs, folder: Path, start_worker: StartWorker, hanging: Path
) -> None:
    job = await jobs.request(request_for(folder), "tester")
    for _ in range(3):
        worker = start_worker()
        await wait_for_rebuild(jobs, job, worker)
        worker.kill()
        worker.wait()
    start_worker()
    ended = await wait_for_end(jobs, job)
    assert ended.state == "failed"
    assert "died 3 times" in ended.reason
