"""What Elasticsearch does to the indexes of a node whose disk is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from marquee.engine.cluster import Cluster

BLOCK = "index.blocks.read_only_allow_delete"


@asynccontextmanager
async def full_disk(cluster: Cluster, index: str) -> AsyncIterator[None]:
    """Let `index` take no writes, as at the flood stage of the disk.

    Elasticsearch looks at its disks twice a minute and lifts the block of an index that it finds room for, so
    it is put there again and again.
    """
    path = f"/{index}/_settings"

    async def block() -> None:
        await cluster.request("PUT", path, body={BLOCK: True})

    async def keep() -> None:
        while True:
            await asyncio.sleep(0.05)
            await block()

    await block()
    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await cluster.request("PUT", path, body={BLOCK: None})
