"""Making a generation live by hand: in seconds, and the engine itself lets only one of two through."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import Any

from marquee.engine import copies, generations, switch
from marquee.engine.generations import Generation, SetAside
from marquee.engine.records import Records
from marquee.errors import ConflictError, EngineError, EngineNotReadyError, NotFoundError
from marquee.reindex import audit
from marquee.reindex.answer import Activation as Activation
from marquee.reindex.reason import demand_reason
from marquee.reindex.warming import warm

_log = logging.getLogger("marquee.reindex")


async def activate(
    records: Records, generation: str, by: str, reason: str = "", *, force: bool = False
) -> Activation:
    """Make a generation live; the one that was is set aside where it is the newer.

    Raises:
        NotFoundError: there is no such generation.
        RequestError: `force` without a reason.
        ConflictError: it is not complete, has a mapping this release cannot read, was refused by the gate
            (unless `force`), is live already, cannot be read, or another one was made live meanwhile.
    """
    return await _activate(records, generation, by, reason, force)


async def roll_back(
    records: Records, by: str, reason: str = "", generation: str | None = None, *, force: bool = False
) -> Activation:
    """Go back: to the newest usable generation older than the live one, or to the one given.

    Raises:
        NotFoundError: there is none to go back to.
        RequestError, ConflictError: as `activate`.
    """
    return await _activate(records, generation, by, reason, force)


async def _activate(
    records: Records, generation: str | None, by: str, reason: str, force: bool
) -> Activation:
    if force:
        demand_reason(reason)
    marker = await switch.read_switch(records)
    every = await generations.list_generations(records.cluster, records.prefix)
    live = generations.pick_live(every)
    chosen = generations.pick(every, generation) if generation else _find_older(every, live)
    _check(chosen, force)
    if not await copies.is_readable(records.cluster, records.prefix, chosen.id):
        raise ConflictError(
            f"{chosen.id} cannot be searched: a shard is missing or not restored yet, or it was deleted"
        )
    is_back = live is not None and chosen.built_at < live.built_at
    await warm(records.cluster, records.prefix, chosen.id)
    async with contextlib.AsyncExitStack() as audited:
        actions: list[audit.Action] = ["rollback" if is_back else "activate"]
        if chosen.set_aside == "refused":
            actions.insert(0, "forced gate")
        for action in actions:
            entry = audit.record(records, action, by, generation=chosen.id, reason=reason)
            await audited.enter_async_context(entry)
        if live is not None and is_back:
            # Before the swap: a crash in between must not leave what the next look would bring back.
            await mark(records, live, set_aside="rolled back")
        try:
            await switch.swap(records, chosen.id, switch=marker)
        except BaseException as error:
            if live is not None and is_back:
                await asyncio.shield(_unmark(records, live))
            if isinstance(error, EngineNotReadyError):
                raise ConflictError(f"{chosen.id} was deleted at the same moment") from error
            raise
        try:
            await mark(records, chosen, set_aside="", swapped_at=datetime.now(UTC))
        except EngineError as error:  # it is live, which is what was asked for
            _log.warning("%s is live; that could not be recorded of it: %s", chosen.id, error)
    return Activation(generation=chosen.id, previous=live.id if live else None)


async def _unmark(records: Records, live: Generation) -> None:
    """Take a mark back whose swap did not happen."""
    with contextlib.suppress(EngineError):
        if await generations.resolve(records.cluster, records.prefix) == live.id:
            await mark(records, live, set_aside=live.set_aside)


async def mark(
    records: Records, generation: Generation, *, set_aside: SetAside, swapped_at: datetime | None = None
) -> None:
    """Record what became of a complete generation."""
    changes: dict[str, Any] = {"set_aside": set_aside}
    if swapped_at is not None:
        changes["swapped_at"] = swapped_at
    await generations.update_meta(records.cluster, records.prefix, generation.id, **changes)


def _find_older(every: list[Generation], live: Generation | None) -> Generation:
    if live is None:
        raise NotFoundError("no generation is live: name the one to activate")
    for each in every:  # newest first
        if each.built_at < live.built_at and each.complete and each.readable and each.set_aside == "":
            return each
    raise NotFoundError(f"there is no usable generation older than {live.id}; name one to go to")


def _check(generation: Generation, force: bool) -> None:
    if not generation.complete:
        raise ConflictError(f"{generation.id} is not complete: its build did not end")
    if not generation.readable:
        raise ConflictError(
            f"{generation.id} has mapping version {generation.mapping_version}, which this release can't read"
        )
    if generation.live:
        raise ConflictError(f"{generation.id} is live already")
    if generation.set_aside == "unjudged":
        raise ConflictError(f"{generation.id} was not judged by the gate yet")
    if generation.set_aside == "refused" and not force:
        raise ConflictError(f"{generation.id} was refused by the gate; force is needed, with a reason")
