"""Matching files: rows per second against the bare loop of the same lookups, and memory as files grow.

    python -m benchmarks.matching [--rows N] [--more N] [--repeated N] [--pairs N]

The names are the sample's, each misspelt with a seed, all distinct. The bare loop asks the same batches of
names, as many at a time, and keeps nothing: its ratio says what reading, journal and writing cost. Memory is
the peak of resident memory of `marquee match` as a process of its own, at `--rows` and at `--more` rows. Last
come `--repeated` rows of 5,000 distinct names. What is indexed under the prefix of the settings is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import psutil

from benchmarks.error_model import misspell
from benchmarks.processes import environ_for
from benchmarks.runner import OUT, interleave, print_figures, print_header
from marquee.catalog.sources import open_sample
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.matching.asking import BATCH_NAMES
from marquee.matching.columns import Wanted
from marquee.matching.engine import TIMEOUT_S
from marquee.matching.run import Plan, Run
from marquee.progress import SILENT
from marquee.search.lookup import Lookup
from marquee.search.request import MatchQuery, MatchRequest
from marquee.settings import Settings, read_settings

SEED = 1
JOBS = 4
PAIR_ROWS = 5_000
DISTINCT = 5_000
SAMPLE_EVERY_S = 0.02


def make_names() -> Iterator[str]:
    """Yield distinct names, the sample's misspelt, over and over with other errors."""
    with gzip.open(open_sample().folder / "name.basics.tsv.gz", "rt", encoding="utf-8") as file:
        right = [row.split("\t")[1] for row in itertools.islice(file, 1, None)]
    rng, seen = Random(SEED), set[str]()
    rng.shuffle(right)
    while True:
        for name in right:
            missed, _ = misspell(name, rng)
            if missed not in seen:
                seen.add(missed)
                yield missed


def write_names(path: Path, names: Sequence[str], rows: int) -> None:
    """Write a table of so many rows, the names repeated as often as it takes."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name"])
        writer.writerows((row, names[row % len(names)]) for row in range(rows))


def open_lookup(cluster: Cluster, settings: Settings) -> Lookup:
    """Return a lookup that has nothing cached, as `marquee match` uses it."""
    return Lookup(cluster, settings.index_prefix, timeout_s=TIMEOUT_S)


async def loop_bare(lookup: Lookup, names: Sequence[str]) -> float:
    """Ask all names, JOBS batches at a time; return names per second."""
    batches = iter([names[start : start + BATCH_NAMES] for start in range(0, len(names), BATCH_NAMES)])

    async def work() -> None:
        for batch in batches:
            queries = [MatchQuery(id=str(place), name=name) for place, name in enumerate(batch)]
            await lookup.match(MatchRequest(queries=queries, min_score=0.0, candidates=1))

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(JOBS)))
    return len(names) / (time.perf_counter() - started)


async def match_file(lookup: Lookup, path: Path, rows: int) -> float:
    """Match a file in this process, from its check to the output in its place; return rows per second."""
    started = time.perf_counter()
    plan = Plan(
        path=path, out=path.with_suffix(".out.csv"), wanted=Wanted(name="name"), jobs=JOBS, overwrite=True
    )
    run = Run(plan, SILENT)
    with run.open() as journal:
        asked = await run.match(lookup, journal)
        run.write(journal, asked=asked, resumed_rows=0)
    return rows / (time.perf_counter() - started)


def run_command(path: Path, environ: dict[str, str]) -> tuple[dict[str, Any], float]:
    """Run `marquee match`; return its summary, and its peak resident memory in MiB."""
    command = [sys.executable, "-m", "marquee", "match", str(path), "--name", "name", "--overwrite", "--json"]
    command += ["--jobs", str(JOBS)]
    peak = 0
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        # Not `ru_maxrss`, which begins with what this process had when it started the other.
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, watched.memory_info().rss)
            time.sleep(SAMPLE_EVERY_S)
        said, _ = process.communicate()
    assert process.returncode == 0, said
    return json.loads(said), peak / 2**20


async def measure(
    arguments: argparse.Namespace, settings: Settings, endpoint: Endpoint, folder: Path
) -> None:
    names = list(itertools.islice(make_names(), max(arguments.more, arguments.rows)))
    async with Cluster(endpoint) as cluster:
        generation = await open_lookup(cluster, settings).probe()
        data = f"{settings.index_prefix} {generation}, the sample's names misspelt, seed {SEED}"
        print_header("Matching files", data, await cluster.version(), ("msgspec", "cachetools"))
        path = folder / "names.csv"
        if arguments.pairs:
            asked = names[:PAIR_ROWS]
            write_names(path, asked, len(asked))
            figures = await interleave(
                {
                    "bare loop": lambda: loop_bare(open_lookup(cluster, settings), asked),
                    "match": lambda: match_file(open_lookup(cluster, settings), path, len(asked)),
                },
                arguments.pairs,
            )
            print_figures(figures, "rows/s", "bare loop")
    environ = environ_for(endpoint, settings.index_prefix, settings.home)
    runs = [
        (arguments.rows, arguments.rows),
        (arguments.more, arguments.more),
        (arguments.repeated, DISTINCT),
    ]
    for rows, distinct in runs:
        if rows:
            write_names(path, names[:distinct], rows)
            summary, peak_mib = run_command(path, environ)
            OUT.print(
                f"{rows:>9,} rows of {distinct:>7,} names: {summary['rate']:>8,.0f} rows/s, "
                f"{summary['seconds']:,.0f} s, peak {peak_mib:,.0f} MiB, {summary['asked']:,} asked, "
                f"{summary['matched']:,} matched",
                highlight=False,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--more", type=int, default=100_000)
    parser.add_argument("--repeated", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint, tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(arguments, settings, endpoint, Path(folder)))


if __name__ == "__main__":
    main()
