"""Fits the two constants of the score, SHARPNESS and NOBODY, and shows how honest the score is with them.

    python -m benchmarks.calibration --queries FILE... --correct FILE...

Every query's first fifty hits are fetched with their explanations. The score of a name is its share among
them and nobody at all (`marquee.search.rank`); the constants are those under which what was meant is most
likely, names weighing alike. Shown are the log likelihood and the expected calibration error of the first
hit, with the constants in use and the fitted ones. Without files: the committed queries.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.query_set import CORRECT, MISSPELT, Query, is_right, read_queries
from benchmarks.runner import OUT, print_header
from marquee.engine.cluster import Cluster
from marquee.engine.endpoint import open_endpoint
from marquee.search import rank
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest
from marquee.settings import read_settings

DEPTH = 50
SHARPNESSES = [10 + 2 * step for step in range(16)]
NOBODIES = [round(0.6 + 0.02 * step, 2) for step in range(21)]
BINS = 10


class Case(msgspec.Struct, frozen=True):
    """The ranks of the names that a query found, the first one's first, and which of them was meant."""

    ranks: list[float]
    meant: int | None
    weight: float


async def collect(lookup: Lookup, queries: Sequence[Query]) -> list[Case]:
    """Ask every query; names weigh alike."""
    of_name: dict[str, int] = {}
    for query in queries:
        of_name[query.name_key] = of_name.get(query.name_key, 0) + 1
    cases = []
    for query in queries:
        answer = await lookup.search(SearchRequest(q=query.query, limit=DEPTH, explain=True))
        leads: dict[tuple[str, ...], float] = {}
        meant: tuple[str, ...] | None = None
        for hit in answer.hits:
            assert hit.explanation
            name = hit.match.matched if " " not in query.query.strip() else (hit.name,)
            leads[name] = max(leads.get(name, 0.0), hit.explanation.rank)
            if meant is None and is_right(query, hit.nconst, hit.name):
                meant = name
        names = list(leads)
        cases.append(
            Case(
                ranks=[leads[name] for name in names],
                meant=names.index(meant) if meant is not None else None,
                weight=1 / of_name[query.name_key],
            )
        )
    return cases


def log_likelihood(cases: Sequence[Case], sharpness: float, nobody: float) -> float:
    """Return the mean log probability of what was meant."""
    total = 0.0
    for case in cases:
        scores = rank.share(case.ranks, sharpness, nobody)
        right = scores[case.meant] if case.meant is not None else 1 - sum(scores)
        total += case.weight * math.log(max(right, 1e-9))
    return total / sum(case.weight for case in cases)


def calibration_error(cases: Sequence[Case], sharpness: float, nobody: float) -> float:
    """Return how far the first hit's score is from the share of right ones, by tenths, weighted."""
    bins: dict[int, list[tuple[float, float, float]]] = {}
    for case in cases:
        if case.ranks:
            score = rank.share(case.ranks, sharpness, nobody)[0]
            at = min(BINS - 1, int(score * BINS))
            bins.setdefault(at, []).append((case.weight, score, float(case.meant == 0)))
    total = sum(weight for members in bins.values() for weight, _, _ in members)
    gaps = (
        abs(sum(weight * (score - right) for weight, score, right in members)) for members in bins.values()
    )
    return sum(gaps) / total


async def measure(arguments: argparse.Namespace) -> None:
    settings, _ = read_settings()
    queries = [query for path in (*arguments.queries, *arguments.correct) for query in read_queries(path)]
    with open_endpoint(settings) as endpoint:
        async with Cluster(endpoint) as cluster:
            files = ", ".join(path.name for path in (*arguments.queries, *arguments.correct))
            print_header("Calibration of the score", files, await cluster.version(), ("rapidfuzz",))
            cases = await collect(Lookup(cluster, settings.index_prefix), queries)
    fitted = max(
        ((sharpness, nobody) for sharpness in SHARPNESSES for nobody in NOBODIES),
        key=lambda pair: log_likelihood(cases, *pair),
    )
    table = Table(box=None, header_style="dim")
    for column in ("", "sharpness", "nobody", "log likelihood", "calibration error"):
        table.add_column(column, justify="left" if not column else "right")
    for name, pair in (("in use", (rank.SHARPNESS, rank.NOBODY)), ("fitted", fitted)):
        figures = f"{log_likelihood(cases, *pair):.4f}", f"{calibration_error(cases, *pair):.4f}"
        table.add_row(name, f"{pair[0]:g}", f"{pair[1]:g}", *figures)
    OUT.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path, nargs="+", default=[MISSPELT], metavar="FILE")
    parser.add_argument("--correct", type=Path, nargs="+", default=[CORRECT], metavar="FILE")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
