"""How a load gives way to searches: slower, in small pieces and one at a time, while somebody searches.

On the same cores, three bulk requests in flight take all of them, and every search waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from marquee.engine.cluster import Cluster
from marquee.errors import EngineError

LOOK_EVERY_S = 2.0
# A search is some five queries to the engine. Below one search a second nobody notices.
BUSY_QUERIES_S = 5.0
# Documents of one request while others search: 10 to 15 ms of one core.
PIECE_DOCUMENTS = 500
# Rests after a piece, as a multiple of what it took: two thirds of one core are left. Searches that nobody
# waits for are short by themselves.
REST, SEARCH_REST = 2.0, 1.0


class Pace:
    """Whether somebody searches, and turns for who gives way then."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster, self._prefix = cluster, prefix
        self._turn = asyncio.Lock()
        self._looked_at = float("-inf")
        self._queries: int | None = None
        self._is_busy = False

    async def is_busy(self) -> bool:
        """Tell whether the engine answered many queries since the last look; the first one cannot know.

        Nor can the first after one that could not be read; what cannot be known is as it was.
        """
        now = time.monotonic()
        elapsed_s = now - self._looked_at
        if elapsed_s < LOOK_EVERY_S:
            return self._is_busy
        before, self._queries, self._looked_at = self._queries, None, now
        # No shard that answers, no figures.
        with contextlib.suppress(EngineError, KeyError):
            stats = await self._cluster.request(
                "GET",
                f"/{self._prefix}-*/_stats/search",
                params={"filter_path": "_all.total.search.query_total"},
            )
            self._queries = int(stats["_all"]["total"]["search"]["query_total"])
            # A drop is a deleted index, its queries forgotten with it.
            if before is not None and self._queries >= before:
                self._is_busy = (self._queries - before) / elapsed_s >= BUSY_QUERIES_S
        return self._is_busy

    @contextlib.asynccontextmanager
    async def search(self) -> AsyncIterator[None]:
        """Search without anybody waiting for it; what the last look saw counts, as a new one would see us."""
        if not self._is_busy:
            yield
            return
        async with self.take_turn(SEARCH_REST):
            yield

    @contextlib.asynccontextmanager
    async def take_turn(self, rest: float = REST) -> AsyncIterator[None]:
        """Do something alone, and rest after it."""
        async with self._turn:
            began = time.monotonic()
            yield
            await asyncio.sleep(rest * (time.monotonic() - began))
