"""The engine of the settings as whom to ask, by this process's own search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from marquee.engine.cluster import Cluster, Endpoint
from marquee.matching.asking import Matcher
from marquee.search.lookup import Lookup

# Nobody waits for a single answer: what takes longer than a user would wait is still worth having.
TIMEOUT_S = 30.0


@asynccontextmanager
async def open_lookup(endpoint: Endpoint, prefix: str) -> AsyncIterator[Matcher]:
    """Yield the search of what is live under an index prefix."""
    async with Cluster(endpoint) as cluster:
        yield Lookup(cluster, prefix, timeout_s=TIMEOUT_S)
