"""Two releases of Marquee at the records of one engine: neither breaks what only the other can read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from marquee.api.jobs import follow
from marquee.engine import lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.lease import Lease
from marquee.errors import OtherReleaseError
from marquee.reindex import audit, presence
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.pin import read_pin
from marquee.reindex.presence import Presence
from marquee.reindex.schedule import Schedule
from marquee.reindex.status import read_status
from marquee.reindex.worker import Worker
from marquee.settings import Settings
from tests.conftest import remove_indexes

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
NEWER_FIELDS: dict[str, Any] = {"priority": 3, "request": {"title_types": ["movie"]}}


@pytest.fixture
async def own(cluster: Cluster, settings: Settings) -> AsyncIterator[Settings]:
    own = msgspec.structs.replace(
        settings, index_prefix=f"{settings.index_prefix}-releases", lease_ttl_s=1.0, schedule="off"
    )
    yield own
    await remove_indexes(cluster, own.index_prefix)


async def change(jobs: Jobs, job: Job, changes: dict[str, Any]) -> None:
    """Change a job's record as a newer release would."""
    record = await jobs.records.get(f"job-{job.id}")
    assert record is not None
    request = record.body["request"] | changes.get("request", {})
    await jobs.records.put(record.id, "job", record.body | changes | {"request": request}, job.requested_at)


async def read_body(jobs: Jobs, record_id: str) -> dict[str, Any]:
    record = await jobs.records.get(record_id)
    assert record is not None
    return record.body


async def test_lists_leave_out_what_only_another_release_can_read_and_say_so_once(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    older = await jobs.request(JobRequest(source="sample"), "tester")
    await lease.clear(jobs.records, older.id)
    newer = await jobs.request(JobRequest(source="sample"), "tester")
    await change(jobs, newer, {"state": "paused"})
    seen = Presence(id="known:1", version="1", started_at=NOW, seen_at=NOW)
    await presence.announce(jobs.records, seen)
    await jobs.records.put("worker-odd:1", "worker", {"id": "odd:1", "seen_at": "at noon"}, NOW)
    entry = {"at": NOW, "action": "restore", "by": "tester", "outcome": "done", "snapshot": "s1"}
    await jobs.records.put("audit-1", "audit", entry, NOW)
    for _ in range(2):
        assert await jobs.list_newest(10) == [older]
        assert await presence.list_workers(jobs.records) == [seen]
        (shown,) = await audit.list_entries(jobs.records, 10)
        assert (shown.action, shown.by) == ("restore", "tester"), "what was done is not hidden"
    await presence.forget_old(jobs.records)
    assert await jobs.records.get("worker-odd:1") is not None
    told = [each.getMessage() for each in caplog.records if "left out of a list" in each.getMessage()]
    assert [newer.id in each for each in told] == [True, False]


@pytest.mark.parametrize(
    "changes", [{"state": "paused"}, {"kind": "backup"}, {"request": {"source": "mirror"}}]
)
async def test_a_job_of_another_release_says_so(jobs: Jobs, changes: dict[str, Any]) -> None:
    job = await jobs.request(JobRequest(source="sample"), "tester", key="k")
    await change(jobs, job, changes)
    before = await read_body(jobs, f"job-{job.id}")
    message = f"job {job.id} was written by another release of Marquee; use that one"
    for ask in (
        jobs.get(job.id),
        jobs.cancel(job.id, "tester"),
        jobs.request(JobRequest(source="sample"), "another"),
        jobs.request(JobRequest(source="sample"), "tester", key="k"),
        jobs.request_and_hold(JobRequest(source="sample", attended=True), "me", "me:1", 1.0),
    ):
        with pytest.raises(OtherReleaseError, match=message):
            await ask
    assert await read_body(jobs, f"job-{job.id}") == before
    assert (await lease.read(jobs.records))[0].job == job.id
    assert await audit.list_entries(jobs.records, 10) == []


async def test_what_a_newer_release_wrote_beside_is_kept_by_every_change(jobs: Jobs) -> None:
    asked = await jobs.request(JobRequest(source="sample"), "tester")
    await change(jobs, asked, NEWER_FIELDS)
    begun = await jobs.begin(asked, "me:1")
    await jobs.write(msgspec.structs.replace(begun, figures={"stages": []}, percent=5.0))
    await jobs.cancel(asked.id, "somebody")
    await jobs.bury(await jobs.get(asked.id), "died")
    body = await read_body(jobs, f"job-{asked.id}")
    assert (body["state"], body["figures"], body["attempt"]) == ("cancelled", {"stages": []}, 1)
    assert (body["priority"], body["request"]["title_types"]) == (3, ["movie"])


async def test_a_job_that_stands_in_the_lease_alone_is_written_down_whole(jobs: Jobs) -> None:
    asked = await jobs.request(JobRequest(source="sample"), "tester")
    pending = msgspec.to_builtins(asked) | {"priority": 3}
    await lease.reserve(jobs.records, asked.id, pending)
    await jobs.records.delete(f"job-{asked.id}")
    assert await jobs.find_active() == asked
    assert (await read_body(jobs, f"job-{asked.id}"))["priority"] == 3


async def test_fields_of_the_lease_and_the_schedule_are_kept(jobs: Jobs, own: Settings) -> None:
    held = await Lease.take(jobs.records, "me:1", 1.0)
    await jobs.records.put("lease", "lease", await read_body(jobs, "lease") | {"queue": ["a"]})
    await held.beat()
    await held.release()
    assert (await read_body(jobs, "lease"))["queue"] == ["a"]
    await jobs.records.put("schedule", "schedule", {"looked_at": datetime(2026, 1, 1, tzinfo=UTC), "zone": 1})
    every_hour = msgspec.structs.replace(own, schedule="0 * * * *")
    await Schedule(every_hour, jobs.records).ask(NOW)
    assert await read_body(jobs, "schedule") == {"looked_at": _format(NOW), "zone": 1}


def _format(at: datetime) -> str:
    return str(msgspec.to_builtins(at))


@pytest.mark.parametrize("is_dead", [False, True])
@pytest.mark.parametrize("changes", [{"state": "paused"}, {"request": {"title_types": ["movie"]}}])
async def test_a_worker_leaves_a_job_of_another_release_and_its_place_alone(
    jobs: Jobs,
    own: Settings,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    is_dead: bool,
) -> None:
    job = await jobs.request(JobRequest(source="sample"), "tester")
    if is_dead:
        await Lease.take(jobs.records, "newer:1", own.lease_ttl_s, job.id)
    await change(jobs, job, changes)
    before = await read_body(jobs, f"job-{job.id}"), await read_body(jobs, "lease")
    with caplog.at_level(logging.DEBUG, "marquee"):
        working = asyncio.create_task(Worker(own, endpoint).run())
        await asyncio.sleep(own.lease_ttl_s + 3.5)
        working.cancel()
        await asyncio.wait([working])
    assert (await read_body(jobs, f"job-{job.id}"), await read_body(jobs, "lease")) == before
    told = [each for each in caplog.records if job.id in each.getMessage() and "another" in each.getMessage()]
    assert len([each for each in told if "list" not in each.getMessage()]) == 1, "it is said once"
    assert "Traceback" not in caplog.text


async def test_a_pin_of_another_release_holds(jobs: Jobs, own: Settings, cluster: Cluster) -> None:
    await jobs.records.put("pin", "pin", {"generations": ["a", "b"]})
    with pytest.raises(OtherReleaseError, match="the pin was written by another release"):
        await read_pin(jobs.records)
    assert (await read_status(cluster, own.index_prefix)).pinned is None


async def test_the_events_of_a_job_end_where_another_release_goes_on(jobs: Jobs) -> None:
    job = await jobs.request(JobRequest(source="sample"), "tester")
    events = follow(jobs, job, asyncio.Event())
    assert (await anext(events)).startswith(b"event: job")
    await change(jobs, job, {"state": "paused"})
    assert [each async for each in events] == [
        f": job {job.id} was written by another release of Marquee; use that one "
        "(Invalid enum value 'paused' - at `$.state`)\n\n".encode()
    ]
