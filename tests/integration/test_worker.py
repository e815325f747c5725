"""Workers as processes on the real engine: they claim, take over, cancel, hand back, and race."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations, lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import Generation
from marquee.engine.mappings import KINDS
from marquee.errors import ConflictError, EngineError, LeaseHeldError
from marquee.progress import SILENT
from marquee.reindex import audit, presence, retention
from marquee.reindex import worker as workers
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import reindex
from marquee.reindex.schedule import Schedule
from marquee.reindex.status import read_status
from marquee.reindex.worker import Worker
from marquee.settings import Settings
from tests.integration.conftest import StartWorker
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio

TTL_S = 3.0


def request_for(folder: Path, **fields: Any) -> JobRequest:
    return JobRequest(source="folder", location=str(folder), **fields)


async def wait_for(what: Callable[[], Awaitable[Any]], timeout_s: float = 90) -> Any:
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


async def test_house_keeping_that_fails_gives_the_lease_up(
    own: Settings, endpoint: Endpoint, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise EngineError("it is being backed up")

    monkeypatch.setattr(workers, "READER_GRACE_S", 0.0)
    monkeypatch.setattr(retention, "choose_surplus", lambda *_: ["one too many"])
    monkeypatch.setattr(retention, "remove_surplus", fail)
    with pytest.raises(EngineError, match="backed up"):
        await Worker(own, endpoint)._keep_house()
    state, _ = await lease.read(jobs.records)
    assert state.token and not state.holder


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


@contextlib.asynccontextmanager
async def work_here(own: Settings, endpoint: Endpoint) -> AsyncIterator[Worker]:
    """Run a worker in this process, where its module can be tampered with."""
    worker = Worker(msgspec.structs.replace(own, schedule="off"), endpoint)
    working = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        working.cancel()
        await asyncio.wait([working])


async def test_a_worker_that_meets_an_interrupted_commands_job_buries_it_and_goes_on(
    jobs: Jobs, own: Settings, endpoint: Endpoint, folder: Path
) -> None:
    dead, held = await jobs.request_and_hold(request_for(folder, attended=True), "me", "me:1", TTL_S)
    begun = await jobs.begin(dead, "me:1")
    await generations.create(jobs.records.cluster, own.index_prefix, "v1-20200101t000000", shards=1)
    async with work_here(own, endpoint):
        buried = await wait_for_end(jobs, dead)
        assert (buried.state, buried.reason) == ("failed", "the process that ran it (me:1) died")
        assert (buried.started_at, buried.attempt) == (begun.started_at, 1)
        asked = await wait_for(lambda: _ask_when_free(jobs, request_for(folder)))
        assert (await wait_for_end(jobs, asked)).state == "succeeded"
    (live,) = await list_all(jobs)
    assert live.live, "what it had begun is deleted"
    assert held.token != (await lease.read(jobs.records))[0].token


async def _ask_when_free(jobs: Jobs, request: JobRequest) -> Job | None:
    with contextlib.suppress(LeaseHeldError):
        return await jobs.request(request, "tester")
    return None


async def test_what_breaks_a_worker_at_its_start_is_not_swallowed(
    own: Settings, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: Schedule) -> None:
        raise ZeroDivisionError("injected")

    monkeypatch.setattr(Schedule, "start", break_down)
    with pytest.raises(ZeroDivisionError, match="injected"):
        await asyncio.wait_for(Worker(own, endpoint).run(), 10)


async def test_trouble_that_lasts_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    left = [ConflictError("one"), ConflictError("one"), None, ConflictError("one"), ConflictError("two")]

    async def fail() -> None:
        if not left:
            raise asyncio.CancelledError
        if (error := left.pop(0)) is not None:
            raise error

    with pytest.raises(asyncio.CancelledError):
        await workers._repeat(fail, 0)
    assert [each.getMessage() for each in caplog.records] == ["one", "one", "two"]


# A folder that is not on every machine


@pytest.fixture
async def elsewhere(own: Settings, cluster: Cluster, folder: Path) -> Path:
    """Where the folder of the live generation is not any more."""
    await reindex(own, cluster, open_source(folder), SILENT)
    away = folder.with_name("away")
    await asyncio.to_thread(folder.rename, away)
    return away


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a worker that has the folder."""
    monkeypatch.setattr(workers, "ELSEWHERE_S", 1.0)


@pytest.mark.usefixtures("elsewhere", "soon")
async def test_a_scheduled_look_at_a_folder_that_is_nowhere_alerts_nobody(
    jobs: Jobs, own: Settings, endpoint: Endpoint, folder: Path
) -> None:
    async with work_here(own, endpoint):
        job = await jobs.request(JobRequest(scheduled=True), "schedule")
        ended = await wait_for_end(jobs, job)
        assert (ended.state, ended.reason) == ("cancelled", f"no look at the source: {folder} is not there")
        await wait_for(lambda: _has_room(jobs))
    assert (await read_status(jobs.records.cluster, own.index_prefix)).last_result is None


async def _has_room(jobs: Jobs) -> bool:
    state, _ = await lease.read(jobs.records)
    return not state.job and not state.holder


@pytest.mark.usefixtures("elsewhere", "soon")
async def test_who_asked_for_a_folder_that_is_nowhere_is_told(
    jobs: Jobs, own: Settings, endpoint: Endpoint, folder: Path
) -> None:
    async with work_here(own, endpoint):
        ended = await wait_for_end(jobs, await jobs.request(JobRequest(), "tester"))
    assert ended.state == "failed"
    assert str(folder) in ended.reason


async def test_the_worker_that_has_the_folder_looks_at_it(
    jobs: Jobs,
    own: Settings,
    endpoint: Endpoint,
    cluster: Cluster,
    folder: Path,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    write_files(folder, "Jake Gyllenhaal", "Somebody New")
    monkeypatch.setattr(workers, "_is_missing", lambda _: True)  # as on another machine
    async with work_here(own, endpoint):
        job = await jobs.request(JobRequest(scheduled=True), "schedule")
        await asyncio.sleep(3)
        assert (await jobs.get(job.id)).state == "requested"
        having = start_worker()
        ended = await wait_for_end(jobs, job)
    assert ended.worker is not None
    assert (ended.state, ended.worker.split(":")[1]) == ("succeeded", str(having.pid))


def test_a_folder_that_may_not_be_read_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workers._is_missing(tmp_path / "none")
    (tmp_path / "file").touch()
    assert workers._is_missing(tmp_path / "file" / "below")
    assert not workers._is_missing(tmp_path)

    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refuse)
    assert not workers._is_missing(tmp_path)
