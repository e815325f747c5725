"""The worker: claims jobs, owns the schedule, keeps house, and tells people what they must know.

Any number may run. One of them holds the lease while it works; the others watch it, and take over what a dead
one left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from marquee import __version__
from marquee.engine import generations, lease
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.lease import Lease, LeaseState, Watch
from marquee.engine.records import Records
from marquee.errors import LeaseHeldError, LeaseLostError, MarqueeError, SettingsError
from marquee.reindex import presence, retention
from marquee.reindex.alerts import Alerts
from marquee.reindex.choice import read_choice
from marquee.reindex.identity import name_process
from marquee.reindex.job import Job
from marquee.reindex.jobs import Jobs, say_died
from marquee.reindex.pin import read_pin
from marquee.reindex.schedule import Schedule
from marquee.reindex.status import read_status
from marquee.reindex.supervision import MAX_ATTEMPTS, Supervision
from marquee.settings import Settings

POLL_EVERY_S = 1.0
ALERT_EVERY_S = 30.0
KEEP_HOUSE_EVERY_S = 60.0
FORGET_EVERY_S = 3600.0
# A request takes seconds at most, but a page of somebody's credits may be followed by the next after a while.
READER_GRACE_S = 600.0
# How long a job waits for a worker that has its folder.
ELSEWHERE_S = 30.0

_log = logging.getLogger("marquee.reindex")


class Worker:
    """One worker; `run` returns only when cancelled."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings, self._endpoint = settings, endpoint
        self._cluster = Cluster(endpoint)
        self._records = Records(self._cluster, settings.index_prefix)
        self._jobs = Jobs(self._records)
        # What cannot be used is to be said at the start.
        self._schedule = Schedule(settings, self._records)
        self._alerts = Alerts(self._records, settings.alert_urls)
        self.name = name_process()
        self._watch = Watch()
        self._started_at = datetime.now(UTC)
        self._job: Job | None = None
        self._passed_on: tuple[str, float] | None = None
        self._live: tuple[str, float] | None = None

    @property
    def next_run_at(self) -> datetime | None:
        """When its schedule looks at the source next (UTC)."""
        return self._schedule.next_run_at

    async def run(self) -> None:
        """Work until cancelled; a job under way is left to the next worker then."""
        async with self._cluster:
            self._schedule.start()
            try:
                async with asyncio.TaskGroup() as chores:
                    chores.create_task(_repeat(self._claim, POLL_EVERY_S))
                    chores.create_task(_repeat(self._announce, presence.WRITE_EVERY_S))
                    chores.create_task(_repeat(self._alert, ALERT_EVERY_S))
                    chores.create_task(_repeat(self._keep_house, KEEP_HOUSE_EVERY_S))
                    chores.create_task(_repeat(self._forget, FORGET_EVERY_S))
            finally:
                await self._schedule.stop()
                with contextlib.suppress(MarqueeError):
                    await presence.withdraw(self._records, self.name)

    async def _announce(self) -> None:
        seen = presence.Presence(
            id=self.name,
            version=__version__,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            job=self._job.id if self._job else None,
            next_run_at=self._schedule.next_run_at,
        )
        await presence.announce(self._records, seen)

    async def _alert(self) -> None:
        await self._alerts.look(await read_status(self._cluster, self._settings.index_prefix))

    async def _claim(self) -> None:
        """Take the lease if there is something to do under it, and do it."""
        state, _ = await lease.read(self._records)
        is_expired = self._watch.is_expired(state)
        if (state.holder and not is_expired) or not (state.job or is_expired):
            return
        if state.job and not await self._may_run():
            return
        with contextlib.suppress(LeaseHeldError):  # another worker was quicker
            held = await self._take(state)
            await self._work(held)

    async def _may_run(self) -> bool:
        """Return whether the job that has the place of the one under way may be taken by this worker, now.

        Raises:
            OtherReleaseError: it is for the workers of another release.
        """
        job = await self._jobs.find_active()
        if job is None or job.has_ended or _why_not(job):
            return True
        await self._jobs.check_terms(job)
        if await self._find_missing(job) is None:
            return True
        # A worker that has the folder takes it at once. Where none does, it must not be in the way for ever.
        if self._passed_on is None or self._passed_on[0] != job.id:
            self._passed_on = job.id, time.monotonic()
        return time.monotonic() - self._passed_on[1] >= ELSEWHERE_S

    async def _find_missing(self, job: Job) -> Path | None:
        """Return the folder that a job is to read and that this machine does not have."""
        try:
            choice = await read_choice(self._cluster, self._records.prefix, job.request)
        except SettingsError:  # nothing is live: the job says so
            return None
        if choice.kind != "folder" or choice.folder is None:
            return None
        return choice.folder if await asyncio.to_thread(_is_missing, choice.folder) else None

    async def _take(self, state: LeaseState) -> Lease:
        return await Lease.take(self._records, self.name, self._settings.lease_ttl_s, state.job, self._watch)

    async def _work(self, held: Lease) -> None:
        job = await self._jobs.find_active()
        if job is not None and not job.has_ended:
            if job.state == "running":
                _log.warning("job %s: its worker %s is silent, this one takes over", job.id, job.worker)
            if (reason := _why_not(job)) is not None:
                await self._jobs.bury(job, reason)
            elif job.request.scheduled and (folder := await self._find_missing(job)) is not None:
                # Nobody asked, and nothing is wrong: a team may have the folder on one of its machines only.
                await self._jobs.bury(job, f"no look at the source: {folder} is not there", "cancelled")
            else:
                await self._supervise(held, job)
                return
        await retention.remove_orphans(self._settings, self._records, held.token, self.name, held.job)
        await held.release()

    async def _supervise(self, held: Lease, job: Job) -> None:
        self._job = job
        try:
            supervision = Supervision(self._settings, self._endpoint, self._jobs, held, self.name)
            ended = await supervision.run(job, hand_back=True)
            _log.info("job %s %s: %s", ended.id, ended.state, ended.reason or ended.generation)
        except LeaseLostError as error:
            _log.warning("job %s: %s", job.id, error)
        finally:
            self._job = None

    async def _keep_house(self) -> None:
        """Delete what is kept no longer, once no reader can hold it any more."""
        every = await generations.list_generations(self._cluster, self._records.prefix)
        found = generations.pick_live(every)
        live = found.id if found else ""
        if self._live is None or self._live[0] != live:
            self._live = live, time.monotonic()
        pin = await read_pin(self._records)
        spared = {pin.generation} if pin else set()
        surplus = retention.choose_surplus(every, self._settings.keep_generations, spared)
        if surplus and time.monotonic() - self._live[1] >= READER_GRACE_S:
            state, _ = await lease.read(self._records)
            if not state.holder and not state.job:
                with contextlib.suppress(LeaseHeldError):
                    held = await self._take(state)
                    try:
                        await retention.remove_surplus(
                            self._settings, self._records, held.token, self.name, None
                        )
                    finally:  # else nothing could be begun before it has run out
                        await asyncio.shield(held.release())

    async def _forget(self) -> None:
        """Delete old records; to find them takes reading thousands."""
        await self._jobs.forget_old()
        await presence.forget_old(self._records)


def _why_not(job: Job) -> str | None:
    """Return why a job is not to be run (again), None if it is."""
    if job.cancel_requested_by:
        return f"cancelled by {job.cancel_requested_by}"
    if not job.is_resumable:
        return say_died(job)
    if job.attempt >= MAX_ATTEMPTS:
        return f"its workers died {job.attempt} times, the last one {job.worker}"
    return None


def _is_missing(folder: Path) -> bool:
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # there, and not for this process: the job says so
        return False
    return False


async def _repeat(chore: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Do a chore again and again; an engine that is away, or a lost race, is for the next time."""
    told = ""
    while True:
        try:
            await chore()
            told = ""
        except MarqueeError as error:
            if str(error) != told:  # what lasts is said once
                _log.warning("%s", error)
            told = str(error)
        except Exception:
            _log.exception("a bug in a worker's chore")
        await asyncio.sleep(every_s)
