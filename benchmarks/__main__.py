"""The scorecard: Marquee against what a user would pick instead, on this machine, in one interleaved run.

    python -m benchmarks               # everything, about 25 minutes on two cores: JSON, README, pictures
    python -m benchmarks --quick       # a first look, about five minutes; writes nothing into the checkout
    python -m benchmarks --queries ../shared/eval/misspellings.tsv --data ../shared/imdb --sections quality

Peers that this machine cannot have are listed as not measured, with the reason. A section is saved when it is
done; --resume goes on with an interrupted run of the same options. Keys of servers that are named come from
MEILISEARCH_API_KEY and TYPESENSE_API_KEY.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from benchmarks.peers.registry import MARQUEE, PEERS, Starter
from benchmarks.runner import OUT, describe_machine
from benchmarks.scorecard import gate, readme
from benchmarks.scorecard.results import COMMITTED, SECTIONS, Scorecard, read_scorecard
from benchmarks.scorecard.run import TEN_MILLION, Options, Run, alone, merge
from benchmarks.scorecard.tables import GRIDS, Grid
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.errors import MarqueeError
from marquee.settings import read_settings


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Any = parser.add_argument
    add("--quick", action="store_true", help="Small and few of everything.")
    add("--sections", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"Of {', '.join(SECTIONS)}.")
    add("--only", nargs="+", choices=PEERS, metavar="PEER", help=f"Beside Marquee, of {', '.join(PEERS)}.")
    add("--queries", type=Path, metavar="FILE", help="Other misspelt queries than the committed ones.")
    add("--data", type=Path, metavar="DIR", help="IMDb's files (.tsv.gz) instead of the sample.")
    add("--every", type=int, metavar="N", help="Ask for every Nth name only.")
    add("--names", type=int, metavar="N", help="Names to complete.")
    add("--sizes", type=int, nargs="+", metavar="N", help="People of each step of the growth.")
    add("--people", type=int, metavar="N", help="People of the promises and of the reindex.")
    add("--ten-million", action="store_true", help="Only the costs at 10 million people; 40 minutes.")
    add("--meilisearch", metavar="URL", help="A running Meilisearch.")
    add("--typesense", metavar="URL", help="A running Typesense.")
    add("--no-install", action="store_true", help="Take only peers that are installed.")
    add("--resume", action="store_true", help="Go on with an interrupted run of the same options.")
    add("--json", type=Path, metavar="FILE", help="Where the figures go, beside those already there.")
    add(
        "--render", action="store_true", help="Only make README and pictures anew from the committed figures."
    )
    add("--check", action="store_true", help="Fail where quality dropped against the committed figures.")
    return parser.parse_args(argv)


def read_options(arguments: argparse.Namespace) -> Options:
    """Return what is to be run."""
    only = arguments.only or PEERS
    return Options(
        sections=(TEN_MILLION,) if arguments.ten_million else tuple(arguments.sections or SECTIONS),
        quick=arguments.quick,
        only=tuple(name for name in PEERS if name == MARQUEE or name in only),
        every=arguments.every,
        names=arguments.names,
        sizes=tuple(arguments.sizes) if arguments.sizes else None,
        people=arguments.people,
        queries=str(arguments.queries.resolve()) if arguments.queries else None,
        data=str(arguments.data.resolve()) if arguments.data else None,
    )


def is_full(options: Options) -> bool:
    """Say whether figures of such a run are the committed ones: nothing left out but whole sections."""
    return msgspec.structs.replace(options, sections=SECTIONS) == Options()


def show(card: Scorecard) -> None:
    """Print all tables that there is something for."""
    for name, make in GRIDS.items():
        if grid := make(card):
            _print(name.replace("-", " "), grid)


def _print(title: str, grid: Grid) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
    for at, column in enumerate(grid.columns):
        table.add_column(column, justify="right" if at and len(grid.columns) > 3 else "left")
    for row in grid.rows:
        table.add_row(*map(escape, row))
    OUT.print(table)
    if grid.note:
        OUT.print(grid.note, style="dim", highlight=False, markup=False)
    OUT.print("")


async def _read_version(endpoint: Endpoint) -> str:
    async with Cluster(endpoint) as cluster:
        return await cluster.version()


def measure(arguments: argparse.Namespace, command: str) -> int:
    """Run it; return the exit code.

    Raises:
        MarqueeError: there is no engine, or another run is under way.
    """
    options = read_options(arguments)
    settings, _ = read_settings()
    folder = settings.home / "scorecard" / settings.index_prefix
    target = arguments.json or (COMMITTED if is_full(options) else folder / "last.json")
    urls = {name: url for name in ("meilisearch", "typesense") if (url := getattr(arguments, name))}
    prefix = f"{settings.index_prefix}-scorecard"
    OUT.print(f"{command}: {describe_machine()}", highlight=False)
    with (
        alone(folder / "lock"),
        tempfile.TemporaryDirectory(prefix="marquee-scorecard-") as work,
        open_endpoint(settings) as endpoint,
    ):
        # Peers' servers run as other users and read the data.
        Path(work).chmod(0o755)
        run = Run(
            options,
            command,
            endpoint,
            Starter(endpoint, settings.home, prefix, urls, install=not arguments.no_install),
            work=Path(work),
            prefix=prefix,
            engine=asyncio.run(_read_version(endpoint)),
            progress=folder / "run.json",
        )
        done = run.resume() if arguments.resume else []
        if done:
            merge(target, run.card)
        run.go(done, partial(merge, target))
    show(run.card)
    OUT.print(f"figures: {target}", highlight=False)
    if target == COMMITTED:
        for path in readme.write():
            OUT.print(f"made anew: {path}", highlight=False)
    code = check(run.card) if arguments.check else 0
    for section, reason in run.failures.items():
        print(f"{section}: {reason}", file=sys.stderr)
    return 1 if run.failures else code


def check(card: Scorecard) -> int:
    """Hold a run's quality against the committed figures; return the exit code."""
    committed = read_scorecard(COMMITTED).quality
    if committed is None or card.quality is None:
        print("there are no figures of quality to compare", file=sys.stderr)
        return 1
    drops = gate.find_drops(committed, card.quality)
    for line in drops:
        print(f"quality dropped: {line}", file=sys.stderr)
    if not drops:
        OUT.print("quality: no drop beyond noise against the committed figures", highlight=False)
    return 1 if drops else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code. Every failure is one line on stderr."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parse(argv)
    try:
        if arguments.render:
            for path in readme.write():
                OUT.print(f"made anew: {path}", highlight=False)
            return 0
        return measure(arguments, shlex.join(["python", "-m", "benchmarks", *argv]))
    except (MarqueeError, OSError, ValueError, msgspec.DecodeError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: --resume goes on after the last section that was finished", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
