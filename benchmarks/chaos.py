"""Services, workers and Redis that are killed, frozen and restarted, by a seeded schedule, under load.

    python -m benchmarks.chaos                     # 20 minutes, 40 requests a second
    python -m benchmarks.chaos --minutes 2 --seed 7

The topology of docker-compose.yml as processes (`benchmarks/fleet.py`). Every few seconds one member is
killed (SIGKILL), frozen (SIGSTOP) for a while, or restarted (SIGTERM); meanwhile requests come through Caddy
at a fixed rate, without any retry of the client's, and one rebuild after the other is asked for. What must
hold:

- Every request that fails was under way when a service was killed.
- Every answer's hits are of the generation that it names.
- Every rebuild that was asked for comes to an end, and what became live is what succeeded, each once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec
from rich.table import Table

from benchmarks.fleet import Fleet, Member
from benchmarks.losses import make_years
from benchmarks.processes import ADMIN_TOKEN
from benchmarks.runner import OUT, print_header, quantile
from benchmarks.swaps import FIRST_YEAR, Sample, Traffic, find_mixed
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.errors import EngineError
from marquee.settings import Settings, read_settings
from tests.engine_nodes import Nodes, run_nodes

PREFIX = "benchmark-chaos"
YEARS = 12
"""Sources that are told apart: generations kept at once are fewer."""
PAUSE_S, FROZEN_S, AWAY_S = (4.0, 10.0), (1.0, 9.0), (0.0, 3.0)
# A rebuild gives way to searches, and is begun three times at most.
ENDS_WITHIN_S = 600.0
BEFORE_S = 20.0
"""What was done so long before a request failed may be why."""
LOOK_EVERY_S = 0.1


class Event(msgspec.Struct, frozen=True):
    """What was done to somebody."""

    at: float
    action: str
    member: str


class Trouble:
    """Does things to members of the fleet, as a seed says."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._rng = Random(seed)
        self._members = [*fleet.services, *fleet.workers, fleet.redis]
        self.events: list[Event] = []

    async def go_on(self) -> None:
        """Do one after the other until cancelled, each undone before the next."""
        while True:
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))
            member = self._rng.choice(self._members)
            action = self._rng.choice(("kill", "freeze", "restart"))
            wait_s = self._rng.uniform(*(FROZEN_S if action == "freeze" else AWAY_S))
            self.events.append(Event(time.perf_counter(), action, member.name))
            # To its end, also where the benchmark is over: nobody is left frozen.
            await asyncio.shield(asyncio.to_thread(do, member, action, wait_s))


def do(member: Member, action: str, wait_s: float) -> None:
    """Do it and undo it."""
    if action == "freeze":
        member.freeze()
        time.sleep(wait_s)
        member.thaw()
        return
    if action == "kill":
        member.kill()
    else:
        member.stop()
    time.sleep(wait_s)
    member.start()


class Rebuilds:
    """Asks for one rebuild after the other, and follows each to its end."""

    def __init__(self, url: str, folder: Path, years: Sequence[bytes]) -> None:
        self._url, self._folder, self._years = url, folder, years
        self.ended: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.year_of: dict[str, int] = {}

    async def go_on(self) -> None:
        """Ask until cancelled; the one under way is followed by `follow_last`."""
        number = 0
        while True:
            number += 1
            (self._folder / "name.basics.tsv.gz").write_bytes(self._years[number % YEARS])
            await self._rebuild(number, FIRST_YEAR + number % YEARS)
            await asyncio.sleep(3)

    async def _rebuild(self, number: int, year: int) -> None:
        # One key for all tries: who asks again after an answer that was lost gets the same job.
        headers = {"Idempotency-Key": f"chaos-{number}"}
        job = await self._ask("POST", "/v1/admin/jobs", headers, {"kind": "reindex", "source": "live"})
        self.asked.append(job["id"])
        until = time.monotonic() + ENDS_WITHIN_S
        while job["ended_at"] is None:
            assert time.monotonic() < until, f"a lost job: {job}"
            await asyncio.sleep(0.5)
            job = await self._ask("GET", f"/v1/admin/jobs/{job['id']}")
            if job["generation"]:
                self.year_of[job["generation"]] = year
        self.ended.append(job)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> Any:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", **(headers or {})}
        until = time.monotonic() + ENDS_WITHIN_S
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.request(
                        method, self._url + path, json=body, headers=headers
                    ) as answer:
                        if answer.status < 300:
                            return await answer.json(content_type=None)
                        assert answer.status in (409, 502, 503), await answer.text()
                assert time.monotonic() < until, f"{method} {path} is not answered"
                await asyncio.sleep(0.5)


async def watch_live(cluster: Cluster, seen: list[str]) -> None:
    """Note each generation that becomes live, until cancelled."""
    while True:
        with contextlib.suppress(EngineError):
            live = await generations.resolve(cluster, PREFIX)
            if seen[-1:] != [live]:
                seen.append(live)
        await asyncio.sleep(LOOK_EVERY_S)


async def run(nodes: Nodes, arguments: argparse.Namespace, work: Path) -> bool:
    folder = work / "data"
    years, names = await asyncio.to_thread(make_years, folder, arguments.people, YEARS)
    (folder / "name.basics.tsv.gz").write_bytes(years[0])
    fleet = Fleet(nodes, PREFIX, work, MARQUEE_CACHE_SIZE_MB=str(arguments.cache_mb))
    command = [sys.executable, "-m", "marquee", "reindex", "--data", str(folder)]
    subprocess.run(command, env=fleet.environ, check=True, capture_output=True)  # noqa: ASYNC221
    with fleet.run():
        async with Cluster(nodes.endpoint) as cluster:
            print_header(
                "Processes that die, freeze and come back under load",
                f"{arguments.people:,} synthetic people, everyone indexed; three nodes, two services behind "
                "Caddy, two workers, Redis",
                await cluster.version(),
            )
            OUT.print(f"  seed {arguments.seed}, {arguments.rate:.0f} requests/s", highlight=False)
            return await measure(cluster, fleet, arguments, folder, years, names)


async def measure(
    cluster: Cluster,
    fleet: Fleet,
    arguments: argparse.Namespace,
    folder: Path,
    years: Sequence[bytes],
    names: Sequence[str],
) -> bool:
    live: list[str] = []
    trouble, traffic = Trouble(fleet, arguments.seed), Traffic(names, fleet.url)
    rebuilds = Rebuilds(fleet.url, folder, years)
    rebuilds.year_of[await generations.resolve(cluster, PREFIX)] = FIRST_YEAR
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        flowing = asyncio.create_task(traffic.flow(session, arguments.rate))
        watching = asyncio.create_task(watch_live(cluster, live))
        rebuilding = asyncio.create_task(rebuilds.go_on())
        troubling = asyncio.create_task(trouble.go_on())
        until = time.perf_counter() + arguments.minutes * 60
        while (left_s := until - time.perf_counter()) > 0:
            done, _ = await asyncio.wait(
                {flowing, watching, rebuilding, troubling},
                timeout=min(60.0, left_s),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for each in done:
                each.result()  # none ends by itself, but by an error
            failed = sum(sample.status != 200 for sample in traffic.samples)
            OUT.print(
                f"{left_s / 60:.1f} min left: {len(traffic.samples):,} requests, {failed} failed, "
                f"{len(trouble.events)} events, {len(rebuilds.ended)} rebuilds",
                style="dim", highlight=False,
            )  # fmt: skip
        troubling.cancel()
        await asyncio.wait([troubling])
        await asyncio.sleep(AWAY_S[1] + FROZEN_S[1])  # what is being undone
        while len(rebuilds.ended) < len(rebuilds.asked):
            await asyncio.sleep(0.5)
            if rebuilding.done():
                rebuilding.result()
        await asyncio.sleep(2)
        for each in (rebuilding, flowing, watching):
            each.cancel()
        await asyncio.sleep(2)
    return report(traffic.samples, trouble.events, rebuilds, live)


def report(
    samples: Sequence[Sample], events: Sequence[Event], rebuilds: Rebuilds, live: Sequence[str]
) -> bool:
    """Print what became of it all; return whether what must hold held."""
    counts = Counter((each.member, each.action) for each in events)
    table = Table(box=None, header_style="dim")
    for column in ("", "killed", "frozen", "restarted"):
        table.add_column(column, justify="right" if column else "left")
    for member in sorted({each.member for each in events}):
        table.add_row(member, *(str(counts[member, each]) for each in ("kill", "freeze", "restart")))
    OUT.print(table)
    kills = [each.at for each in events if each.action == "kill" and each.member.startswith("serve")]
    failed = [each for each in samples if each.status != 200]
    unexcused = [
        each
        for each in failed
        if not any(each.due_at <= at <= each.due_at + each.took_ms / 1000 for at in kills)
    ]
    mixed = find_mixed(samples, rebuilds.year_of)
    took = [each.took_ms for each in samples if each.status == 200]
    OUT.print(
        f"{len(samples):,} requests: {len(failed)} failed, of which {len(unexcused)} were not under way when "
        f"a service was killed ({len(kills)} times); {len(mixed)} mixed; p50 {statistics.median(took):.1f}, "
        f"p99 {quantile(took, 0.99):.0f}, longest {max(took):.0f} ms",
        highlight=False,
    )
    states = Counter(f"{job['state']} at attempt {job['attempt']}" for job in rebuilds.ended)
    succeeded = [job["generation"] for job in rebuilds.ended if job["state"] == "succeeded"]
    OUT.print(
        f"{len(rebuilds.asked)} rebuilds asked for, {len(rebuilds.ended)} ended: "
        + ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        highlight=False,
    )
    swapped = list(live[1:])
    OUT.print(
        f"{len(swapped)} swaps, {len(set(swapped))} generations, "
        f"{'the same as' if swapped == succeeded else 'not those that'} succeeded",
        highlight=False,
    )
    for each in unexcused[:20]:
        before = [f"{one.action} {one.member} {each.due_at - one.at:.1f} s before" for one in events
                  if 0 <= each.due_at + each.took_ms / 1000 - one.at < BEFORE_S]  # fmt: skip
        OUT.print(f"  {each.status} after {each.took_ms:.0f} ms: {each.problem}", highlight=False)
        OUT.print(f"    {', '.join(before)}", highlight=False)
    for one in mixed[:5]:
        OUT.print(f"  {one}", highlight=False)
    for job in rebuilds.ended:
        if job["state"] != "succeeded":
            OUT.print(f"  {job['id']} {job['state']}: {job['reason']}", highlight=False)
    is_whole = len(rebuilds.ended) == len(rebuilds.asked) and swapped == succeeded
    return not unexcused and not mixed and is_whole


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40.0, help="Requests a second (default 40).")
    parser.add_argument("--cache-mb", type=int, default=0, help="Cache of each service (default none).")
    arguments = parser.parse_args()
    settings: Settings = read_settings()[0]
    with tempfile.TemporaryDirectory() as work, run_nodes(settings) as nodes:
        held = asyncio.run(run(nodes, arguments, Path(work)))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
