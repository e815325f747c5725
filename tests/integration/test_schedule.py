"""The schedule's record on the real engine: late rather than never, and once for all workers."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from marquee.engine import lease
from marquee.engine.records import Records
from marquee.errors import EngineUnavailableError, MarqueeError, OtherReleaseError
from marquee.reindex import schedule as schedules
from marquee.reindex.job import JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.schedule import Schedule
from marquee.settings import Settings

pytestmark = pytest.mark.anyio


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def test_the_first_worker_ever_has_missed_nothing(own: Settings, records: Records) -> None:
    assert await Schedule(own, records).ask(at(9))
    assert await Jobs(records).list_newest(10) == []


async def test_a_time_that_has_passed_is_a_job(own: Settings, records: Records) -> None:
    schedule = Schedule(own, records)
    await schedule.ask(at(9))
    await schedule.ask(at(11, 59))
    assert await Jobs(records).list_newest(10) == []
    await schedule.ask(at(12, 1))
    (job,) = await Jobs(records).list_newest(10)
    assert (job.requested_by, job.request) == ("schedule", JobRequest(scheduled=True))


async def test_of_many_workers_one_asks(own: Settings, records: Records) -> None:
    await Schedule(own, records).ask(at(9))
    asked = await asyncio.gather(*(Schedule(own, records).ask(at(12, n)) for n in range(8)))
    assert all(asked)
    assert len(await Jobs(records).list_newest(10)) == 1


async def test_what_was_missed_while_no_worker_ran_is_made_up_for_once(
    own: Settings, records: Records
) -> None:
    await Schedule(own, records).ask(at(9))
    later = Schedule(own, records)
    await later.ask(at(3, day=27))
    (job,) = await Jobs(records).list_newest(10)
    await lease.clear(records, job.id)
    await later.ask(at(3, 1, day=27))
    assert [each.id for each in await Jobs(records).list_newest(10)] == [job.id]


async def test_a_job_under_way_makes_the_look_late_and_does_not_drop_it(
    own: Settings, records: Records
) -> None:
    schedule = Schedule(own, records)
    await schedule.ask(at(9))
    running = await Jobs(records).request(JobRequest(source="sample"), "somebody")
    assert not await schedule.ask(at(12, 1))
    await Jobs(records).cancel(running.id, "somebody")
    assert await schedule.ask(at(12, 40))
    newest, *_ = await Jobs(records).list_newest(10)
    assert newest.requested_by == "schedule"


async def test_a_worker_whose_clock_is_ahead_stops_nobody(
    own: Settings, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    await Schedule(own, records).ask(at(9, day=30))  # six days ahead
    schedule = Schedule(own, records)
    assert await schedule.ask(at(9))
    assert "clock is wrong" in caplog.text
    assert await Jobs(records).list_newest(10) == []
    caplog.clear()
    await schedule.ask(at(12, 1))
    (job,) = await Jobs(records).list_newest(10)
    assert job.requested_by == "schedule"
    assert caplog.text == ""


async def test_clocks_may_differ_a_little(
    own: Settings, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    await Schedule(own, records).ask(at(9, 0))
    record = await records.get("schedule")
    await Schedule(own, records).ask(at(8, 59))
    assert await records.get("schedule") == record
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineUnavailableError("away"), "has to wait: away"),
        (OtherReleaseError("of another"), "has to wait: of another"),
        (MarqueeError("anything"), "has to wait: anything"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
async def test_a_look_that_fails_is_told_and_made_again(
    own: Settings,
    records: Records,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
) -> None:
    monkeypatch.setattr(schedules, "RETRY_EVERY_S", 0.01)
    asked = asyncio.Event()
    failures = [error, error]

    async def ask(_: Schedule, __: datetime) -> bool:
        if failures:
            raise failures.pop()
        asked.set()
        return True

    monkeypatch.setattr(Schedule, "ask", ask)
    schedule = Schedule(own, records)
    with caplog.at_level(logging.WARNING, "marquee"):
        schedule.start()
        await asyncio.wait_for(asked.wait(), 5)
        await schedule.stop()
    assert caplog.text.count(told) == 2
