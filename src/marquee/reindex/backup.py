"""Backup and restore of a generation, for the day when all data are lost.

What is rebuilt every day from files that can be downloaded again needs no backup to be safe. It needs one to
be back soon: to restore takes seconds, to rebuild all of IMDb half an hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from marquee.engine import copies, generations, lease, snapshots, switch
from marquee.engine.generations import Generation, version_of
from marquee.engine.mappings import READABLE_VERSIONS
from marquee.engine.records import Records
from marquee.engine.snapshots import Moved, Snapshot
from marquee.errors import ConflictError, EngineError, NotFoundError
from marquee.progress import SILENT, Progress
from marquee.reindex import audit
from marquee.reindex.activation import activate
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings

LOOK_EVERY_S = 0.25


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored."""

    generation: str
    live: bool
    """Whether it is live now."""


async def list_backups(records: Records, settings: Settings) -> list[Snapshot]:
    """Return what the repository holds of this index prefix, newest first."""
    return await snapshots.list_snapshots(records.cluster, settings.backup_repository, records.prefix)


async def back_up(
    records: Records, settings: Settings, generation: str | None = None, progress: Progress = SILENT
) -> Snapshot:
    """Copy a generation, the live one by default, into the repository; one that is there is left as it is.

    Raises:
        NotFoundError: there is no such generation, or none is live.
        ConflictError: it is not complete.
        EngineError: the repository cannot be written; what was begun is deleted.
    """
    cluster, prefix, repository = records.cluster, records.prefix, settings.backup_repository
    every = await generations.list_generations(cluster, prefix)
    chosen = generations.pick(every, generation) if generation else generations.pick_live(every)
    if chosen is None:
        raise NotFoundError("no generation is live: name the one to back up")
    if not chosen.complete:
        raise ConflictError(f"{chosen.id} is not complete: its build did not end")
    await snapshots.ensure_repository(
        cluster, repository, settings.backup_location or f"{repository}-{prefix}"
    )
    is_theirs = False
    for each in await snapshots.list_snapshots(cluster, repository, prefix):
        if each.generation == chosen.id and each.state == "SUCCESS":
            return each
        if each.generation == chosen.id and each.state == "IN_PROGRESS":
            is_theirs = True  # somebody else's command, or one that was killed: it goes on by itself
        elif each.generation == chosen.id:  # cut off, or a disk that was full
            await snapshots.remove(cluster, repository, prefix, chosen.id)
    if not is_theirs:
        await snapshots.begin(cluster, repository, prefix, chosen.id)
    try:
        await _follow("back up", lambda: snapshots.measure(cluster, repository, prefix, chosen.id), progress)
        return await _find_whole(records, repository, chosen.id)
    except BaseException:
        if not is_theirs:
            with contextlib.suppress(EngineError):  # why it failed matters more
                await asyncio.shield(snapshots.remove(cluster, repository, prefix, chosen.id))
        raise


async def _find_whole(records: Records, repository: str, generation: str) -> Snapshot:
    found = await snapshots.find_snapshot(records.cluster, repository, records.prefix, generation)
    if found.state != "SUCCESS":
        raise EngineError(f"the backup of {generation} ended as {found.state}: see Elasticsearch's log")
    return found


async def restore(
    records: Records,
    settings: Settings,
    generation: str,
    by: str,
    *,
    reason: str = "",
    live: bool = False,
    progress: Progress = SILENT,
) -> Restored:
    """Bring a generation back, and make it live where nothing is, or where `live` says so.

    Raises:
        NotFoundError: the repository holds none of that id.
        ConflictError: it is there, its backup is not whole, or this release cannot read it.
        LeaseHeldError: a reindex is under way.
        EngineError: it cannot be restored; what had come back is deleted.
    """
    cluster, prefix, repository = records.cluster, records.prefix, settings.backup_repository
    found = await snapshots.find_snapshot(cluster, repository, prefix, generation)
    if found.state != "SUCCESS":
        raise ConflictError(f"the backup of {generation} is not whole ({found.state})")
    if version_of(generation) not in READABLE_VERSIONS:
        raise ConflictError(f"{generation} has a mapping version that this release cannot read")
    every = await generations.list_generations(cluster, prefix)
    if any(each.id == generation for each in every):
        raise ConflictError(f"{generation} is there already; `marquee rollback {generation}` makes it live")
    # Under the lease: the worker's cleaning would take what is half restored for the rest of a crash.
    held = await Jobs(records).hold(by, settings.lease_ttl_s)
    async with lease.keeping(held):
        marker = await switch.read_switch(records)
        async with audit.record(records, "restore", by, generation=generation, reason=reason):
            allocation = copies.render_allocation(settings.allocation)
            await snapshots.begin_restore(
                cluster, repository, prefix, generation, settings.replicas, allocation
            )
            try:
                await _follow(
                    "restore", lambda: snapshots.measure_restore(cluster, prefix, generation), progress
                )
                if settings.replicas:
                    progress.start("replicas")
                    await copies.settle(cluster, prefix, generation)
                # Or the worker's cleaning would take it for one too many.
                await generations.update_meta(cluster, prefix, generation, restored_at=datetime.now(UTC))
            except BaseException:
                with contextlib.suppress(EngineError):  # why it failed matters more
                    await asyncio.shield(_take_away(records, generation, marker, held.token))
                raise
        is_live = live or generations.pick_live(every) is None
        if is_live:
            await activate(records, generation, by, reason or "restored from a backup")
    return Restored(generation=generation, live=is_live)


async def _take_away(records: Records, generation: str, marker: str, fence: str) -> None:
    every = await generations.list_generations(records.cluster, records.prefix)
    doomed: list[Generation] = [each for each in every if each.id == generation]
    await switch.delete(records, doomed, switch=marker, fence=fence)


async def _follow(stage: str, look: Callable[[], Awaitable[Moved | None]], progress: Progress) -> None:
    """Look until nothing moves any more, and show it.

    Raises:
        EngineError: no node takes what is to be restored.
    """
    shown_bytes = total_bytes = 0
    moved_at = time.monotonic()
    while (moved := await look()) is not None:
        if not moved.has_no_place:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at >= copies.NO_PLACE_AFTER_S:  # Elasticsearch has given it up by then
            raise EngineError(
                "no node takes the shards: disks are too full, or none has what MARQUEE_ALLOCATION asks for "
                "(`GET _cluster/allocation/explain` says which)"
            )
        if moved.total_bytes > total_bytes:  # not known at the first looks
            total_bytes, shown_bytes = moved.total_bytes, 0
            progress.start(stage, total_bytes, "bytes")
        progress.advance(max(0, moved.done_bytes - shown_bytes))
        shown_bytes = max(shown_bytes, moved.done_bytes)
        await asyncio.sleep(LOOK_EVERY_S)
    progress.finish()
