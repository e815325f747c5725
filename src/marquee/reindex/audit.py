"""The audit log: who changed what is live, or deleted something, when and why. Entries are never changed
once their action has ended, and never deleted."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from marquee.engine.records import Records
from marquee.errors import EngineError

KIND = "audit"
Action = Literal[
    "swap", "forced gate", "rollback", "activate", "pin", "unpin", "delete", "cancel", "cache clear"
]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One action."""

    at: datetime
    """When it began (UTC)."""
    action: Action
    by: str
    """Name of the token, or user and machine at the command line, or "schedule"."""
    generation: str | None = None
    reason: str = ""
    job: str | None = None
    """The job it was a part of."""
    outcome: str = "begun"
    """"begun", "done", or why it failed. One that stays begun was cut off: look at what is live."""


@contextlib.asynccontextmanager
async def record(
    records: Records,
    action: Action,
    by: str,
    *,
    generation: str | None = None,
    reason: str = "",
    job: str | None = None,
) -> AsyncIterator[None]:
    """Record an action around what does it: before it begins, so that no crash hides it, and how it ended.

    Raises:
        EngineError: it cannot be recorded; then it is not begun.
    """
    entry = Entry(at=datetime.now(UTC), action=action, by=by, generation=generation, reason=reason, job=job)
    entry_id = f"audit-{uuid.uuid4().hex}"
    version = await records.create(entry_id, KIND, entry, entry.at)
    try:
        yield
    except BaseException as error:
        ended = msgspec.structs.replace(entry, outcome=f"failed: {error or type(error).__name__}")
        with contextlib.suppress(EngineError):
            await records.replace(entry_id, KIND, ended, version, entry.at)
        raise
    # What was done is done: an engine that went away since then must not make a failure of it.
    with contextlib.suppress(EngineError):
        await records.replace(
            entry_id, KIND, msgspec.structs.replace(entry, outcome="done"), version, entry.at
        )


async def list_entries(records: Records, limit: int) -> list[Entry]:
    """Return the newest entries, newest first."""
    return [msgspec.convert(each.body, Entry) for each in await records.list_newest(KIND, limit)]
