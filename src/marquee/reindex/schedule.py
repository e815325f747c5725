"""When the source is looked at: by cron, in UTC, the same for all workers, and late rather than never.

What has been looked at stands in a record. So of N workers, whose schedules all strike, one asks for the job;
and what should have happened while no worker ran (or a job was under way) happens as soon as it can, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
from datetime import UTC, datetime, timedelta

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from marquee.engine.records import Records, decode
from marquee.errors import EngineConflictError, LeaseHeldError, MarqueeError, SettingsError
from marquee.reindex.identity import SCHEDULE
from marquee.reindex.job import JobRequest
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings

RECORD_ID = "schedule"
OFF = "off"
# A job under way takes minutes; the look is due until it is done.
RETRY_EVERY_S = 15.0
# By how much the clocks of workers may differ.
CLOCKS_DIFFER = timedelta(minutes=1)

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_log = logging.getLogger("marquee.reindex")


def read_trigger(expression: str) -> CronTrigger | None:
    """Return the trigger of a cron expression (minute hour day month weekday, UTC), None for `off`.

    Raises:
        SettingsError: it is none.
    """
    if expression.strip().lower() == OFF:
        return None
    fields = expression.split()
    if len(fields) == 5 and not fields[2].startswith("*") and not fields[4].startswith("*"):
        # To cron it is either, to APScheduler both, which is hardly ever.
        raise SettingsError(
            f"MARQUEE_SCHEDULE={expression!r} cannot be used: it names days of the month and of the week"
        )
    try:
        fields[4:5] = [_name_weekdays(each) for each in fields[4:5]]
        return CronTrigger.from_crontab(" ".join(fields), timezone=UTC)
    except ValueError as error:
        raise SettingsError(f"MARQUEE_SCHEDULE={expression!r} cannot be used: {error}") from error


def _name_weekdays(field: str) -> str:
    """Return cron's field of weekdays as names: to cron 0 and 7 are Sunday, APScheduler counts from Monday.

    What is not cron's is left for APScheduler to refuse.
    """
    days: set[int] = set()
    for part in field.split(","):
        found = re.fullmatch(r"(?:\*|([0-7])(?:-([0-7]))?)(?:/([1-7]))?", part)
        if found is None or part == "*":
            return field
        first, last, step = found[1], found[2], int(found[3] or 1)
        begin = int(first or 0)
        end = int(last) if last else (begin if first and not found[3] else 6)
        days |= {day % 7 for day in range(begin, end + 1, step)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the record."""

    looked_at: datetime
    """When a worker last asked for what was due, by its clock (UTC)."""


class Schedule:
    """Asks for a reindex when it is time. Use `start`, then `stop`."""

    def __init__(self, settings: Settings, records: Records) -> None:
        self._jobs, self._records = Jobs(records), records
        self._trigger = read_trigger(settings.schedule)
        self._jitter_s = settings.schedule_jitter_s
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what was missed is made up for at once."""
        if self._trigger is None:
            return
        # Late rather than never, and once for however many times: its own default drops what is 1 s late.
        self._scheduler.add_job(self._strike, self._trigger, coalesce=True, misfire_grace_time=None)
        self._scheduler.start()
        self._looking = asyncio.create_task(self._look(None))

    async def stop(self) -> None:
        """End; a look that waits for its turn is due again when the next worker starts."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    @property
    def next_run_at(self) -> datetime | None:
        """When the source is looked at next (UTC)."""
        return self._trigger.get_next_fire_time(None, datetime.now(UTC)) if self._trigger else None

    async def _strike(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(random.uniform(0, self._jitter_s)))  # noqa: S311

    async def _look(self, delay_s: float | None) -> None:
        """Ask for the job that is due, if one is; wait for one that is under way."""
        await asyncio.sleep(delay_s or 0)
        while True:
            try:
                if await self.ask(datetime.now(UTC)):
                    return
            except MarqueeError as error:
                _log.warning("the scheduled look at the source has to wait: %s", error)
            except Exception:
                _log.exception("a bug in the schedule")
            await asyncio.sleep(RETRY_EVERY_S)

    async def ask(self, now: datetime) -> bool:
        """Ask for the job of the first time that has passed since the last look; False if it has to wait.

        Every worker finds the same time, and so the same job.
        """
        record = await self._records.get(RECORD_ID)
        if record is None:  # the first worker ever: nothing was missed
            with contextlib.suppress(EngineConflictError):
                await self._records.create(RECORD_ID, "schedule", Looks(looked_at=now), now)
            return True
        looked_at = decode(record.body, Looks, "the record of the schedule").looked_at
        if looked_at > now + CLOCKS_DIFFER:
            # Left as it is, nobody would look until then.
            _log.warning("a worker's clock is wrong: by it, the source was looked at at %s", looked_at)
        else:
            due = self._find_due(looked_at, now)
            if due is None:
                return True
            try:
                await self._jobs.request(JobRequest(scheduled=True), SCHEDULE, key=f"{due:%Y-%m-%dT%H:%M}")
            except LeaseHeldError:
                return False
        with contextlib.suppress(EngineConflictError):  # another worker was quicker, with the same job
            await self._records.replace(
                RECORD_ID, "schedule", Looks(looked_at=now), record.version, now, stored=record.body
            )
        return True

    def _find_due(self, looked_at: datetime, now: datetime) -> datetime | None:
        """Return the first time of the schedule after the last look, if it has passed."""
        assert self._trigger is not None  # noqa: S101  # nobody asks without a schedule
        due: datetime | None = self._trigger.get_next_fire_time(looked_at, looked_at)
        return due if due is not None and due <= now else None
