"""Generations without documents, for who asks what is kept, pins it and makes it live."""

from __future__ import annotations

from datetime import UTC, datetime

from marquee.engine import generations, switch
from marquee.engine.cluster import Cluster
from marquee.engine.generations import BuildMeta, SourceMeta
from marquee.engine.records import Records

# The generations of the API's examples: what is live, and what was before.
LIVE, BEFORE = "v1-20261122t030512", "v1-20261121t030409"


async def make_generations(cluster: Cluster, prefix: str) -> Records:
    """Make both, and one of them live; return the records of their prefix."""
    records = Records(cluster, prefix)
    await records.ensure()
    now = datetime.now(UTC)
    for each in (BEFORE, LIVE):
        await generations.create(cluster, prefix, each, shards=1)
        meta = BuildMeta(
            source=SourceMeta(kind="imdb", published_at=now, confirmed_at=now),
            location="", basis="", attribution="somebody", marquee_version="0.1.0", swapped_at=now,
            counts={"actors": 0, "titles": 0, "tokens": 0}, gate={"passed": True},
        )  # fmt: skip
        await generations.write_meta(cluster, prefix, each, meta)
    await switch.swap(records, LIVE, switch=await switch.read_switch(records))
    return records
