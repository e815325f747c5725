"""Which generations are kept, and the deletion of the others: under the lease, and audited."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Collection, Sequence

from marquee.engine import generations, switch
from marquee.engine.generations import Generation
from marquee.engine.records import Records
from marquee.errors import ConflictError
from marquee.reindex import audit
from marquee.reindex.pin import read_pin
from marquee.reindex.provenance import forget_folders, generation_folder
from marquee.settings import Settings

_log = logging.getLogger("marquee.reindex")


def choose_orphans(every: Sequence[Generation]) -> list[Generation]:
    """Return the builds that were never judged; under the lease, none of them is still going on."""
    return [
        each
        for each in every
        if not each.live
        and not each.aliased
        and not each.foreign
        and (not each.complete or each.set_aside == "unjudged")
    ]


def choose_surplus(every: Sequence[Generation], keep: int, spared: Collection[str] = ()) -> list[Generation]:
    """Return the complete generations that are not kept.

    `keep` counts the live one, and beside it the newest that may be gone back to. Of those that were refused
    or held back by a pin the newest is kept for inspection. What somebody brought back from a backup is kept
    until the next swap. `spared` are kept whatever they are.

    Args:
        every: newest first.
    """
    others = [each for each in every if each.complete and not each.live and not each.aliased]
    live = generations.pick_live(every)
    # What was left by a rollback takes no place of what may be gone back to. Newer than the live one it tells
    # the schedule not to build the same again.
    rolled_back = [each for each in others if each.set_aside == "rolled back"]
    newer = [each for each in rolled_back if live is None or each.built_at > live.built_at]
    usable = [each for each in others if each.set_aside == ""]
    usable += [each for each in rolled_back if each not in newer]
    unused = [each for each in others if each.set_aside in ("refused", "held")]
    restored = [each for each in others if _is_restored_since(each, live)]
    kept = {each.id for each in (*newer, *usable[: keep - (live is not None)], *unused[:1], *restored)}
    return [each for each in others if each.id not in kept and each.id not in spared]


def _is_restored_since(generation: Generation, live: Generation | None) -> bool:
    if generation.meta is None or (restored_at := generation.meta.restored_at) is None:
        return False
    swapped_at = live.meta.swapped_at if live and live.meta else None
    return swapped_at is None or swapped_at < restored_at


async def remove_orphans(settings: Settings, records: Records, fence: str, by: str, job: str | None) -> None:
    """Delete what crashed builds left.

    Raises:
        LeaseLostError: the lease was taken over.
        EngineError: the engine failed; what is left is for the next clean-up.
    """

    async def choose(every: Sequence[Generation]) -> list[Generation]:
        return choose_orphans(every)

    await _remove(settings, records, choose, fence, by, job, "its build never ended")


async def remove_surplus(
    settings: Settings, records: Records, fence: str, by: str, job: str | None, spared: Collection[str] = ()
) -> None:
    """Delete the generations beyond those that are kept; raises as `remove_orphans`.

    `spared` names the one that was live a moment ago: requests in flight may still read from it.
    """

    async def choose(every: Sequence[Generation]) -> list[Generation]:
        pin = await read_pin(records)
        return choose_surplus(every, settings.keep_generations, {*spared, pin.generation} if pin else spared)

    reason = f"beyond the {settings.keep_generations} generations that are kept"
    await _remove(settings, records, choose, fence, by, job, reason)
    every = await generations.list_generations(records.cluster, records.prefix)
    await asyncio.to_thread(forget_folders, settings, {each.id for each in every})


async def _remove(
    settings: Settings,
    records: Records,
    choose: Callable[[Sequence[Generation]], Awaitable[list[Generation]]],
    fence: str,
    by: str,
    job: str | None,
    reason: str,
) -> None:
    """Delete what `choose` says of all generations.

    Where somebody pins or makes another one live meanwhile, everything is looked at and chosen anew, once;
    after that it is left to the next clean-up: no reindex is to fail of it.
    """
    for is_again in (False, True):
        marker = await switch.read_switch(records)
        every = await generations.list_generations(records.cluster, records.prefix)
        try:
            for each in await choose(every):
                async with audit.record(records, "delete", by, generation=each.id, reason=reason, job=job):
                    await switch.delete(records, [each], switch=marker, fence=fence)
                folder = generation_folder(settings, each.id)
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        except ConflictError as error:
            if is_again:
                _log.warning("what is not kept any more is left to the next clean-up: %s", error)
        else:
            return
