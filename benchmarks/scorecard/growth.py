"""How costs grow with the people: the same systems on made-up data of growing size."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.peers.hosted import HostedPeer
from benchmarks.peers.registry import Spec, Starter
from benchmarks.peers.wire import Kind
from benchmarks.runner import OUT, fit_exponent, quantile
from benchmarks.scorecard import corpora
from benchmarks.scorecard.lineup import Lineup, line_up
from benchmarks.scorecard.results import PeerGrowth, Point, percentiles
from benchmarks.scorecard.speed import ask, draw_mix

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
TEN_MILLION = 10_000_000
QUESTIONS = 200
BATCH = 10
FEWEST = 5
"""Questions that a slow system answers at least, however long it takes."""
PATIENCE_S = 40.0
"""After which a system is asked nothing more of one kind at one size."""


def measure(
    starter: Starter, specs: Mapping[str, Spec], sizes: Sequence[int], work: Path
) -> tuple[dict[str, PeerGrowth], dict[str, str]]:
    """Return each system's costs at each size, and why some are missing."""
    points: dict[str, list[Point]] = {}
    missing: dict[str, str] = {}
    for people in sizes:
        OUT.print(f"  {people:,} people", highlight=False)
        corpus = corpora.make(people, work / f"synth-{people}")
        left = {name: spec for name, spec in specs.items() if name not in missing}
        with line_up(starter, left, corpus) as lineup:
            searches, suggests = draw_mix(corpus, QUESTIONS + BATCH)
            search_ms = ask_in_turns(lineup, "search", searches)
            suggest_ms = ask_in_turns(lineup, "suggest", suggests)
            for name in list(lineup.peers):
                memory_bytes = lineup.try_with(name, HostedPeer.resident_bytes)
                if memory_bytes is None:
                    continue
                built = lineup.built[name][-1]
                completed = suggest_ms.get(name)
                points.setdefault(name, []).append(
                    Point(
                        people=corpus.people,
                        questions=len(search_ms[name]),
                        search_ms=percentiles(search_ms[name]),
                        suggest_p50_ms=round(quantile(completed, 0.5), 3) if completed else None,
                        index_s=round(built.seconds, 3),
                        disk_bytes=built.disk_bytes,
                        memory_bytes=memory_bytes,
                    )
                )
            told = f"from {people:,} people on: " if people != sizes[0] else ""
            missing |= {name: told + reason for name, reason in lineup.not_measured.items()}
    return {name: PeerGrowth(points=each, exponents=fit(each)) for name, each in points.items()}, missing


def ask_in_turns(lineup: Lineup, kind: Kind, questions: Sequence[str]) -> dict[str, list[float]]:
    """Put questions to each system a few at a time; a slow one drops out of the turns when patience ends."""
    names = list(lineup.peers) if kind == "search" else lineup.completing()
    took: dict[str, list[float]] = {name: [] for name in names}
    spent_s = dict.fromkeys(names, 0.0)
    for start in range(0, QUESTIONS + BATCH, BATCH):
        for name in names:
            asked = questions[start : start + BATCH]
            if name not in lineup.peers or spent_s[name] > PATIENCE_S or not asked:
                continue
            # Of a slow system a part of the batch is enough.
            slow = took[name] and quantile(took[name], 0.5) * BATCH > 1000 * PATIENCE_S / 4
            began = time.perf_counter()
            times = lineup.try_with(name, partial(ask, kind, asked[:FEWEST] if slow else asked))
            spent_s[name] += time.perf_counter() - began
            if times is not None:
                # The first batch meets cold caches; it counts only where patience allows no second one.
                took[name] = times if start == BATCH else took[name] + times
    return {name: times for name, times in took.items() if name in lineup.peers}


def fit(points: Sequence[Point]) -> dict[str, float]:
    """Return the exponents of what was measured at two sizes or more, and is never 0."""
    sizes = [each.people for each in points]
    costs: dict[str, Sequence[float]] = {
        "search_p50": [each.search_ms.p50 for each in points],
        "index": [each.index_s for each in points],
        "disk": [each.disk_bytes for each in points],
    }
    return {
        name: round(fit_exponent(sizes, values), 2)
        for name, values in costs.items()
        if len(sizes) > 1 and all(values)
    }
