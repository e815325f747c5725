"""A job under supervision in this process, its rebuild in one of its own, on the real engine: whatever is cut
off, lost or refused, the record says in the end what is so."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import index_name
from marquee.errors import EngineUnavailableError, LeaseLostError, ReindexFailedError
from marquee.progress import SILENT
from marquee.reindex import activation, audit, child, supervision
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import reindex
from marquee.reindex.supervision import Supervision
from marquee.settings import Settings
from tests.conftest import FAULTS
from tests.flood import full_disk
from tests.integration.conftest import StartWorker
from tests.integration.test_reindex import write_files
from tests.integration.test_worker import (
    TTL_S,
    expect_one_whole_live,
    let_go,
    list_all,
    request_for,
    wait_for,
    wait_for_end,
)

__all__ = ["TTL_S"]

pytestmark = pytest.mark.anyio


class Supervised:
    """A job that was begun in this process."""

    def __init__(self, jobs: Jobs, job: Job, running: asyncio.Task[Job]) -> None:
        self.jobs, self.job, self.running = jobs, job, running

    async def wait_for_process(self) -> psutil.Process:
        async def look() -> psutil.Process | None:
            for each in psutil.Process().children():
                if "marquee.reindex.process" in each.cmdline():
                    return each
            return None

        found: psutil.Process = await wait_for(look)
        return found

    async def wait_for_generation(self, *, live: bool) -> str:
        """Wait until what it builds waits before its swap, or is live."""

        async def look() -> str | None:
            for each in await list_all(self.jobs):
                meta = each.meta
                if meta and meta.job == self.job.id and each.live == live and each.set_aside == "":
                    return each.id
            return None

        found: str = await wait_for(look)
        return found


@pytest.fixture
async def supervise(own: Settings, endpoint: Endpoint, jobs: Jobs) -> AsyncIterator[Any]:
    """Begin a job; what is left of it is ended after the test."""
    begun: list[asyncio.Task[Job]] = []

    async def supervise(request: JobRequest, *, hand_back: bool = False) -> Supervised:
        job, held = await jobs.request_and_hold(request, "tester", "me", TTL_S)
        watch = Supervision(own, endpoint, jobs, held, "me")
        begun.append(asyncio.create_task(watch.run(job, hand_back=hand_back)))
        return Supervised(jobs, job, begun[-1])

    yield supervise
    for each in begun:
        each.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def expect_free(jobs: Jobs) -> None:
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job) == ("", "")


@pytest.fixture
def lingering(hanging: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `hanging`, but after the swap."""
    monkeypatch.setenv("FAULT_AT", "after swap")
    return hanging


async def test_a_process_that_cannot_be_started_fails_the_job(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_out(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(child.Child, "start", run_out)
    begun = await supervise(request_for(folder))
    ended = await begun.running
    assert (ended.state, "Cannot allocate memory" in ended.reason) == ("failed", True)
    assert await jobs.get(ended.id) == ended
    await expect_free(jobs)


async def test_a_job_that_is_cancelled_at_its_swap_succeeded(
    jobs: Jobs, folder: Path, lingering: Path, supervise: Any
) -> None:
    begun = await supervise(request_for(folder))
    generation = await begun.wait_for_generation(live=True)
    await jobs.cancel(begun.job.id, "somebody")
    await asyncio.sleep(2)  # it has been told to end
    let_go(lingering)
    ended = await begun.running
    assert (ended.state, ended.generation, ended.figures["swapped"]) == ("succeeded", generation, True)
    assert await jobs.get(ended.id) == ended
    await expect_free(jobs)


@pytest.mark.parametrize("hand_back", [True, False])
async def test_a_job_whose_supervisor_is_stopped_at_its_swap_succeeded(
    jobs: Jobs, folder: Path, lingering: Path, supervise: Any, hand_back: bool
) -> None:
    begun = await supervise(request_for(folder), hand_back=hand_back)
    generation = await begun.wait_for_generation(live=True)
    begun.running.cancel()
    await asyncio.sleep(1)
    let_go(lingering)
    with pytest.raises(asyncio.CancelledError):
        await begun.running
    ended = await jobs.get(begun.job.id)
    assert (ended.state, ended.generation) == ("succeeded", generation)
    await expect_free(jobs)


async def test_a_job_whose_process_dies_after_its_swap_succeeded(
    jobs: Jobs, folder: Path, lingering: Path, supervise: Any
) -> None:
    begun = await supervise(request_for(folder))
    generation = await begun.wait_for_generation(live=True)
    (await begun.wait_for_process()).kill()
    ended = await begun.running
    assert (ended.state, ended.generation, ended.figures["swapped"]) == ("succeeded", generation, True)
    assert "it is live" in ended.reason


async def test_a_forced_job_whose_worker_dies_after_its_swap_is_not_done_twice(
    jobs: Jobs, folder: Path, start_worker: StartWorker
) -> None:
    victim = start_worker(PYTHONPATH=str(FAULTS), FAULT_AT="after swap", FAULT_KILL="both")
    job = await jobs.request(request_for(folder, force=True), "tester")
    await asyncio.to_thread(victim.wait, 60)
    live = await expect_one_whole_live(jobs)
    start_worker()
    ended = await wait_for_end(jobs, job)
    assert (ended.state, ended.attempt, ended.generation) == ("succeeded", 2, live.id)
    assert ended.figures["swapped"] is True
    assert [each.id for each in await list_all(jobs)] == [live.id]


async def test_a_job_during_which_somebody_goes_back_succeeded_and_changes_nothing(
    cluster: Cluster, own: Settings, jobs: Jobs, folder: Path, hanging: Path, supervise: Any
) -> None:
    people = ["Jake Gyllenhaal", "Second"]
    first = await reindex(own, cluster, open_source(folder), SILENT)
    write_files(folder, *people)
    await reindex(own, cluster, open_source(folder), SILENT)
    write_files(folder, *people, "Third")
    begun = await supervise(request_for(folder))
    await begun.wait_for_generation(live=False)
    await activation.roll_back(jobs.records, "somebody")
    let_go(hanging)
    ended = await begun.running
    assert (ended.state, ended.figures["swapped"]) == ("succeeded", False)
    assert f"`marquee rollback {ended.generation}`" in ended.reason
    assert (await expect_one_whole_live(jobs)).id == first.generation


async def test_a_job_that_was_cancelled_before_it_began_gives_the_lease_up_at_once(
    own: Settings, endpoint: Endpoint, jobs: Jobs, folder: Path
) -> None:
    job, held = await jobs.request_and_hold(request_for(folder), "tester", "me", TTL_S)
    await jobs.cancel(job.id, "somebody")
    ended = await Supervision(own, endpoint, jobs, held, "me").run(job, hand_back=True)
    assert (ended.state, ended.reason) == ("cancelled", "cancelled by somebody")
    await expect_free(jobs)


async def test_a_job_that_another_worker_began_is_left_to_it(
    own: Settings, endpoint: Endpoint, jobs: Jobs, folder: Path
) -> None:
    job, held = await jobs.request_and_hold(request_for(folder), "tester", "me", TTL_S)
    theirs = await jobs.begin(job, "another")
    with pytest.raises(LeaseLostError):
        await Supervision(own, endpoint, jobs, held, "me").run(job, hand_back=True)
    assert await jobs.get(job.id) == theirs


async def test_a_beginning_whose_answer_is_lost_is_one(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Jobs.begin

    async def begin_and_lose(self: Jobs, *arguments: Any) -> Job:
        monkeypatch.setattr(Jobs, "begin", begin)
        await begin(self, *arguments)
        raise EngineUnavailableError("injected")

    monkeypatch.setattr(Jobs, "begin", begin_and_lose)
    ended = await (await supervise(request_for(folder))).running
    assert (ended.state, ended.attempt) == ("succeeded", 1)


@pytest.mark.parametrize("hand_back", [True, False])
async def test_who_is_stopped_before_the_beginning_gives_the_lease_up(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch, hand_back: bool
) -> None:
    async def hang(*_: Any) -> Job:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(Jobs, "begin", hang)
    begun = await supervise(request_for(folder), hand_back=hand_back)
    await asyncio.sleep(0.2)
    begun.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun.running
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job) == ("", begun.job.id), "the job is the next worker's"


@pytest.mark.parametrize("is_written", [False, True], ids=["before", "after"])
async def test_an_interruption_while_a_job_is_begun_ends_it(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    begin, begins = Jobs.begin, asyncio.Event()

    async def begin_slowly(self: Jobs, job: Job, worker: str) -> Job:
        begun = await begin(self, job, worker) if is_written else None
        begins.set()
        await asyncio.sleep(0.3)
        return begun or await begin(self, job, worker)

    monkeypatch.setattr(Jobs, "begin", begin_slowly)
    begun = await supervise(request_for(folder, attended=True), hand_back=False)
    await begins.wait()
    begun.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun.running
    ended = await jobs.get(begun.job.id)
    assert ended.state == "cancelled"
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job) == ("", "")


async def test_a_process_that_hangs_is_ended_and_the_job_says_so(
    jobs: Jobs, folder: Path, hanging: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await supervise(request_for(folder))
    process = await begun.wait_for_process()
    await begun.wait_for_generation(live=False)
    process.suspend()
    monkeypatch.setattr(child, "HUNG_AFTER_S", 2.0)
    ended = await begun.running
    assert ended.state == "failed"
    assert "it hung: no sign of life for 2 s" in ended.reason
    assert "memory" not in ended.reason
    assert not process.is_running()


async def test_a_process_that_does_not_end_when_told_to_is_killed(
    jobs: Jobs, folder: Path, hanging: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "KILLED_AFTER_S", 1.0)
    begun = await supervise(request_for(folder))
    process = await begun.wait_for_process()
    await begun.wait_for_generation(live=False)
    process.suspend()
    await jobs.cancel(begun.job.id, "somebody")
    ended = await begun.running
    assert (ended.state, ended.reason) == ("cancelled", "cancelled by somebody")
    assert not process.is_running()


async def test_a_result_that_a_full_disk_refuses_is_kept_by_a_worker_until_it_is_taken(
    jobs: Jobs,
    folder: Path,
    hanging: Path,
    supervise: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(supervision, "AWAY_FOR_S", 1.0)
    monkeypatch.setattr(supervision, "TELL_EVERY_S", 1.0)
    begun = await supervise(request_for(folder), hand_back=True)
    await begun.wait_for_generation(live=False)
    async with full_disk(jobs.records.cluster, index_name(jobs.records.prefix)):
        let_go(hanging)
        await begun.wait_for_generation(live=True)
        await asyncio.sleep(5)
        assert not begun.running.done()
    ended = await begun.running
    assert (ended.state, await jobs.get(ended.id)) == ("succeeded", ended)
    assert f"job {ended.id} waits for the engine" in caplog.text
    await expect_free(jobs)


async def test_a_result_that_a_full_disk_refuses_is_told_at_the_command_line(
    jobs: Jobs, folder: Path, hanging: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "AWAY_FOR_S", 1.0)
    begun = await supervise(request_for(folder, attended=True))
    await begun.wait_for_generation(live=False)
    async with full_disk(jobs.records.cluster, index_name(jobs.records.prefix)):
        let_go(hanging)
        with pytest.raises(ReindexFailedError, match=r"ended \(succeeded\) could not be recorded: .*block"):
            await begun.running
    await expect_one_whole_live(jobs)


async def test_a_worker_does_not_wait_for_ever_for_an_engine_that_does_not_answer(
    jobs: Jobs, folder: Path, hanging: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "AWAY_FOR_S", 1.0)
    begun = await supervise(request_for(folder), hand_back=True)
    await begun.wait_for_generation(live=False)

    async def fail(*_: Any, **__: Any) -> Any:
        raise EngineUnavailableError("injected")

    with monkeypatch.context() as away:
        away.setattr(Cluster, "request", fail)
        let_go(hanging)
        with pytest.raises(ReindexFailedError, match="injected"):
            await begun.running


async def test_a_result_whose_answer_is_lost_is_recorded(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Jobs.write

    async def write_and_lose(self: Jobs, job: Job) -> Job:
        written = await write(self, job)
        if job.has_ended:
            monkeypatch.setattr(Jobs, "write", write)
            raise EngineUnavailableError("injected")
        return written

    monkeypatch.setattr(Jobs, "write", write_and_lose)
    ended = await (await supervise(request_for(folder))).running
    assert ended.state == "succeeded"
    assert await jobs.get(ended.id) == ended
    await expect_free(jobs)


async def test_a_worker_that_is_stopped_with_a_result_in_hand_tries_to_leave_it(
    jobs: Jobs, folder: Path, supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refused = Jobs.write, asyncio.Event()

    async def refuse_ends(self: Jobs, job: Job) -> Job:
        if job.has_ended and not refused.is_set():
            refused.set()
            raise EngineUnavailableError("injected")
        return await write(self, job)

    monkeypatch.setattr(Jobs, "write", refuse_ends)
    begun = await supervise(request_for(folder), hand_back=True)
    await asyncio.wait_for(refused.wait(), 60)
    begun.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun.running
    assert (await jobs.get(begun.job.id)).state == "succeeded"
    assert len([each for each in await audit.list_entries(jobs.records, 9) if each.action == "swap"]) == 1
    await expect_free(jobs)
