"""Section 1: who is found when misspelt, who is corrected away, who is completed how soon."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.completion import Completion, measure_completion
from benchmarks.figures import Judged, measure_corrections, measure_recall
from benchmarks.peers.hosted import HostedPeer
from benchmarks.peers.protocol import Corpus, read_people
from benchmarks.peers.wire import Answered
from benchmarks.quality import judge
from benchmarks.query_set import CORRECT, MISSPELT, Query, read_queries
from benchmarks.scorecard.lineup import Lineup
from benchmarks.scorecard.results import PeerQuality
from benchmarks.subject import LIMIT, SearchReply, SuggestReply
from marquee.names import normalise

CHUNK = 25
SEED = 1


class Asked:
    """The queries of a file for people who are in the corpus, and where they stand in the file."""

    def __init__(self, path: Path, present: set[str], every: int) -> None:
        """Take every so-many-th name of a file.

        Raises:
            OSError: there is no such file.
            ValueError: it lacks a column, or none of its names is in the corpus.
        """
        queries = read_queries(path)
        kept = set(list(dict.fromkeys(query.name_key for query in queries))[::every])
        self.places = [at for at, each in enumerate(queries) if each.name_key in kept & present]
        self.queries = [queries[at] for at in self.places]
        self.absent = sum(each.name_key in kept - present for each in queries)
        self.count = len(queries)
        self.label = f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        if not self.queries:
            raise ValueError(f"{path.name}: the data hold none of its names")

    def mark(self, judged: Sequence[Judged]) -> str:
        """Return the ranks of all queries of the file, one character each: see PeerQuality."""
        marks = [" "] * self.count
        for place, each in zip(self.places, judged, strict=True):
            marks[place] = "." if each.rank is None else str(each.rank % 10)
        return "".join(marks)


class Questions:
    """What is asked in this section."""

    def __init__(self, corpus: Corpus, misspelt: Path | None, every: int, names: int) -> None:
        present = {normalise(name) for _, name, _ in read_people(corpus)}
        self.misspelt = Asked(misspelt or MISSPELT, present, every)
        try:
            self.right = Asked(CORRECT, present, every)
        except ValueError:  # of other data than the sample: the names that the given queries mean
            self.right = self.misspelt
            self.right_queries = [
                Query(query=each.correct_name.lower(), correct_name=each.correct_name, nconst=each.nconst)
                for each in {each.name_key: each for each in self.misspelt.queries}.values()
            ]
        else:
            self.right_queries = self.right.queries
        meant = list({each.name_key: each for each in self.right_queries}.values())
        Random(SEED).shuffle(meant)  # so that fewer names are the first ones of more
        self.completed = meant[:names]


class HostedSubject:
    """A peer as `measure_completion` asks it."""

    def __init__(self, peer: HostedPeer) -> None:
        self._peer = peer

    async def suggest(self, q: str) -> SuggestReply:
        return self._peer.suggest(q)


def complete(meant: Sequence[Query], peer: HostedPeer) -> Completion:
    """Type the names."""
    return asyncio.run(measure_completion(HostedSubject(peer), meant))


def search(questions: Sequence[str], peer: HostedPeer) -> list[Answered]:
    """Search for one after another."""
    return peer.ask("search", questions)


def measure(lineup: Lineup, questions: Questions) -> dict[str, PeerQuality]:
    """Put all questions to all systems, a few to each in turn."""
    misspelt = ask_all(lineup, questions.misspelt.queries)
    right = ask_all(lineup, questions.right_queries)
    found: dict[str, PeerQuality] = {}
    for name in list(lineup.peers):
        completion = None
        if name in lineup.completing() and questions.completed:
            completion = lineup.try_with(name, partial(complete, questions.completed))
        if name not in lineup.peers:
            continue
        same_file = questions.right.queries is questions.right_queries
        found[name] = PeerQuality(
            misspelt=measure_recall(misspelt[name]),
            right=measure_recall(right[name]),
            false_corrections=measure_corrections(right[name]),
            misspelt_ranks=questions.misspelt.mark(misspelt[name]),
            right_ranks=questions.right.mark(right[name]) if same_file else "",
            completion=completion,
        )
    return found


def ask_all(lineup: Lineup, queries: Sequence[Query]) -> dict[str, list[Judged]]:
    """Return the judged answers of each system that is still up afterwards."""
    judged: dict[str, list[Judged]] = {name: [] for name in lineup.peers}
    for start in range(0, len(queries), CHUNK):
        chunk = queries[start : start + CHUNK]
        for name in list(lineup.peers):
            answers = lineup.try_with(name, partial(search, [each.query for each in chunk]))
            for query, answer in zip(chunk, answers or [], strict=False):
                hits = (answer.search or SearchReply()).hits[:LIMIT]
                proposal = answer.search.did_you_mean if answer.search else None
                judged[name].append(judge(query, SearchReply(hits, proposal)))
    return {name: judged[name] for name in lineup.peers}
