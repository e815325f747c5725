"""The order of found titles. Pure: a query's key and candidates in, ranked titles out."""

from __future__ import annotations

import math
from collections.abc import Iterable

from marquee import names
from marquee.catalog.documents import Title
from marquee.search.alignment import fit

# Titles are shorter on evidence than names (stop words, sequels), so popularity settles more.
POPULARITY_WEIGHT = 0.2
# Below this it is another title: half of the letters are wrong.
MIN_SCORE = 0.5


def rank_titles(key: str, candidates: Iterable[Title]) -> list[tuple[float, Title]]:
    """Return (score 0 to 1, title), best first; the better of primary and original title counts."""
    ranked: list[tuple[float, float, str, Title]] = []
    for title in candidates:
        score = max(_score(key, title.title), _score(key, title.original_title))
        if score >= MIN_SCORE:
            popularity = min(1.0, math.log10(1 + title.votes) / 7)
            ranked.append((-score - POPULARITY_WEIGHT * popularity, score, title.tconst, title))
    ranked.sort(key=lambda each: (each[0], each[2]))
    return [(round(score, 4), title) for _, score, _, title in ranked]


def _score(key: str, title: str) -> float:
    return fit(key.split(), names.normalise(title).split())[0]
