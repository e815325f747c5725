"""Which workers there are: each writes down every few seconds that it is alive, and when it looks next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from marquee.engine.records import Records, decode_known

KIND = "worker"
WRITE_EVERY_S = 10.0
# For people and alerts only: who may build is decided by the lease, which compares no clocks.
SILENT_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(hours=24)


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as it last wrote of itself. Times are UTC."""

    id: str
    """"host:pid"."""
    version: str
    """The release it runs."""
    started_at: datetime
    """When it began."""
    seen_at: datetime
    """When it last wrote that it is there."""
    job: str | None = None
    """What it runs."""
    next_run_at: datetime | None = None
    """When its schedule looks at the source next; None where it has no schedule."""

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return datetime.now(UTC) - self.seen_at < SILENT_AFTER


async def announce(records: Records, presence: Presence) -> None:
    """Write down that a worker is there."""
    await records.put(f"worker-{presence.id}", KIND, presence, presence.seen_at)


async def withdraw(records: Records, worker: str) -> None:
    """Take a worker off the list that ends."""
    await records.delete(f"worker-{worker}")


async def list_workers(records: Records) -> list[Presence]:
    """Return the workers heard of within a day, the latest first."""
    every = decode_known(await records.list_newest(KIND, 1000), Presence)
    return [each for each in every if datetime.now(UTC) - each.seen_at < FORGOTTEN_AFTER]


async def forget_old(records: Records) -> None:
    """Delete the records of workers not heard of for a day."""
    for each in decode_known(await records.list_newest(KIND, 1000), Presence):
        if datetime.now(UTC) - each.seen_at >= FORGOTTEN_AFTER:
            await withdraw(records, each.id)
