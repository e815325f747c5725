"""Reading whole indexes: every document as it was at one moment, page by page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from marquee.engine.cluster import Cluster, Json, check_complete
from marquee.errors import EngineError

# Of more documents at once, what Python spends on collecting garbage while they are decoded grows (1,000: a
# third more of its time); fewer cost more requests. A page of actors has some 200 kB.
PAGE_DOCUMENTS = 200
# What the engine keeps for the reader, segments that were merged away, it keeps so long after the last page.
KEEP_ALIVE = "2m"
PAGE_TIMEOUT_S = 60.0

Page = list[tuple[str, Json]]
"""Documents, each as its id and its source."""


async def scan(cluster: Cluster, index: str, page_documents: int = PAGE_DOCUMENTS) -> AsyncGenerator[Page]:
    """Yield all documents of an index as they are now, in no particular order.

    Two pages are held: while one is worked on, the engine reads the next. Who may leave early closes the
    generator (`contextlib.aclosing`), and with it the engine's point in time.

    Raises:
        EngineUnavailableError: the engine is away, or a page is late or misses a shard.
        EngineNotReadyError: the index does not exist.
    """
    opened = await cluster.request("POST", f"/{index}/_pit", params={"keep_alive": KEEP_ALIVE})
    moment: str = opened["id"]
    reading = asyncio.create_task(_read(cluster, moment, page_documents, None))
    try:
        while hits := await reading:
            reading = asyncio.create_task(_read(cluster, moment, page_documents, hits[-1]["sort"]))
            yield [(hit["_id"], hit["_source"]) for hit in hits]
    finally:
        reading.cancel()
        await asyncio.shield(_close(cluster, moment, reading))


async def _read(cluster: Cluster, moment: str, size: int, after: list[int] | None) -> list[Json]:
    body: Json = {
        "pit": {"id": moment, "keep_alive": KEEP_ALIVE},
        "size": size,
        "sort": ["_shard_doc"],
        "track_total_hits": False,
    }
    if after:
        body["search_after"] = after
    params = {"allow_partial_search_results": "false"}
    answer = await cluster.request("POST", "/_search", body=body, params=params, timeout_s=PAGE_TIMEOUT_S)
    check_complete(answer)
    hits: list[Json] = answer["hits"]["hits"]
    return hits


async def _close(cluster: Cluster, moment: str, reading: asyncio.Task[list[Json]]) -> None:
    await asyncio.wait([reading])
    # Why the scan failed, mostly; the engine lets go by itself after KEEP_ALIVE.
    with contextlib.suppress(EngineError):
        await cluster.request("DELETE", "/_pit", body={"id": moment})
