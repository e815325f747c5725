"""The pin: while there is one, no reindex makes another generation live, and the pinned one is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from marquee.engine import generations, switch
from marquee.engine.records import Records, decode
from marquee.errors import ConflictError, NotFoundError
from marquee.reindex import audit
from marquee.reindex.answer import Pin as Pin

RECORD_ID = "pin"


async def read_pin(records: Records) -> Pin | None:
    """Return the pin, None where there is none.

    Raises:
        OtherReleaseError: another release wrote it, in terms that this one does not know.
    """
    record = await records.get(RECORD_ID)
    pin = decode(record.body, Pin, "the pin") if record else None
    return pin if pin and pin.generation else None


async def pin(records: Records, generation: str | None, by: str, reason: str = "") -> Pin:
    """Hold a generation, the live one by default; an earlier pin is replaced.

    Raises:
        NotFoundError: there is no such generation, or none is live.
        ConflictError: it is not complete.
    """
    every = await generations.list_generations(records.cluster, records.prefix)
    found = generations.pick(every, generation) if generation else generations.pick_live(every)
    if found is None:
        raise NotFoundError("no generation is live")
    if not found.complete:
        raise ConflictError(f"{found.id} is not complete: its build did not end")
    made = Pin(generation=found.id, by=by, at=datetime.now(UTC), reason=reason)
    async with audit.record(records, "pin", by, generation=found.id, reason=reason):
        await records.put(RECORD_ID, "pin", made, made.at)
        # A swap or a clean-up that looked for a pin before this one is refused by the engine.
        await switch.renew(records)
    return made


async def unpin(records: Records, by: str, reason: str = "") -> None:
    """Let reindexes swap again.

    Raises:
        NotFoundError: nothing is pinned.
    """
    held = await read_pin(records)
    if held is None:
        raise NotFoundError("no generation is pinned")
    async with audit.record(records, "unpin", by, generation=held.generation, reason=reason):
        await records.delete(RECORD_ID)
