"""What changes who is live, and what deletes: both conditional in the engine itself, by `engine/markers`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from marquee.engine import markers
from marquee.engine.cluster import ADMIN_TIMEOUT_S
from marquee.engine.generations import Generation, alias, index_name, list_indexes, parse_index_name
from marquee.engine.mappings import KINDS
from marquee.engine.records import Marker, Records
from marquee.errors import (
    ConflictError,
    EngineConflictError,
    EngineNotReadyError,
    EngineUnavailableError,
    LeaseLostError,
)

# Each lost race means that somebody else got on; more are another trouble.
MAX_RACES = 20


async def read_switch(records: Records) -> str:
    """Return the marker to read before deciding who is to be live: `swap` and `delete` want it back."""
    return await markers.read_marker(records, "switch")


async def renew(records: Records) -> None:
    """Make what was decided before this moment void: every `swap` and `delete` wants a later look."""
    for _ in range(MAX_RACES):
        with contextlib.suppress(EngineConflictError):  # somebody has just moved it: once more
            await markers.update(
                records, {"switch": await read_switch(records)}, [], {"switch": markers.new_value()}
            )
            return
    raise EngineUnavailableError("the switch changes faster than it can be read")


async def swap(records: Records, generation: str, *, switch: str, fence: str | None = None) -> None:
    """Point all aliases at a generation, in one call: no reader sees a mixed or an empty set.

    It happens only if nothing else was made live since `switch` was read, and, with `fence`, only while the
    lease with that token is held.

    Raises:
        ConflictError: something else was made live; the aliases are as they were.
        LeaseLostError: the lease was taken over; the aliases are as they were.
        EngineNotReadyError: the generation is gone; the aliases are as they were.
        EngineError: the engine failed; what is live then is what it was, or the new generation as a whole.
    """
    try:
        await _point(records, generation, switch, fence)
    except (EngineConflictError, EngineNotReadyError):
        # The markers are as they were: an index was deleted since it was listed. Once more, without it.
        await _point(records, generation, switch, fence)


async def _point(records: Records, generation: str, switch: str, fence: str | None) -> None:
    prefix = records.prefix
    # From every other generation by full name: a wildcard also hits the indexes of longer prefixes.
    actions: list[markers.Action] = []
    for index in await list_indexes(records.cluster, prefix, ADMIN_TIMEOUT_S):
        parsed = parse_index_name(prefix, index)
        if parsed and parsed[1] != generation:
            removal = {"index": index, "alias": alias(prefix, parsed[0]), "must_exist": False}
            actions.append({"remove": removal})
    actions += [
        {"add": {"index": index_name(prefix, kind, generation), "alias": alias(prefix, kind)}}
        for kind in KINDS
    ]
    await _update(records, actions, switch, fence, {"switch": markers.new_value()})


async def delete(records: Records, doomed: Sequence[Generation], *, switch: str, fence: str) -> None:
    """Delete generations in one call, only if nothing was made live since `switch` was read and the lease
    with the token `fence` is held; raises as `swap`. What is gone already is no error."""
    names = [index_name(records.prefix, kind, each.id) for each in doomed for kind in each.kinds]
    while names:
        actions: list[markers.Action] = [{"remove_index": {"index": name}} for name in names]
        try:
            await _update(records, actions, switch, fence, {})
        except EngineNotReadyError:
            # By hand, or by this call: the client repeats a request whose connection broke.
            there = await list_indexes(records.cluster, records.prefix, ADMIN_TIMEOUT_S)
            left = [name for name in names if name in there]
            if left == names:
                raise
            names = left
        else:
            return


async def _update(
    records: Records,
    actions: list[markers.Action],
    switch: str,
    fence: str | None,
    following: dict[Marker, str],
) -> None:
    expected: dict[Marker, str] = {"switch": switch}
    if fence:
        expected["fence"] = fence
    try:
        await markers.update(records, expected, actions, following)
    except EngineConflictError as error:
        if fence and await markers.read_marker(records, "fence") != fence:
            raise LeaseLostError(
                "the lease was taken over by another process: nothing was changed"
            ) from error
        if await read_switch(records) != switch:
            raise ConflictError("another generation was made live meanwhile: nothing was changed") from error
        raise
