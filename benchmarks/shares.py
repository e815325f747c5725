"""What each view of two tokens is worth: how often the token meant comes first under other shares.

    python -m benchmarks.shares --queries FILE...

One-word queries of the files (without any: the committed ones) are compared with the tokens that the engine
finds for them; a token's rank is its likeness under the shares plus .25 of its most popular bearer's
popularity, as in a search. Right is the token meant; names weigh alike. The shares in use stand first, then
each view alone, then the mixture in steps of a tenth that is best on the mean of the files.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.figures import estimate
from benchmarks.query_set import MISSPELT, Query, read_queries
from benchmarks.runner import OUT, print_header
from marquee.catalog.documents import Token
from marquee.engine.cluster import Cluster
from marquee.engine.endpoint import open_endpoint
from marquee.names import normalise
from marquee.search import query as bodies
from marquee.search.expansion import read_spelling
from marquee.search.rank import POPULARITY_WEIGHT_ONE_WORD
from marquee.search.similarity import SHARES, spell, view
from marquee.settings import read_settings

STEPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
ALONE = tuple(tuple(float(at == view) for at in range(4)) for view in range(4))

Views = tuple[float, ...]


class Case(msgspec.Struct, frozen=True):
    """A word, the tokens found for it, and which of them was meant."""

    name: str
    views: list[Views]
    popularities: list[float]
    equal: int | None
    """The token that the word is."""
    meant: int | None


async def collect(cluster: Cluster, prefix: str, queries: Sequence[Query]) -> list[Case]:
    """Look up the tokens of every one-word query."""
    cases: list[Case] = []
    for query in queries:
        word, meant = normalise(query.query), normalise(query.target_string)
        if not word or " " in word or " " in meant:
            continue
        searches = [(f"{prefix}-tokens", body) for body in bodies.build_expansion(word).values()]
        found = {hit.id: hit.source for hits in await cluster.search_many(searches, Token) for hit in hits}
        tokens = list(found)
        cases.append(
            Case(
                name=query.name_key,
                views=[view(spell(word), read_spelling(each)) for each in found.values()],
                popularities=[each.popularity for each in found.values()],
                equal=tokens.index(word) if word in found else None,
                meant=tokens.index(meant) if meant in found else None,
            )
        )
    return cases


def rank(case: Case, shares: Views) -> int | None:
    """Return the place of the token meant from 1; None if it was not found."""
    if case.meant is None:
        return None
    ranks = [
        min(sum(share * part for share, part in zip(shares, views, strict=True)), 0.99)
        + POPULARITY_WEIGHT_ONE_WORD * popularity
        for views, popularity in zip(case.views, case.popularities, strict=True)
    ]
    if case.equal is not None:
        ranks[case.equal] = 1.0 + POPULARITY_WEIGHT_ONE_WORD * case.popularities[case.equal]
    return 1 + sum(each > ranks[case.meant] for each in ranks)


def recall(cases: Sequence[Case], shares: Views, depth: int) -> float:
    """Return how often the token meant is among the first `depth`, names weighing alike."""
    by_name: dict[str, list[float]] = {}
    for case in cases:
        place = rank(case, shares)
        by_name.setdefault(case.name, []).append(float(place is not None and place <= depth))
    return estimate(by_name).mean


def mixtures() -> list[Views]:
    """Return the shares in use, each view alone, and all mixtures in steps of a tenth."""
    every = [each for each in itertools.product(STEPS, repeat=4) if abs(sum(each) - 1) < 1e-9]
    return [SHARES, *ALONE, *every]


async def measure(arguments: argparse.Namespace) -> None:
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint:
        async with Cluster(endpoint) as cluster:
            files = ", ".join(path.name for path in arguments.queries)
            print_header("Shares of the four views", files, await cluster.version(), ("rapidfuzz",))
            sets = {
                path.name: await collect(cluster, settings.index_prefix, read_queries(path))
                for path in arguments.queries
            }
    table = Table(box=None, header_style="dim")
    for column in ("spelling", "respelling", "sound", "start"):
        table.add_column(column, justify="right")
    for name in sets:
        table.add_column(f"{name} @1", justify="right")
        table.add_column("@5", justify="right")
    ordered = mixtures()
    scores = {
        shares: [recall(cases, shares, 1) for cases in sets.values()] for shares in dict.fromkeys(ordered)
    }
    best = max(scores, key=lambda shares: sum(scores[shares]))
    for shares in dict.fromkeys((SHARES, *ALONE, best)):
        figures = [f"{100 * recall(cases, shares, depth):.1f}" for cases in sets.values() for depth in (1, 5)]
        table.add_row(*(f"{share:.2f}" for share in shares), *figures)
    OUT.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path, nargs="+", default=[MISSPELT], metavar="FILE")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
