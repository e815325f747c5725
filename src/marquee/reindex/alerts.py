"""Alerts: who is responsible is told once when something is wrong, and once when it is well again.

What is wrong is an *incident*, a record that all workers share: it is opened, closed and claimed for telling
by compare-and-set, so that one of them tells of it. It is told again only if its teller died, or the engine
went away, before he could write down that he had told.

While the engine is away, or refuses to write (its disk is full), an incident lives in each worker's memory:
every worker tells of it, and one that is restarted meanwhile does so again. Once records are taken again, the
first to write his down speaks for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import apprise
import msgspec

from marquee.engine.records import Records, Version
from marquee.errors import (
    EngineConflictError,
    EngineError,
    EngineFullError,
    EngineRejectedError,
    SettingsError,
)
from marquee.reindex.conditions import Condition, Kind, assess, write_digest
from marquee.reindex.identity import name_process
from marquee.reindex.status import Status

# A restart of the engine takes seconds, a rolling upgrade's election less: nobody must be woken for either.
ENGINE_PATIENCE_S = 60.0
SEND_TIMEOUT_S = 30.0
# Whoever claimed an incident has told of it by then, or died. Clocks of machines may differ by half of it.
CLAIM = timedelta(minutes=5)

_log = logging.getLogger("marquee.reindex")
# What Apprise logs quotes addresses, and these carry passwords.
logging.getLogger("apprise").disabled = True


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """How far an incident of one kind is. Times are UTC."""

    is_open: bool = False
    title: str = ""
    """What it was opened with."""
    opened_at: datetime | None = None
    is_told: bool = True
    """Whether its opening, or its closing if it is closed, has reached every address."""
    reached: tuple[int, ...] = ()
    """Which addresses have it already, by their number from 1."""
    claimed_at: datetime | None = None
    """Since when somebody is telling of it."""


class _Own(NamedTuple):
    """An incident in this process's memory, and the state of the record that it goes on from."""

    incident: Incident
    version: Version | None


def advance(incident: Incident, condition: Condition, now: datetime) -> Incident | None:
    """Return the incident, claimed for telling; None where there is nothing to tell or somebody does."""
    if condition.is_bad and not incident.is_open:
        return Incident(is_open=True, title=condition.title, opened_at=now, is_told=False, claimed_at=now)
    if incident.is_open and not condition.is_bad:
        return msgspec.structs.replace(incident, is_open=False, is_told=False, reached=(), claimed_at=now)
    is_claimed = incident.claimed_at is not None and now - incident.claimed_at < CLAIM
    return None if incident.is_told or is_claimed else msgspec.structs.replace(incident, claimed_at=now)


class Alerts:
    """Follows the conditions and tells of them; without addresses, in the log alone."""

    def __init__(
        self, records: Records, urls: Sequence[str], *, engine_patience_s: float = ENGINE_PATIENCE_S
    ) -> None:
        """Open the addresses.

        Raises:
            SettingsError: one cannot be used; the text does not quote it.
        """
        self._records, self._engine_patience_s = records, engine_patience_s
        self._targets = {number: _open_target(number, url) for number, url in enumerate(urls, 1)}
        self._own: dict[Kind, _Own] = {}
        self._seen: dict[Kind, Version | None] = {}
        self._trouble_since: float | None = None

    async def look(self, status: Status) -> None:
        """Tell of what has begun or ended, and again where that failed at the last look.

        `status` must have been read after the look before this one.
        """
        for condition in assess(status):
            if condition.kind != "engine" or self._is_lasting(condition):
                try:
                    await self._follow(condition, status)
                except EngineConflictError:
                    _log.debug("another worker tells of %s", condition.kind)
                except EngineError as error:
                    _log.warning("the incident %s cannot be followed: %s", condition.kind, error)

    def _is_lasting(self, condition: Condition) -> bool:
        """Whether the engine is well, or was not at every look for a while, which makes two at least."""
        if not condition.is_bad:
            self._trouble_since = None
            return True
        now = time.monotonic()
        if self._trouble_since is None:
            self._trouble_since = now
            return False
        return now - self._trouble_since >= self._engine_patience_s

    async def _follow(self, condition: Condition, status: Status) -> None:
        incident, version = await self._read(condition.kind)
        # If it has changed since the last look, `status` may be older than that change, and must not undo it.
        is_settled = version == self._seen.get(condition.kind)
        self._seen[condition.kind] = version
        following = advance(incident, condition, datetime.now(UTC))
        if following is None or (following.is_open != incident.is_open and not is_settled):
            return
        version = await self._write(condition.kind, following, version)
        if following.is_open != incident.is_open:
            level = logging.WARNING if condition.is_bad else logging.INFO
            _log.log(level, "%s: %s %s", condition.title, condition.detail, condition.advice)
        left = [number for number in self._targets if number not in following.reached]
        title = f"[{self._records.prefix}] {condition.title}"
        digest = write_digest(condition, status, following.title, following.opened_at)
        body = f"{digest}\n\nindex prefix {self._records.prefix}, worker {name_process()}"
        sent = await asyncio.gather(*(self._send(number, title, body, condition.is_bad) for number in left))
        reached = following.reached + tuple(
            number for number, is_sent in zip(left, sent, strict=True) if is_sent
        )
        told = msgspec.structs.replace(following, reached=reached, is_told=all(sent), claimed_at=None)
        await self._write(condition.kind, told, version)

    async def _read(self, kind: Kind) -> tuple[Incident, Version | None]:
        own = self._own.get(kind)
        if self._is_own(kind):
            return own or _Own(Incident(), None)
        record = await self._records.get(f"incident-{kind}")
        if own and own.version == (record.version if record else None):
            return own.incident, await self._write(kind, own.incident, own.version)
        self._own.pop(kind, None)  # another worker could write, and speaks for all
        if record is None:
            return Incident(), None
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.convert(record.body, Incident), record.version
        return Incident(), record.version  # another version's

    async def _write(self, kind: Kind, incident: Incident, version: Version | None) -> Version | None:
        if not self._is_own(kind):
            try:
                written = await self._write_record(kind, incident, version)
            except EngineConflictError:
                raise
            except (EngineFullError, EngineRejectedError) as error:
                if kind not in self._own:
                    _log.warning("the incident %s is followed by this worker alone: %s", kind, error)
            else:
                self._own.pop(kind, None)
                self._seen[kind] = written
                return written
        self._own[kind] = _Own(incident, version)
        return version

    async def _write_record(self, kind: Kind, incident: Incident, version: Version | None) -> Version:
        if version is None:
            return await self._records.create(f"incident-{kind}", "incident", incident)
        return await self._records.replace(f"incident-{kind}", "incident", incident, version)

    def _is_own(self, kind: Kind) -> bool:
        """Whether an incident is this process's alone: who has no address must claim nothing."""
        return kind == "engine" or not self._targets

    async def _send(self, number: int, title: str, body: str, is_bad: bool) -> bool:
        kind = apprise.NotifyType.FAILURE if is_bad else apprise.NotifyType.SUCCESS
        notify, text = self._targets[number].notify, apprise.NotifyFormat.TEXT
        with contextlib.suppress(
            Exception
        ):  # a plugin may raise anything, and its text may quote the address
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if await asyncio.to_thread(notify, body, title, kind, body_format=text):
                    return True
        _log.warning(
            "address %d of MARQUEE_ALERT_URLS did not take an alert, which is sent again at the next look; "
            "to see why: apprise -vv -b test ADDRESS",
            number,
        )
        return False


def _open_target(number: int, url: str) -> apprise.Apprise:
    asset = apprise.AppriseAsset(app_id="Marquee", app_desc="Marquee")
    target = apprise.Apprise(asset=asset)
    if not target.add(url):
        scheme = re.match(r"[a-z]{1,16}://", url)
        raise SettingsError(
            f"MARQUEE_ALERT_URLS: address {number}{f' ({scheme[0]}…)' if scheme else ''} cannot be used; "
            "https://appriseit.com/services/ has the notations; write a comma within one as %2C"
        )
    return target
