"""How much the service holds, for how long, and what it does with twice as much.

    python -m benchmarks.traffic                  # 60,000 synthetic people, half an hour of load
    python -m benchmarks.traffic --quick          # three minutes
    python -m benchmarks.traffic --capacity 494   # what was found to be the capacity is not looked for again

Load is open-loop: each request begins at its own time whether or not those before are answered, and is timed
from when it should have begun. Of a hundred, 80 suggest (first letters of a name), 15 search (misspelt), 4
ask for a profile and 1 matches five names; people are drawn anew for each, so that the cache helps as it does
in life. *Capacity* is the highest rate held without a shed request: found by halving an interval with short
tries, then by minutes up or down a tenth. Then 70 % of it for half an hour; then twice as much for 30 s, and
70 % again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import psutil
import uvloop
from rich.table import Table

from benchmarks.error_model import slip
from benchmarks.processes import environ_for, index_synthetic, remove_indexes, run_service
from benchmarks.runner import OUT, print_header, quantile
from benchmarks.wire import Wire
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.settings import read_settings

PREFIX = "benchmark-traffic"
TRY_S = 10.0
STEP = 1.1
# Elasticsearch compiles its own code first.
WARM_S, WARM_RATE = 90.0, 100.0
SHARE = 0.7
# What is late by that much at the end of a try is a queue that grows.
MAX_LATE_S = 0.5
GIVE_UP_S = 5.0


class Person(NamedTuple):
    """Somebody who is asked for."""

    nconst: str
    name: str


class Sample(NamedTuple):
    """One request that was answered, or was not (status 0)."""

    kind: str
    due_at: float
    took_ms: float
    status: int


class Mix:
    """Requests as apps make them."""

    def __init__(self, people: Sequence[Person], seed: int) -> None:
        self._people, self._rng = people, Random(seed)

    def draw(self) -> tuple[str, str, str, bytes]:
        """Return kind, method, target and body of the next request."""
        dice, person = self._rng.random(), self._rng.choice(self._people)
        if dice < 0.80:
            typed = person.name[: self._rng.randint(2, 10)].strip()
            return "suggest", "GET", f"/v1/actors/suggest?q={quote(typed)}", b""
        if dice < 0.95:
            return "search", "GET", f"/v1/actors/search?q={quote(self._misspell(person.name))}", b""
        if dice < 0.99:
            return "profile", "GET", f"/v1/actors/{person.nconst}", b""
        names = [self._misspell(each.name) for each in self._rng.sample(self._people, 5)]
        queries = [{"id": str(place), "name": name} for place, name in enumerate(names)]
        return "match", "POST", "/v1/actors/match", msgspec.json.encode({"queries": queries})

    def _misspell(self, name: str) -> str:
        return slip(name.lower(), self._rng) or name


async def flow(wire: Wire, mix: Mix, rate: float, span_s: float) -> list[Sample]:
    """Begin `rate` requests a second for `span_s`; return what became of them."""
    samples: list[Sample] = []
    pending: set[asyncio.Task[None]] = set()

    async def ask(due_at: float) -> None:
        kind, method, target, body = mix.draw()
        status = 0
        try:
            async with asyncio.timeout(GIVE_UP_S):
                status, _ = await wire.ask(method, target, body)
        except (OSError, TimeoutError):
            status = 0
        samples.append(Sample(kind, due_at, (time.perf_counter() - due_at) * 1000, status))

    begun = time.perf_counter()
    for number in range(int(rate * span_s)):
        due_at = begun + number / rate
        if (early_s := due_at - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        task = asyncio.create_task(ask(due_at))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    return samples


def is_held(samples: Sequence[Sample]) -> bool:
    """Whether all was answered, and no queue grew to the end."""
    last = sorted(samples, key=lambda each: each.due_at)[-max(1, len(samples) // 10) :]
    late_s = statistics.median(each.took_ms for each in last) / 1000
    return all(each.status == 200 for each in samples) and late_s < MAX_LATE_S


async def find_capacity(wire: Wire, mix: Mix, hold_s: float) -> float:
    """Return the highest rate that is held for `hold_s`, to a tenth."""
    low, high = 20.0, 20.0
    while is_held(await flow(wire, mix, high, TRY_S / 2)):
        low, high = high, high * 2
    while high / low > 1.05:
        middle = (low * high) ** 0.5
        held = is_held(await flow(wire, mix, middle, TRY_S))
        OUT.print(f"  {middle:.0f}/s {'held' if held else 'not held'}", style="dim", highlight=False)
        low, high = (middle, high) if held else (low, middle)
        await asyncio.sleep(1)
    # A try may have failed by a pause of the machine: upwards as long as it holds, else down until it does.
    rate, capacity = low, 0.0
    while True:
        is_kept = is_held(await flow(wire, mix, rate, hold_s))
        OUT.print(
            f"  {rate:.0f}/s {'held' if is_kept else 'not held'} for {hold_s:.0f} s",
            style="dim",
            highlight=False,
        )
        if not is_kept and capacity:
            return capacity
        rate, capacity = (rate * STEP, rate) if is_kept else (rate / STEP, 0.0)
        await asyncio.sleep(2)


def show(title: str, samples: Sequence[Sample]) -> None:
    """Print what became of the requests of each kind, and of all."""
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for column in (
        "",
        "requests",
        "answered",
        "shed",
        "failed",
        "p50 ms",
        "p95",
        "p99",
        "max",
        "p99 of shed",
    ):
        table.add_column(column, justify="right" if column else "left")
    for kind in ("suggest", "search", "profile", "match", "all"):
        part = [each for each in samples if kind in (each.kind, "all")]
        took = [each.took_ms for each in part if each.status == 200]
        shed = [each.took_ms for each in part if each.status == 503]
        counts = (len(part), len(took), len(shed), len(part) - len(took) - len(shed))
        figures = (quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99), max(took, default=0))
        table.add_row(
            kind,
            *(f"{each:,}" for each in counts),
            *(f"{each:.1f}" for each in figures),
            f"{quantile(shed, 0.99):.1f}" if shed else "",
        )
    OUT.print(table)


class Usage(NamedTuple):
    """What service and engine have used until now."""

    at: float
    service_cpu_s: float
    engine_cpu_s: float
    resident_mib: float
    """Of the service."""
    heap_mib: float
    """Of the engine, garbage included."""


async def read_usage(process: psutil.Process, cluster: Cluster) -> Usage:
    stats = await cluster.request("GET", "/_nodes/stats/process,jvm")
    nodes = stats["nodes"].values()
    cpu = process.cpu_times()
    return Usage(
        time.perf_counter(),
        cpu.user + cpu.system,
        sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1000,
        process.memory_info().rss / 2**20,
        sum(node["jvm"]["mem"]["heap_used_in_bytes"] for node in nodes) / 2**20,
    )


def show_usage(usages: Sequence[Usage], requests: int) -> None:
    """Print what a hundred requests a second take."""
    first, last = usages[0], usages[-1]
    for name, spent_s in (
        ("service", last.service_cpu_s - first.service_cpu_s),
        ("engine", last.engine_cpu_s - first.engine_cpu_s),
    ):
        OUT.print(f"  {name}: {spent_s / requests * 100:.2f} cores for 100 requests/s", highlight=False)
    heaps = sorted(each.heap_mib for each in usages)
    OUT.print(f"  engine: heap {heaps[0]:.0f} to {heaps[-1]:.0f} MiB, garbage included", highlight=False)


async def soak(
    wire: Wire, mix: Mix, rate: float, minutes: float, process: psutil.Process, cluster: Cluster
) -> tuple[list[Sample], list[Usage]]:
    """Return the samples, and what was used until the beginning and the end of each tenth."""
    samples: list[Sample] = []
    usages = [await read_usage(process, cluster)]
    for _ in range(10):
        samples += await flow(wire, mix, rate, minutes * 6)
        usages.append(await read_usage(process, cluster))
    return samples, usages


async def measure(
    wire: Wire,
    people: Sequence[Person],
    arguments: argparse.Namespace,
    process: psutil.Process,
    cluster: Cluster,
) -> bool:
    mix = Mix(people, 1)
    # Python looks through all samples now and then; a second of that would be told as one of the service.
    gc.disable()
    await flow(wire, mix, WARM_RATE, arguments.warm)
    if (capacity := arguments.capacity) is None:
        capacity = await find_capacity(wire, mix, arguments.hold)
        OUT.print(f"capacity {capacity:.0f} requests/s, held for {arguments.hold:.0f} s", highlight=False)
    samples, usages = await soak(wire, mix, SHARE * capacity, arguments.minutes, process, cluster)
    resident = [each.resident_mib for each in usages[1:]]
    show(f"{arguments.minutes:g} minutes at {SHARE:.0%} of it ({SHARE * capacity:.0f}/s)", samples)
    growth = resident[-1] / resident[2] - 1
    told = ", ".join(f"{each:.0f}" for each in resident)
    OUT.print(f"  resident MiB at each tenth: {told}; {growth:+.1%} from the third on", highlight=False)
    show_usage(usages, len(samples))
    p99 = quantile([each.took_ms for each in samples if each.status == 200], 0.99)
    failed = [each for each in samples if each.status != 200]
    over = await flow(wire, mix, 2 * capacity, 30)
    over_ended = time.perf_counter()
    show(f"30 s at twice of it ({2 * capacity:.0f}/s)", over)
    after = await flow(wire, mix, SHARE * capacity, 15)
    show("afterwards, at 70 % again", after)
    refused = [each.due_at - over_ended for each in after if each.status != 200]
    slow = [each.due_at - over_ended for each in after if each.took_ms > 100]
    recovered_s = max([0.0, *refused, *(each for each in slow if each < 5)])
    statuses = Counter(each.status for each in over)
    over_p99 = quantile([each.took_ms for each in over if each.status == 200], 0.99)
    checks = [
        ("no error at 70 %", not failed, f"{len(failed)} of {len(samples):,}"),
        ("memory flat within 5 %", abs(growth) <= 0.05, f"{growth:+.1%}"),
        ("p99 under 100 ms at 70 %", p99 < 100, f"{p99:.1f} ms"),
        ("answered p99 under 500 ms at twice", over_p99 < 500, f"{over_p99:.1f} ms"),
        ("the rest gets 503", set(statuses) <= {200, 503}, str(dict(statuses))),
        ("recovered within 5 s", recovered_s < 5, f"{recovered_s:.1f} s"),
    ]
    for name, holds, figure in checks:
        OUT.print(f"  {'holds' if holds else 'FAILS'}  {name}: {figure}", highlight=False)
    return all(holds for _, holds, _ in checks)


async def run(endpoint: Endpoint, arguments: argparse.Namespace, work: Path) -> bool:
    environ = environ_for(endpoint, PREFIX, work / "home", MARQUEE_PEOPLE="everyone")
    async with Cluster(endpoint) as cluster:
        await index_synthetic(cluster, environ, work / "data", arguments.people)
        print_header(
            "Traffic",
            f"{arguments.people:,} synthetic people, everyone indexed",
            await cluster.version(),
            ("litestar", "uvicorn", "uvloop"),
        )
        body = {"size": 10_000, "_source": ["name"], "query": {"match_all": {}}}
        (found,) = await cluster.search_many([(f"{PREFIX}-actors", body)], dict[str, str], 30)
        people = [Person(hit.id, hit.source["name"]) for hit in found]
        with run_service(environ) as url:
            children = psutil.Process().children(recursive=True)
            process = next(each for each in children if "serve" in each.cmdline())
            wire = Wire(url)
            passed = await measure(wire, people, arguments, process, cluster)
            wire.close()
        await remove_indexes(cluster, PREFIX)
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--minutes", type=float, default=30, help="Of load at 70 %% (default 30).")
    parser.add_argument("--hold", type=float, default=60, help="Seconds capacity is held (default 60).")
    parser.add_argument("--warm", type=float, default=WARM_S, help="Seconds of load beforehand (default 90).")
    parser.add_argument("--capacity", type=float, help="Requests per second (default: looked for).")
    parser.add_argument("--quick", action="store_true", help="10,000 people, 2 minutes, 15 s, 20 s.")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.people, arguments.minutes, arguments.hold, arguments.warm = 10_000, 2.0, 15.0, 20.0
    settings, _ = read_settings()
    with tempfile.TemporaryDirectory() as work, open_endpoint(settings) as endpoint:
        passed = uvloop.run(run(endpoint, arguments, Path(work)))
    raise SystemExit(0 if passed else 1)


if __name__ == "__main__":
    main()
