"""A rolling update to a release whose mappings have another version, under load.

    python -m benchmarks.upgrade

Three nodes, two services behind Caddy, two workers, one Redis, as processes (`benchmarks/fleet.py`). The
next release is this one with other mappings (`tests/next_release.py`). Its services take the places of the
old ones one by one, then its workers; then it rebuilds, so that a generation of the new version becomes live.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from benchmarks.fleet import Fleet
from benchmarks.losses import Watch, make_years, report
from benchmarks.runner import OUT, print_header
from benchmarks.swaps import FIRST_YEAR, Operator, Traffic
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.settings import Settings, read_settings
from tests.engine_nodes import Nodes, run_nodes
from tests.next_release import NEXT_VERSION, make_next_release

PREFIX = "benchmark-upgrade"


async def run(nodes: Nodes, arguments: argparse.Namespace, work: Path) -> bool:
    folder = work / "data"
    years, names = await asyncio.to_thread(make_years, folder, arguments.people, 2)
    (folder / "name.basics.tsv.gz").write_bytes(years[0])
    later = make_next_release(work / "next")
    # Answers from the cache would hide what the engine is asked.
    fleet = Fleet(nodes, PREFIX, work, MARQUEE_CACHE_SIZE_MB="0")
    command = [sys.executable, "-m", "marquee", "reindex", "--data", str(folder)]
    subprocess.run(command, env=fleet.environ, check=True, capture_output=True)  # noqa: ASYNC221
    nodes.await_status()
    with fleet.run():
        async with Cluster(nodes.endpoint) as cluster:
            print_header(
                "A rolling update to other mappings, under load",
                f"{arguments.people:,} synthetic people, everyone indexed; three nodes, one replica",
                await cluster.version(),
            )
            year_of = {await generations.resolve(cluster, PREFIX): FIRST_YEAR}
        (folder / "name.basics.tsv.gz").write_bytes(years[1])
        return await measure(fleet, arguments, names, year_of, later)


async def measure(
    fleet: Fleet,
    arguments: argparse.Namespace,
    names: Sequence[str],
    year_of: dict[str, int],
    later: dict[str, str],
) -> bool:
    watch, traffic = Watch(), Traffic(names, fleet.url)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        flowing = asyncio.create_task(traffic.flow(session, arguments.rate))
        with watch.during("quiet"):
            await asyncio.sleep(arguments.quiet)
        with watch.during("services are replaced"):
            for place, port in enumerate(fleet.ports):
                await asyncio.to_thread(fleet.services[place].stop)
                fleet.services[place] = fleet.make_service(f"next serve {place + 1}", port, **later)
                await asyncio.to_thread(fleet.services[place].start)
                await asyncio.sleep(3)
        with watch.during("workers are replaced"):
            for place, old in enumerate(fleet.workers):
                await asyncio.to_thread(old.stop)
                fleet.workers[place] = fleet.make_worker(f"next worker {place + 1}", **later)
                await asyncio.to_thread(fleet.workers[place].start)
        with watch.during("rebuild and swap"):
            async with aiohttp.ClientSession() as admin:
                operator = Operator(fleet.url, admin)
                job = await operator.wait(await operator.rebuild())
        year_of[job["generation"]] = FIRST_YEAR + 1
        with watch.during("quiet again"):
            await asyncio.sleep(arguments.quiet)
        flowing.cancel()
        await asyncio.sleep(2)
    OUT.print(f"the rebuild {job['state']}: {job['generation']} is live", highlight=False)
    is_next = job["state"] == "succeeded" and job["generation"].startswith(f"v{NEXT_VERSION}-")
    last = traffic.samples[-1].generation == job["generation"]
    return report(traffic.samples, watch.phases, year_of) and is_next and last


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=40.0, help="Requests a second (default 40).")
    parser.add_argument("--quiet", type=float, default=15.0, help="Quiet seconds (default 15).")
    arguments = parser.parse_args()
    settings: Settings = read_settings()[0]
    with tempfile.TemporaryDirectory() as work, run_nodes(settings) as nodes:
        held = asyncio.run(run(nodes, arguments, Path(work)))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
