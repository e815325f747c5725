"""Which workers there are: each writes down every few seconds that it is alive, and when it looks next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from marquee.engine.records import Records, decode_known
from marquee.reindex.answer import Presence as Presence

KIND = "worker"
WRITE_EVERY_S = 10.0
FORGOTTEN_AFTER = timedelta(hours=24)


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
