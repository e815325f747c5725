"""Copies of a generation's shards: where they may be, and whether they are there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from marquee.engine.cluster import Cluster
from marquee.engine.generations import index_names
from marquee.errors import EngineNotReadyError

LOOK_EVERY_S = 0.25
# One that is not begun although nothing else is copied has no node to go to: the engine decides at once.
NO_PLACE_AFTER_S = 10.0

_log = logging.getLogger("marquee.reindex")


def render_allocation(allocation: Sequence[str]) -> dict[str, str]:
    """Return the index settings for `attribute=value|value` pairs: nodes with one of the values may."""
    pairs = (each.split("=", 1) for each in allocation)
    return {f"routing.allocation.include.{name}": values.replace("|", ",") for name, values in pairs}


async def is_readable(cluster: Cluster, prefix: str, generation: str) -> bool:
    """Return whether every shard of a generation is there to be read; False where it is gone.

    Not by its health: what is still to be restored is yellow. Raises EngineError.
    """
    indexes = index_names(prefix, generation)
    params = {"format": "json", "h": "prirep,state"}
    try:
        shards = await cluster.request("GET", f"/_cat/shards/{indexes}", params=params)
    except EngineNotReadyError:
        return False
    return all(each["state"] in ("STARTED", "RELOCATING") for each in shards if each["prirep"] == "p")


async def settle(cluster: Cluster, prefix: str, generation: str) -> bool:
    """Wait until every copy of a generation is there; False where some have no node to go to.

    Before the swap: a node that dies after it must not take the only copy with it. Raises EngineError.
    """
    indexes = index_names(prefix, generation)
    moved_at = time.monotonic()
    while True:
        health = await cluster.request("GET", f"/_cluster/health/{indexes}")
        if health["initializing_shards"]:
            moved_at = time.monotonic()
        elif not (missing := health["unassigned_shards"]):
            return True
        elif time.monotonic() - moved_at >= NO_PLACE_AFTER_S:
            _log.warning(
                "%d copies of %s have no node to go to: fewer MARQUEE_REPLICAS, or more nodes",
                missing,
                generation,
            )
            return False
        await asyncio.sleep(LOOK_EVERY_S)
