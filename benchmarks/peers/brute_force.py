"""rapidfuzz over all names: no index, every name compared. Slow, and what careful quality looks like."""

from __future__ import annotations

import time

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from benchmarks.peers.protocol import Built, Corpus, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply


class BruteForce:
    """`process.extract` with WRatio; completions by the edits between what is typed and each name's start."""

    def __init__(self) -> None:
        self._people: list[tuple[str, str]] = []
        self._keys: list[str] = []

    def build(self, corpus: Corpus) -> Built:
        started = time.perf_counter()
        # Most popular first: of equal scores, the earlier one comes first.
        self._people = [(nconst, name) for nconst, name, _ in read_people(corpus)]
        self._keys = [fold(name) for _, name in self._people]
        return Built(time.perf_counter() - started, 0)

    def search(self, q: str, limit: int) -> SearchReply:
        found = process.extract(fold(q), self._keys, scorer=fuzz.WRatio, limit=limit, score_cutoff=1)
        return SearchReply([Person(*self._people[at]) for _, _, at in found])

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        key = fold(prefix)
        if not key:
            return SuggestReply()
        starts = [each[: len(key)] for each in self._keys]
        found = process.extract(key, starts, scorer=OSA.normalized_similarity, limit=limit)
        return SuggestReply([Person(*self._people[at]) for _, _, at in found])

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        self._people, self._keys = [], []
