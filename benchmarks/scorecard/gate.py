"""Whether quality has dropped by more than its noise since the committed run: what CI fails for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Estimate, estimate_many
from benchmarks.peers.registry import MARQUEE
from benchmarks.query_set import CORRECT, MISSPELT, read_queries
from benchmarks.scorecard.results import Quality

TIES = 3
"""Queries that may turn out otherwise by themselves: the requests of a bulk load arrive in any order, so two
builds of one sample break ties differently."""


def find_drops(before: Quality, now: Quality) -> list[str]:
    """Return what Marquee's figures lost beyond noise, one line each, over the queries that both asked.

    Noise is half of the 95 % interval of the differences paired by name, and at least TIES queries; of
    completion, whose names differ, half of both intervals together.

    Raises:
        ValueError: the runs asked different files, or one of them has nothing of Marquee.
    """
    if before.queries != now.queries:
        raise ValueError("the runs asked different queries: measure the committed figures again")
    if MARQUEE not in before.peers or MARQUEE not in now.peers:
        reason = now.meta.not_measured.get(MARQUEE, "no figures")
        raise ValueError(f"nothing to compare of Marquee: {reason}")
    was, found = before.peers[MARQUEE], now.peers[MARQUEE]
    lines = [
        *_compare_ranks("misspelt names", MISSPELT, was.misspelt_ranks, found.misspelt_ranks),
        *_compare_ranks("right names", CORRECT, was.right_ranks, found.right_ranks),
    ]
    if was.completion and found.completion:
        for name in ("keystrokes_saved", "slip", "first_letter"):
            old: Estimate = getattr(was.completion, name)
            new: Estimate = getattr(found.completion, name)
            noise = math.hypot((old.high - old.low) / 2, (new.high - new.low) / 2)
            if old.mean - new.mean > noise:
                label = name.replace("_", " ")
                lines.append(f"completion, {label}: {old.mean:.3f} to {new.mean:.3f}, noise {noise:.3f}")
    return lines


def _compare_ranks(label: str, path: Path, was: str, found: str) -> Iterator[str]:
    by_name: dict[str, list[tuple[float, ...]]] = {}
    compared = 0
    for query, old, new in zip(read_queries(path), was, found, strict=True):
        if old != " " and new != " ":
            compared += 1
            gained = tuple(b - a for a, b in zip(_score(old), _score(new), strict=True))
            by_name.setdefault(query.name_key, []).append(gained)
    if not by_name:
        raise ValueError(f"{label}: no query was asked by both runs")
    for figure, change in zip(("recall@1", "recall@10", "MRR"), estimate_many(by_name), strict=True):
        noise = max((change.high - change.low) / 2, TIES / compared)
        if -change.mean > noise:
            yield f"{label}, {figure}: {change.mean:+.3f} over {compared} queries, noise {noise:.3f}"


def _score(mark: str) -> tuple[float, float, float]:
    if mark == ".":
        return 0.0, 0.0, 0.0
    rank = int(mark) or 10
    return float(rank == 1), 1.0, 1 / rank
