"""The audit log: who changed what is live, or deleted something, when and why. Entries are never changed
once their action has ended, and never deleted."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from marquee.engine.records import Records, Version, decode_known
from marquee.errors import EngineError
from marquee.reindex.answer import Entry as Entry

KIND = "audit"
_log = logging.getLogger("marquee.reindex")
Action = Literal[
    "swap",
    "forced gate",
    "rollback",
    "activate",
    "pin",
    "unpin",
    "delete",
    "cancel",
    "cache clear",
    "restore",
]


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

    What cannot be recorded is logged, and done all the same: on a full disk Elasticsearch takes no records,
    and nothing but a deletion makes room.
    """
    entry = Entry(at=datetime.now(UTC), action=action, by=by, generation=generation, reason=reason, job=job)
    entry_id = f"audit-{uuid.uuid4().hex}"
    version: Version | None = None
    try:
        version = await records.create(entry_id, KIND, entry, entry.at)
    except EngineError as error:
        _log.error("not in the audit log (%s): %s", error, msgspec.json.encode(entry).decode())
    try:
        yield
    except BaseException as error:
        ended = msgspec.structs.replace(entry, outcome=f"failed: {error or type(error).__name__}")
        await _end(records, entry_id, ended, version)
        raise
    await _end(records, entry_id, msgspec.structs.replace(entry, outcome="done"), version)


async def _end(records: Records, entry_id: str, ended: Entry, version: Version | None) -> None:
    """Record how it ended. What was done is done: an engine that went away must not make a failure of it."""
    if version is not None:
        with contextlib.suppress(EngineError):
            await records.replace(entry_id, KIND, ended, version, ended.at)


async def list_entries(records: Records, limit: int) -> list[Entry]:
    """Return the newest entries, newest first."""
    return decode_known(await records.list_newest(KIND, limit), Entry)
