"""Jobs on the real engine: whose place is whose, who is told of a cancellation, following one to its end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from rich.console import Console

from marquee import terminal
from marquee.catalog.sources import open_source
from marquee.cli import reindexing
from marquee.engine import generations, lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.lease import Lease
from marquee.engine.records import Records
from marquee.errors import (
    ConflictError,
    EngineUnavailableError,
    LeaseHeldError,
    NotFoundError,
)
from marquee.progress import SILENT
from marquee.reindex import audit
from marquee.reindex.job import Job, JobRequest, end
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.integration.test_reindex import write_files
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

TTL_S = 1.0
WAITING, HERE = JobRequest(source="sample"), JobRequest(source="sample", attended=True)


async def run_by_a_worker(jobs: Jobs) -> tuple[Job, Lease]:
    """A job as it is in the hands of a worker that has got somewhere with it, and does not beat."""
    asked = await jobs.request(WAITING, "tester")
    held = await Lease.take(jobs.records, "worker:1", TTL_S, asked.id)
    begun = await jobs.begin(asked, "worker:1")
    figures = {"stages": [{"stage": "reading", "took_s": 1.0, "done": 1, "unit": "rows"}]}
    return await jobs.write(msgspec.structs.replace(begun, figures=figures)), held


async def ask_here(jobs: Jobs) -> tuple[Job, Lease]:
    return await jobs.request_and_hold(HERE, "me", "me:2", TTL_S)


async def test_a_command_takes_the_place_of_a_job_whose_worker_died(jobs: Jobs) -> None:
    dead, _ = await run_by_a_worker(jobs)
    job, held = await ask_here(jobs)
    buried = await jobs.get(dead.id)
    assert (buried.state, buried.reason) == ("failed", "the process that ran it (worker:1) died")
    assert (buried.started_at, buried.figures, buried.worker, buried.attempt) == (
        dead.started_at, dead.figures, "worker:1", 1,
    )  # fmt: skip
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job, held.job) == ("me:2", job.id, job.id)


async def test_a_job_that_waits_for_a_worker_keeps_its_place(jobs: Jobs) -> None:
    asked = await jobs.request(WAITING, "tester")
    with pytest.raises(LeaseHeldError, match=f"job {asked.id} is requested") as told:
        await ask_here(jobs)
    assert told.value.job == asked.id
    await Lease.take(jobs.records, "worker:1", TTL_S, asked.id)  # which dies before it begins
    with pytest.raises(LeaseHeldError, match="is requested"):
        await ask_here(jobs)
    assert await jobs.get(asked.id) == asked


async def test_a_job_whose_worker_lives_keeps_its_place(jobs: Jobs) -> None:
    running, held = await run_by_a_worker(jobs)
    beating = asyncio.create_task(held.keep())
    with pytest.raises(LeaseHeldError, match="held by worker:1"):
        await ask_here(jobs)
    beating.cancel()
    assert await jobs.get(running.id) == running


async def test_a_job_that_is_handed_back_while_a_command_watches_keeps_its_place(jobs: Jobs) -> None:
    running, held = await run_by_a_worker(jobs)
    asking = asyncio.create_task(ask_here(jobs))
    await asyncio.sleep(TTL_S / 2)
    await jobs.hand_back(running)
    await held.hand_back()
    with pytest.raises(LeaseHeldError, match="is requested"):
        await asking
    state, _ = await lease.read(jobs.records)
    assert (state.holder, state.job, (await jobs.get(running.id)).state) == ("", running.id, "requested")


@pytest.mark.parametrize("step", [(Jobs, "bury"), (Lease, "pass_place_on"), (Records, "create")])
async def test_a_command_that_fails_over_a_dead_job_leaves_it_to_be_found(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str]
) -> None:
    dead, _ = await run_by_a_worker(jobs)

    async def fail(*_: Any, **__: Any) -> None:
        raise EngineUnavailableError("injected")

    monkeypatch.setattr(*step, fail)
    with pytest.raises(EngineUnavailableError, match="injected"):
        await ask_here(jobs)
    monkeypatch.undo()
    assert (await lease.read(jobs.records))[0].holder == "", "nobody has to wait for the lease to run out"
    job, _ = await ask_here(jobs)
    states = {each.id: each.state for each in await jobs.list_newest(10)}
    assert (states.pop(job.id), states.pop(dead.id)) == ("requested", "failed")
    assert set(states.values()) <= {"failed"}


async def test_what_has_ended_is_not_buried(jobs: Jobs) -> None:
    running, _ = await run_by_a_worker(jobs)
    ended = await jobs.write(end(running, "succeeded", ""))
    await jobs.bury(running, "died")
    assert await jobs.get(running.id) == ended


async def test_a_dead_job_that_was_cancelled_is_cancelled(jobs: Jobs) -> None:
    dead, _ = await run_by_a_worker(jobs)
    await jobs.cancel(dead.id, "somebody")
    await ask_here(jobs)
    buried = await jobs.get(dead.id)
    assert (buried.state, buried.reason) == ("cancelled", "cancelled by somebody")


async def test_a_job_whose_process_died_after_its_swap_has_succeeded(
    cluster: Cluster, jobs: Jobs, own: Settings, tmp_path: Path
) -> None:
    write_files(tmp_path, "Jake Gyllenhaal")
    made = (await reindex(own, cluster, open_source(tmp_path), SILENT)).generation
    dead, _ = await run_by_a_worker(jobs)
    await generations.update_meta(cluster, own.index_prefix, made, job=dead.id)
    await ask_here(jobs)
    buried = await jobs.get(dead.id)
    assert (buried.state, buried.generation) == ("succeeded", made)
    assert "it is live" in buried.reason


# Cancelling


async def list_cancellations(jobs: Jobs) -> list[tuple[str, str | None, str]]:
    return [(each.by, each.job, each.outcome) for each in await audit.list_entries(jobs.records, 10)]


async def test_only_a_cancellation_that_changes_something_stands_in_the_audit_log(jobs: Jobs) -> None:
    with pytest.raises(NotFoundError):
        await jobs.cancel("nosuch", "somebody")
    assert await list_cancellations(jobs) == []
    running, held = await run_by_a_worker(jobs)
    await jobs.cancel(running.id, "somebody")
    await jobs.cancel(running.id, "another")
    expected = [("somebody", running.id, "done")]
    assert await list_cancellations(jobs) == expected
    await jobs.write(end(running, "cancelled", "cancelled by somebody"))
    await held.release()
    await jobs.cancel(running.id, "another")
    other, _ = await ask_here(jobs)
    await jobs.write(end(await jobs.begin(other, "me:2"), "succeeded", ""))
    with pytest.raises(ConflictError, match="has ended: it succeeded"):
        await jobs.cancel(other.id, "somebody")
    assert await list_cancellations(jobs) == expected


async def test_a_cancellation_that_fails_stands_there_as_failed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = await run_by_a_worker(jobs)
    replace = Records.replace

    async def fail(self: Records, record_id: str, *rest: Any, **named: Any) -> Any:
        if record_id == f"job-{running.id}":
            raise EngineUnavailableError("injected")
        return await replace(self, record_id, *rest, **named)

    monkeypatch.setattr(Records, "replace", fail)
    with pytest.raises(EngineUnavailableError):
        await jobs.cancel(running.id, "somebody")
    assert await list_cancellations(jobs) == [("somebody", running.id, "failed: injected")]


# `marquee jobs ID`


@pytest.fixture
async def behind(jobs: Jobs, endpoint: Endpoint) -> AsyncIterator[tuple[Jobs, Proxy]]:
    """The same jobs through a relay that can take the engine away."""
    parts = urlsplit(endpoint.urls[0])
    assert parts.hostname
    assert parts.port
    proxy = Proxy((parts.hostname, parts.port))
    nearby = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    async with Cluster(nearby) as cluster:
        yield Jobs(Records(cluster, jobs.records.prefix)), proxy
    proxy.close()


def follower() -> tuple[terminal.JobFollower, io.StringIO]:
    shown = io.StringIO()
    return terminal.JobFollower(terminal.StageProgress(Console(file=shown, width=200))), shown


async def test_following_a_job_lives_through_an_engine_that_goes_away(
    jobs: Jobs, behind: tuple[Jobs, Proxy]
) -> None:
    near, proxy = behind
    running, _ = await run_by_a_worker(jobs)
    follow, shown = follower()
    watching = asyncio.create_task(reindexing._watch(near, running.id, follow))
    await asyncio.sleep(1)
    proxy.take_away()
    await asyncio.sleep(2)
    assert not watching.done()
    proxy.is_up = True
    ended = await jobs.write(end(running, "succeeded", ""))
    assert await watching == ended
    assert shown.getvalue().count("Elasticsearch is away") == 1


async def test_following_a_job_ends_when_the_engine_stays_away(
    jobs: Jobs, behind: tuple[Jobs, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "AWAY_FOR_S", 2.0)
    near, proxy = behind
    running, _ = await run_by_a_worker(jobs)
    watching = asyncio.create_task(reindexing._watch(near, running.id, follower()[0]))
    await asyncio.sleep(1)
    proxy.take_away()
    with pytest.raises(EngineUnavailableError, match=f"2 s now: `marquee jobs {running.id}`"):
        await watching
    with pytest.raises(EngineUnavailableError):  # away from the start: nothing to wait for
        await reindexing._watch(near, running.id, follower()[0])
