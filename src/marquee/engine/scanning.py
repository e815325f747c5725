"""Reading whole indexes: every document as it was at one moment, page by page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from marquee.engine.cluster import Cluster, Json
from marquee.engine.refusals import check_complete
from marquee.errors import EngineError

# Some 500 kB of actors. On one machine 200 are as fast; 5,000 take half as long again, most of which Python
# spends on collecting garbage while it decodes them, and nothing else runs in this process meanwhile.
PAGE_DOCUMENTS = 500
# What the engine keeps for the reader, segments that were merged away, it keeps so long after the last page.
KEEP_ALIVE = "2m"
PAGE_TIMEOUT_S = 60.0

Page = list[tuple[str, Json]]
"""Documents, each as its id and its source."""


async def scan(cluster: Cluster, index: str, page_documents: int = PAGE_DOCUMENTS) -> AsyncGenerator[Page]:
    """Yield all documents of an index as they are now, in no particular order; holds one page at a time.

    Who may leave early closes the generator (`contextlib.aclosing`), and with it the engine's point in time.

    Raises:
        EngineUnavailableError: the engine is away, or a page is late or misses a shard.
        EngineNotReadyError: the index does not exist, or was deleted meanwhile.
    """
    opened = await cluster.request("POST", f"/{index}/_pit", params={"keep_alive": KEEP_ALIVE})
    moment: str = opened["id"]
    body: Json = {"size": page_documents, "sort": ["_shard_doc"], "track_total_hits": False}
    try:
        while True:
            answer = await cluster.request(
                "POST",
                "/_search",
                body=body | {"pit": {"id": moment, "keep_alive": KEEP_ALIVE}},
                params={"allow_partial_search_results": "false"},
                timeout_s=PAGE_TIMEOUT_S,
            )
            check_complete(answer["timed_out"], answer["_shards"])
            moment = answer["pit_id"]
            hits = answer["hits"]["hits"]
            if not hits:
                break
            yield [(hit["_id"], hit["_source"]) for hit in hits]
            body["search_after"] = hits[-1]["sort"]
    finally:
        await asyncio.shield(_close(cluster, moment))


async def _close(cluster: Cluster, moment: str) -> None:
    # Why the scan failed, mostly; the engine lets go by itself after KEEP_ALIVE.
    with contextlib.suppress(EngineError):
        await cluster.request("DELETE", "/_pit", body={"id": moment})
