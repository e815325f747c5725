"""The engine of the settings as whom to ask, by this process's own search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from marquee.engine.cluster import Cluster, Endpoint
from marquee.matching.asking import Matcher
from marquee.search import similarity
from marquee.search.lookup import Lookup

# Nobody waits for a single answer: what takes longer than a user would wait is still worth having.
TIMEOUT_S = 30.0
# What the search keeps fills up as long as names are new: by 24 MiB between 20,000 and 100,000 of them. A
# file is gone through once, in which a word that was rare so far is not soon met again.
EXPANDED_WORDS = 3_000
"""Words kept with what they may stand for, 5.5 kB each."""
SPELLINGS = 32_768
"""Tokens kept with their respelling and sounds, 0.6 kB each."""


@asynccontextmanager
async def open_lookup(endpoint: Endpoint, prefix: str) -> AsyncIterator[Matcher]:
    """Yield the search of what is live under an index prefix. This process then keeps fewer spellings."""
    similarity.keep_spellings(SPELLINGS)
    async with Cluster(endpoint) as cluster:
        yield Lookup(cluster, prefix, timeout_s=TIMEOUT_S, expanded_words=EXPANDED_WORDS)
