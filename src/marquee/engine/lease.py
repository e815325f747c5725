"""The lease: the right of one process to build, swap and delete, and the place of the one job under way.

One record, changed only from the version that was read. Its holder counts `beat` up every few seconds. Who
wants it watches the record by his own monotonic clock: only when nothing has changed for the whole `ttl_s`
does he take it over, so that no two machines' clocks are ever compared. The token of the lease is also the
value of the marker alias `fence`: a holder that was stopped past its expiry and wakes up finds every call
that changes something refused by the engine (`engine/markers`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from marquee.engine import markers
from marquee.engine.records import Record, Records, decode
from marquee.errors import (
    EngineConflictError,
    EngineError,
    EngineUnavailableError,
    LeaseHeldError,
    LeaseLostError,
    MarqueeError,
)

RECORD_ID = "lease"
# Five chances to be heard before the lease is taken for dead.
BEATS_PER_TTL = 5
# Each lost race means that somebody else got on; more are another trouble.
MAX_RACES = 20


class LeaseState(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the record."""

    token: str = ""
    """Of the last holder; a new one at every change of hands."""
    holder: str = ""
    """Who holds it, for people; empty for nobody."""
    beat: int = 0
    ttl_s: float = 0.0
    """How long the holder may be silent."""
    job: str = ""
    """Id of the job under way, requested or running; empty for none."""
    pending: dict[str, Any] = {}
    """That job as it was requested: who asked may have died before he wrote it down."""


class Watch:
    """Tells when a lease has been silent for too long, by this process's own monotonic clock."""

    def __init__(self) -> None:
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def is_expired(self, state: LeaseState) -> bool:
        """Look at the lease as it was just read; True once it has not changed for its whole time to live."""
        now, seen = time.monotonic(), (state.token, state.beat)
        if seen != self._seen:
            self._seen, self._since = seen, now
        return bool(state.holder) and now - self._since >= state.ttl_s


async def read(records: Records) -> tuple[LeaseState, Record | None]:
    """Return the lease as it is now."""
    record = await records.get(RECORD_ID)
    if record is None:
        return LeaseState(), None
    return decode(record.body, LeaseState, "the lease"), record


async def _change(records: Records, decide: Callable[[LeaseState], LeaseState]) -> LeaseState:
    """Change the lease as `decide` says of what it is now; `decide` raises where it must not be changed."""
    for _ in range(MAX_RACES):
        state, record = await read(records)
        following = decide(state)
        with contextlib.suppress(EngineConflictError):
            if record is None:
                await records.create(RECORD_ID, "lease", following)
            else:
                await records.replace(RECORD_ID, "lease", following, record.version, stored=record.body)
            return following
    raise EngineUnavailableError("the lease changes faster than it can be read")


async def reserve(records: Records, job: str, pending: dict[str, Any], *, over: str = "") -> None:
    """Make `job` the one job under way, before anybody runs it; `over` is one that has ended meanwhile.

    Raises:
        LeaseHeldError: another one is under way.
    """

    def decide(state: LeaseState) -> LeaseState:
        if state.job not in ("", over, job):
            raise LeaseHeldError(f"job {state.job} is under way", state.job)
        return msgspec.structs.replace(state, job=job, pending=pending)

    await _change(records, decide)


async def clear(records: Records, job: str) -> None:
    """Make room for the next job, if this one is still the one under way."""

    def decide(state: LeaseState) -> LeaseState:
        return msgspec.structs.replace(state, job="", pending={}) if state.job == job else state

    await _change(records, decide)


class Lease:
    """The lease in the hands of this process."""

    def __init__(self, records: Records, state: LeaseState) -> None:
        self.records = records
        self.token, self.job = state.token, state.job
        self._interval_s = state.ttl_s / BEATS_PER_TTL

    @classmethod
    async def take(
        cls,
        records: Records,
        holder: str,
        ttl_s: float,
        job: str = "",
        watch: Watch | None = None,
    ) -> Lease:
        """Take the lease if it is free, or if `watch` has seen it silent for too long.

        `job` gets the place of the one under way: its own, or an empty one.

        Raises:
            LeaseHeldError: somebody holds it, or another job is under way.
        """
        token = markers.new_value()

        def decide(state: LeaseState) -> LeaseState:
            if state.token != token:  # not ours by an answer that was lost
                if state.holder and not (watch and watch.is_expired(state)):
                    raise LeaseHeldError(f"held by {state.holder}", state.job)
                if state.job not in ("", job):
                    raise LeaseHeldError(f"job {state.job} is under way", state.job)
            return LeaseState(token=token, holder=holder, ttl_s=ttl_s, job=job, pending=state.pending)

        lease = cls(records, await _change(records, decide))
        await lease._move_fence()
        return lease

    async def _move_fence(self) -> None:
        """Make the token the value of the fence: from now on no earlier holder can change anything."""
        for _ in range(MAX_RACES):
            fence = await markers.read_marker(self.records, "fence")
            if fence == self.token:
                return
            # An earlier holder may have been stopped just here: it must not put its fence over a later one.
            if (await read(self.records))[0].token != self.token:
                raise LeaseLostError("the lease was taken over by another process")
            with contextlib.suppress(EngineConflictError):
                await markers.update(self.records, {"fence": fence}, [], {"fence": self.token})
        raise EngineUnavailableError("the fence changes faster than it can be read")

    async def beat(self) -> None:
        """Say that the holder is alive.

        Raises:
            LeaseLostError: it was taken over.
            EngineError: it could not be said.
        """
        await _change(
            self.records,
            lambda state: msgspec.structs.replace(self._mine(state), beat=state.beat + 1),
        )

    async def pass_place_on(self, job: str, pending: dict[str, Any]) -> None:
        """Make `job` the one under way, after the one that was has ended.

        Raises:
            LeaseLostError: the lease was taken over.
        """
        await _change(
            self.records,
            lambda state: msgspec.structs.replace(self._mine(state), job=job, pending=pending),
        )
        self.job = job

    async def keep(self) -> None:
        """Beat until cancelled.

        Raises:
            LeaseLostError: it was taken over. An engine that is away is no reason: nobody can take over then.
        """
        while True:
            await asyncio.sleep(self._interval_s)
            with contextlib.suppress(EngineError):
                await self.beat()

    async def release(self) -> None:
        """Give the lease up, and with it the place of its job; one that was taken over is no error."""

        def decide(state: LeaseState) -> LeaseState:
            mine = self._mine(state)
            if state.job not in ("", self.job):
                return msgspec.structs.replace(mine, holder="")
            return msgspec.structs.replace(mine, holder="", job="", pending={})

        with contextlib.suppress(LeaseLostError):
            await _change(self.records, decide)

    async def hand_back(self) -> None:
        """Give the lease up and leave its job to the next who takes it; taken over is no error."""
        with contextlib.suppress(LeaseLostError):
            await _change(self.records, lambda state: msgspec.structs.replace(self._mine(state), holder=""))

    def _mine(self, state: LeaseState) -> LeaseState:
        if state.token != self.token:
            raise LeaseLostError("the lease was taken over by another process")
        return state


async def wait_until_free(records: Records) -> Watch:
    """Wait for a holder that is silent, until it has expired; return the watch that tells so.

    Raises:
        LeaseHeldError: the holder lives.
    """
    watch = Watch()
    state, _ = await read(records)
    first = (state.token, state.beat)
    while state.holder and not watch.is_expired(state):
        await asyncio.sleep(min(1.0, state.ttl_s / BEATS_PER_TTL))
        state, _ = await read(records)
        if state.holder and (state.token, state.beat) != first:
            raise LeaseHeldError(f"held by {state.holder}", state.job)
    return watch


async def take_when_free(records: Records, holder: str, ttl_s: float) -> Lease:
    """Take the lease, waiting only for a holder that is silent: until it is heard, or has expired.

    Raises:
        LeaseHeldError: the holder lives, or a job waits to be begun.
    """
    watch = await wait_until_free(records)
    return await Lease.take(records, holder, ttl_s, watch=watch)


@contextlib.asynccontextmanager
async def hold(records: Records, holder: str, ttl_s: float) -> AsyncIterator[Lease]:
    """Hold the lease for a while, with its heartbeat in this process.

    Raises:
        LeaseHeldError: somebody else holds it.
        LeaseLostError: it was taken over meanwhile.
    """
    lease = await take_when_free(records, holder, ttl_s)
    async with keeping(lease):
        yield lease


@contextlib.asynccontextmanager
async def keeping(lease: Lease) -> AsyncIterator[None]:
    """Have its heart beat in this process, and give it up at the end."""
    beating = asyncio.create_task(lease.keep())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await asyncio.shield(lease.release())


@contextlib.asynccontextmanager
async def handing_back(lease: Lease) -> AsyncIterator[None]:
    """Give the lease up where something fails (Ctrl-C, say): nobody has to wait until it runs out."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(MarqueeError):
            await asyncio.shield(lease.hand_back())
        raise
