"""How often a candidate of the Reconciliation API is called a match, and how often rightly.

    python -m benchmarks.reconciliation --queries FILE...

Every query is asked as a row that holds a name and nothing else. For several scores that a match could begin
at: the share of rows that get a match, and of these the share whose match bears the name that was meant. A
row of several bearers of one name gets none, whatever the score. Without files: the committed queries.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.query_set import CORRECT, MISSPELT, Query, is_right, read_queries
from benchmarks.runner import OUT, print_header
from marquee.engine.cluster import Cluster
from marquee.engine.endpoint import open_endpoint
from marquee.search import reconciliation
from marquee.search.lookup import Lookup
from marquee.search.reconciliation import EntityQuery
from marquee.settings import read_settings

SCORES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
BATCH = 50


async def ask(lookup: Lookup, queries: Sequence[Query]) -> list[tuple[float, bool]]:
    """Return of each row that gets a match at the lowest score: its score, and whether it is right."""
    reconciliation.MATCH_SCORE = SCORES[0]
    found: list[tuple[float, bool]] = []
    for start in range(0, len(queries), BATCH):
        part = queries[start : start + BATCH]
        _, answers = await lookup.reconcile([EntityQuery(names=(each.query,), limit=1) for each in part])
        for query, candidates in zip(part, answers, strict=True):
            if candidates and candidates[0].is_match:
                actor = candidates[0].actor
                found.append((candidates[0].score, is_right(query, actor.nconst, actor.name)))
    return found


async def measure(paths: Sequence[Path]) -> None:
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint:
        async with Cluster(endpoint) as cluster:
            names = ", ".join(path.name for path in paths)
            print_header("Matches of the Reconciliation API", names, await cluster.version(), ("rapidfuzz",))
            lookup = Lookup(cluster, settings.index_prefix)
            for path in paths:
                queries = read_queries(path)
                matches = await ask(lookup, queries)
                table = Table(box=None, header_style="dim", title=f"{path.name}, {len(queries)} rows")
                for column in ("a match from", "rows with a match", "of these right"):
                    table.add_column(column, justify="right")
                for least in SCORES:
                    right = [is_right for score, is_right in matches if score >= least]
                    share = f"{sum(right) / len(right):.1%}" if right else "-"
                    table.add_row(f"{least:g}", f"{len(right) / len(queries):.1%}", share)
                OUT.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path, nargs="+", default=[MISSPELT, CORRECT], metavar="FILE")
    asyncio.run(measure(parser.parse_args().queries))


if __name__ == "__main__":
    main()
