"""Files to swapped aliases at growing sizes: seconds, peak memory of Marquee's own processes, growth.

python -m benchmarks.scale --people 140000 1400000 14000000 --folder /somewhere/with/room
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
from rich.table import Table

from benchmarks.processes import environ_for, remove_indexes
from benchmarks.runner import OUT, fit_exponent, print_header
from marquee.catalog.synth import synthesise
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.settings import read_settings

PREFIX = "benchmark-scale"


def measure(folder: Path, environ: dict[str, str]) -> tuple[float, int, str]:
    """Run one reindex; return seconds, peak resident bytes of its process tree, and its stage lines."""
    command = [sys.executable, "-m", "marquee", "reindex", "--force", "--data", str(folder), "--json"]
    started, peak = time.perf_counter(), 0
    with (
        (folder / "stages.log").open("w+") as log,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [tree, *tree.children(recursive=True)]
                peak = max(peak, sum(each.memory_info().rss for each in family))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.2)
        took_s = time.perf_counter() - started
        assert process.stdout is not None
        printed = process.stdout.read()
        log.seek(0)
        stages = log.read()
        assert process.wait() == 0, stages
        assert json.loads(printed)["figures"]["built"]
    return took_s, peak, stages


async def remove_generations(endpoint: Endpoint) -> str:
    async with Cluster(endpoint) as cluster:
        await remove_indexes(cluster, PREFIX)
        return await cluster.version()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[14_000, 140_000, 1_400_000])
    parser.add_argument(
        "--folder", type=Path, required=True, help="Where the files are made, or already are."
    )
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint:
        memory = str(settings.memory_limit_mb)
        environ = environ_for(
            endpoint,
            PREFIX,
            settings.home,
            MARQUEE_PEOPLE=settings.people,
            MARQUEE_MEMORY_LIMIT_MB=memory,
        )
        engine = asyncio.run(remove_generations(endpoint))
        print_header(
            "Reindex from files to swapped aliases",
            "synthetic: 0.8 titles (0.77 of them episodes) and 6.8 principals per person",
            engine,
            ("polars", "elasticsearch"),
        )
        table = Table(box=None, header_style="dim")
        for column in ("people", "packed MB", "seconds", "people/s", "peak MiB"):
            table.add_column(column, justify="right")
        seconds: list[float] = []
        for people in arguments.people:
            folder = arguments.folder / f"synth-{people}"
            if not folder.exists():
                OUT.print(f"making {people:,} people …", style="dim")
                synthesise(folder, people, seed=1)
            took_s, peak, stages = measure(folder, environ)
            seconds.append(took_s)
            packed = sum(path.stat().st_size for path in folder.glob("*.gz")) / 1e6
            OUT.print(f"{people:,} people\n{stages}", style="dim", highlight=False)
            table.add_row(
                f"{people:,}",
                f"{packed:,.0f}",
                f"{took_s:,.1f}",
                f"{people / took_s:,.0f}",
                f"{peak >> 20:,}",
            )
            asyncio.run(remove_generations(endpoint))
        OUT.print(table)
        if len(seconds) > 1:
            exponent = fit_exponent(arguments.people, seconds)
            OUT.print(f"seconds grow with people to the power of {exponent:.2f}", highlight=False)


if __name__ == "__main__":
    main()
