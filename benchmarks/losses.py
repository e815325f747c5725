"""Nodes of the engine that die under load: three of them, one replica, two services, two workers, one Redis.

    python -m benchmarks.losses                    # 30,000 people, 40 requests a second
    python -m benchmarks.losses --quick

One node is killed (SIGKILL) under searches and started again; once all is well, another one in the middle of
a rebuild; then all three at once. Each answer tells by its hits' birth years which generation it came from,
so that a mixed one shows. Requests go to both services, each at its own time whether or not the ones before
are answered, without any retry.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.table import Table

from benchmarks.processes import environ_for, kill_tree, run_service, start_worker
from benchmarks.runner import OUT, print_header, quantile
from benchmarks.swaps import FIRST_YEAR, Operator, Sample, Traffic, find_mixed, pack_year
from marquee.catalog.synth import synthesise
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.settings import Settings, read_settings
from tests.engine_nodes import Nodes, run_nodes
from tests.redis_server import run_redis

PREFIX = "benchmark-losses"
AWAY_S = 10.0
BACK_WITHIN_S = 120.0


class Phase(msgspec.Struct):
    """A part of the time."""

    name: str
    begin: float
    end: float = float("inf")


class Watch:
    """What phase it is."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Name what happens within."""
        phase = Phase(name, time.perf_counter())
        self.phases.append(phase)
        try:
            yield
        finally:
            phase.end = time.perf_counter()
            OUT.print(f"{name}: {phase.end - phase.begin:.1f} s", style="dim", highlight=False)


def make_years(folder: Path, people: int, count: int) -> tuple[list[bytes], list[str]]:
    """Make files of so many people; return the first with each of `count` birth years, and the names."""
    synthesise(folder, people, seed=1)
    lines = gzip.decompress((folder / "name.basics.tsv.gz").read_bytes()).rstrip(b"\n").split(b"\n")
    years = [pack_year(lines, FIRST_YEAR + number) for number in range(count)]
    return years, [line.split(b"\t")[1].decode() for line in lines[1:]]


async def run(nodes: Nodes, arguments: argparse.Namespace, work: Path) -> bool:
    folder = work / "data"
    years, names = await asyncio.to_thread(make_years, folder, arguments.people, 2)
    (folder / "name.basics.tsv.gz").write_bytes(years[0])
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(run_redis(work))
        # Answers from the cache would hide what the engine does.
        environ = environ_for(
            nodes.endpoint, PREFIX, work / "home",
            MARQUEE_PEOPLE="everyone", MARQUEE_REPLICAS="1", MARQUEE_CACHE_SIZE_MB="0",
            MARQUEE_REDIS_URL=redis_url, MARQUEE_LEASE_TTL_S="5",
        )  # fmt: skip
        command = [sys.executable, "-m", "marquee", "reindex", "--data", str(folder)]
        subprocess.run(command, env=environ, check=True, capture_output=True)  # noqa: ASYNC221
        nodes.await_status()
        urls = [stack.enter_context(run_service(environ)) for _ in range(2)]
        for _ in range(2):
            stack.callback(kill_tree, start_worker(environ))
        async with Cluster(nodes.endpoint) as cluster:
            print_header(
                "Nodes that die under load",
                f"{arguments.people:,} synthetic people, everyone indexed; three nodes, one replica",
                await cluster.version(),
            )
            year_of = {await generations.resolve(cluster, PREFIX): FIRST_YEAR}
        return await measure(nodes, arguments, urls, folder, years[1], names, year_of)


async def measure(
    nodes: Nodes,
    arguments: argparse.Namespace,
    urls: Sequence[str],
    folder: Path,
    changed: bytes,
    names: Sequence[str],
    year_of: dict[str, int],
) -> bool:
    watch, traffic = Watch(), Traffic(names, *urls)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, aiohttp.ClientSession() as admin:
        flowing = asyncio.create_task(traffic.flow(session, arguments.rate))
        with watch.during("quiet"):
            await asyncio.sleep(arguments.quiet)
        with watch.during("one node is killed"):
            await lose(nodes, 0)
        with watch.during("another one, in a rebuild"):
            (folder / "name.basics.tsv.gz").write_bytes(changed)
            operator = Operator(urls[0], admin)
            job_id = await operator.rebuild()
            waiting = asyncio.create_task(operator.wait(job_id))
            await asyncio.sleep(arguments.into_rebuild)
            await lose(nodes, 1)
            job = await waiting
        year_of[job["generation"]] = FIRST_YEAR + 1
        OUT.print(f"the rebuild {job['state']} at attempt {job['attempt']}", highlight=False)
        with watch.during("quiet again"):
            await asyncio.sleep(arguments.quiet)
        with watch.during("all three are killed"):
            for node in nodes.nodes:
                await asyncio.to_thread(node.kill)
            for node in nodes.nodes:
                node.start()
            back_s = await wait_for_answers(session, urls, names)
        OUT.print(
            f"both services answered {back_s:.1f} s after all three were started again", highlight=False
        )
        await asyncio.to_thread(nodes.await_status)
        with watch.during("well again"):
            await asyncio.sleep(arguments.quiet)
        flowing.cancel()
        await asyncio.sleep(2)
    return report(traffic.samples, watch.phases, year_of) and job["state"] == "succeeded"


async def lose(nodes: Nodes, number: int) -> None:
    """Kill a node, start it again after a while, and wait until the cluster is well."""
    await asyncio.to_thread(nodes.nodes[number].kill)
    await asyncio.sleep(AWAY_S)
    nodes.nodes[number].start()
    await asyncio.to_thread(nodes.await_status)


async def wait_for_answers(
    session: aiohttp.ClientSession, urls: Sequence[str], names: Sequence[str]
) -> float:
    """Return after how many seconds all services answer."""
    began = time.perf_counter()
    for url in urls:
        while True:
            async with session.get(f"{url}/v1/actors/search", params={"q": names[0]}) as answer:
                if answer.status == 200 and (await answer.json())["hits"]:
                    break
            assert time.perf_counter() - began < BACK_WITHIN_S, "no answers"
            await asyncio.sleep(0.2)
    return time.perf_counter() - began


def report(samples: Sequence[Sample], phases: Sequence[Phase], year_of: dict[str, int]) -> bool:
    """Print what became of the requests of each phase; return whether what must hold held."""
    table = Table(box=None, header_style="dim")
    for column in ("", "requests", "failed", "p50 ms", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")
    holds = True
    for phase in phases:
        within = [each for each in samples if phase.begin <= each.due_at < phase.end]
        took = [each.took_ms for each in within if each.status == 200]
        failed = Counter(each.status for each in within if each.status != 200)
        told = ", ".join(f"{count} with {status or 'no answer'}" for status, count in failed.items())
        if failed and phase.name != "all three are killed":
            holds = False
        figures: Any = ("", "", "")
        if took:
            figures = (statistics.median(took), quantile(took, 0.99), max(took))
        shown = [f"{each:.1f}" if isinstance(each, float) else each for each in figures]
        table.add_row(phase.name, f"{len(within):,}", told or "0", *shown)
    OUT.print(table)
    mixed = find_mixed(samples, year_of)
    OUT.print(f"{len(samples):,} requests, {len(mixed)} mixed", highlight=False)
    return holds and not mixed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=30_000)
    parser.add_argument("--rate", type=float, default=40.0, help="Requests a second (default 40).")
    parser.add_argument("--quiet", type=float, default=20.0, help="Quiet seconds (default 20).")
    parser.add_argument("--into-rebuild", type=float, default=4.0, help="Seconds into it (default 4).")
    parser.add_argument("--quick", action="store_true", help="5,000 people, 5 quiet seconds.")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.people, arguments.quiet, arguments.into_rebuild = 5_000, 5.0, 1.5
    settings: Settings = read_settings()[0]
    with tempfile.TemporaryDirectory() as work, run_nodes(settings) as nodes:
        held = asyncio.run(run(nodes, arguments, Path(work)))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
