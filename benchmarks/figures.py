"""Figures of answers that were judged, names weighing alike. Pure.

A figure is *macro by name*: the mean over names of the mean over the queries of a name, so that a name with
forty known misspellings counts as one with a single one. Its interval holds 95 % of what resampling the names
gives, since another set of names is what a reader will try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

import msgspec

from benchmarks.query_set import Query
from benchmarks.subject import Person

RESAMPLES = 1000
SEED = 1
BINS = 10


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A query, and what became of it."""

    query: Query
    rank: int | None
    """Place of the first right hit from 1; None where none of the first ten is right."""
    first: Person | None
    did_you_mean: str | None
    suggests_right: bool
    """Whether `did_you_mean` names who was meant."""


class Estimate(msgspec.Struct, frozen=True):
    """A figure and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """How often the right person is among the first 1, 5 and 10, and the mean reciprocal rank."""

    names: int
    queries: int
    at_1: Estimate
    at_5: Estimate
    at_10: Estimate
    mrr: Estimate


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """First hits whose score lies between `low` and `high`."""

    low: float
    high: float
    count: int
    mean_score: float
    share_right: float


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a score of 0.9 means nine in ten; each query weighs alike."""

    bins: list[Bin]
    calibration_error: float
    """Mean distance of score and share right over the bins, weighted by count (ECE)."""


class Corrections(msgspec.Struct, frozen=True, kw_only=True):
    """`did_you_mean`, and right queries that were answered with somebody else first. Shares of queries."""

    given: float
    right: float
    """Of those given; 0 where none is."""
    answered_otherwise: float
    """First hit is not who was asked for."""


def estimate(by_name: Mapping[str, Sequence[float]]) -> Estimate:
    """Return the macro mean of values by name with its bootstrap interval; all 0 for none."""
    return estimate_many({name: [(value,) for value in values] for name, values in by_name.items()})[0]


def estimate_many(by_name: Mapping[str, Sequence[tuple[float, ...]]]) -> list[Estimate]:
    """Estimate several figures over the same resamples of names."""
    if not by_name:
        return [Estimate(0.0, 0.0, 0.0)]
    means = [[sum(column) / len(rows) for column in zip(*rows, strict=True)] for rows in by_name.values()]
    rng, count = Random(SEED), len(means)
    draws = [rng.choices(range(count), k=count) for _ in range(RESAMPLES)]
    found: list[Estimate] = []
    for column in zip(*means, strict=True):
        resampled = sorted(sum(map(column.__getitem__, draw)) / count for draw in draws)
        low, high = resampled[int(RESAMPLES * 0.025)], resampled[int(RESAMPLES * 0.975) - 1]
        found.append(Estimate(sum(column) / count, low, high))
    return found


def measure_recall(judged: Iterable[Judged]) -> Recall:
    """Return recall and mean reciprocal rank; at least one query is needed."""
    by_name: dict[str, list[tuple[float, ...]]] = {}
    for each in judged:
        rank = each.rank or 1_000
        row = (*(float(rank <= depth) for depth in (1, 5, 10)), 1 / each.rank if each.rank else 0.0)
        by_name.setdefault(each.query.name_key, []).append(row)
    at_1, at_5, at_10, mrr = estimate_many(by_name)
    queries = sum(map(len, by_name.values()))
    return Recall(names=len(by_name), queries=queries, at_1=at_1, at_5=at_5, at_10=at_10, mrr=mrr)


def measure_reliability(judged: Iterable[Judged]) -> Reliability:
    """Return how honest the first hit's score is; queries without a hit say nothing."""
    rows = [(each.first.score, each.rank == 1) for each in judged if each.first]
    bins: list[Bin] = []
    for number in range(BINS):
        inside = [row for row in rows if min(BINS - 1, int(row[0] * BINS)) == number]
        if inside:
            bins.append(
                Bin(
                    low=number / BINS,
                    high=(number + 1) / BINS,
                    count=len(inside),
                    mean_score=sum(score for score, _ in inside) / len(inside),
                    share_right=sum(right for _, right in inside) / len(inside),
                )
            )
    error = sum(each.count * abs(each.mean_score - each.share_right) for each in bins) / max(1, len(rows))
    return Reliability(bins=bins, calibration_error=error)


def measure_corrections(judged: Sequence[Judged]) -> Corrections:
    """Return how often something else was proposed, and how often rightly."""
    given = [each for each in judged if each.did_you_mean is not None]
    return Corrections(
        given=len(given) / len(judged),
        right=sum(each.suggests_right for each in given) / max(1, len(given)),
        answered_otherwise=sum(each.rank != 1 for each in judged) / len(judged),
    )


def measure_latency(took_ms: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds."""
    ordered = sorted(took_ms)
    return {
        f"p{share}": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2)
        for share in (50, 95, 99)
        if ordered
    }
