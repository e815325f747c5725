"""Searches while generations are built, swapped and rolled back, at a fixed open-loop rate.

    python -m benchmarks.swaps           # 60,000 people, ten rebuilds, three rollbacks, a worker's crash

Capacity is what sixteen clients get in a closed loop; then requests begin at 40 % of that, each at its own
time whether or not the ones before are answered, and are timed from when they should have begun. Four in
five are suggests of a name's first letters, one is a search, misspelt. In each build all people have another
birth year, so that an answer tells by every hit which generation it came from: one with hits of two, or of
another than it says, is a mixed one. Machines drift: so there are quiet seconds before every rebuild, and
each is compared with its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec
import psutil
from rich.table import Table

from benchmarks.error_model import slip
from benchmarks.processes import (
    ADMIN_TOKEN,
    environ_for,
    kill_tree,
    remove_indexes,
    run_service,
    start_worker,
)
from benchmarks.runner import OUT, print_header, quantile
from marquee.catalog.synth import synthesise
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.settings import read_settings

PREFIX = "benchmark-swaps"
CLIENTS = 16
SHARE_OF_CAPACITY = 0.4
FIRST_YEAR = 1900
HEADERS = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    people: int = 60_000
    rebuilds: int = 10
    rollbacks: int = 3
    quiet_s: float = 30.0
    """Before each rebuild."""
    capacity_s: float = 15.0
    """To warm up, and again to measure the capacity."""
    crash: bool = True
    """Whether the worker of the middle rebuild is killed."""


class Sample(msgspec.Struct, frozen=True):
    """One answered request."""

    due_at: float
    took_ms: float
    status: int
    generation: str
    years: tuple[int | None, ...]
    problem: str = ""
    """What came instead of an answer."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """All answers, when what happened, and what is needed to judge them."""

    samples: list[Sample]
    spans: dict[str, list[tuple[float, float]]]
    """`quiet` and `reindex` are pairs, one for each rebuild."""
    year_of: dict[str, int]
    """The birth year of everybody in each generation."""
    rollbacks: list[float]
    """Seconds."""

    @property
    def failed(self) -> list[Sample]:
        """What was answered with anything but 200."""
        return [each for each in self.samples if each.status != 200]

    @property
    def ratios(self) -> list[float]:
        """Return the p99 of each rebuild to that of the quiet seconds before it."""
        return [
            quantile(within(self.samples, [during]), 0.99) / quantile(within(self.samples, [before]), 0.99)
            for before, during in zip(self.spans["quiet"], self.spans["reindex"], strict=True)
        ]


class Traffic:
    """Asks the service, and keeps what came back."""

    def __init__(self, names: Sequence[str], *urls: str) -> None:
        self._urls, self._rng = urls, Random(1)
        self._names = names
        self.samples: list[Sample] = []

    def _make_path(self) -> tuple[str, dict[str, str]]:
        name = self._rng.choice(self._names)
        if self._rng.random() < 0.8:
            return "/v1/actors/suggest", {"q": name[: self._rng.randint(3, 10)]}
        return "/v1/actors/search", {"q": slip(name.lower(), self._rng) or name}

    async def ask(self, session: aiohttp.ClientSession, due_at: float) -> None:
        path, params = self._make_path()
        status, generation, years = 0, "", ()  # type: tuple[int, str, tuple[int | None, ...]]
        problem = ""
        try:
            url = self._rng.choice(self._urls)
            async with session.get(url + path, params=params) as response:
                status, body = response.status, await response.read()
            if status == 200:
                answer = msgspec.json.decode(body)
                generation = answer["generation"]
                found = answer.get("hits", answer.get("suggestions", []))
                years = tuple(sorted({each["birth_year"] for each in found}))
            else:
                problem = body[:200].decode(errors="replace")
        except aiohttp.ClientError as error:
            status, problem = 0, repr(error)
        took_ms = (time.perf_counter() - due_at) * 1000
        self.samples.append(Sample(due_at, took_ms, status, generation, years, problem))

    async def measure_capacity(self, session: aiohttp.ClientSession, seconds: float) -> float:
        """Return the requests per second that CLIENTS clients get, each asking again at once."""
        until = time.perf_counter() + seconds

        async def ask_on() -> None:
            while (now := time.perf_counter()) < until:
                await self.ask(session, now)

        await asyncio.gather(*(ask_on() for _ in range(CLIENTS)))
        return len(self.samples) / seconds

    async def flow(self, session: aiohttp.ClientSession, rate: float) -> None:
        """Begin `rate` requests a second until cancelled."""
        begun, number = time.perf_counter(), 0
        pending: set[asyncio.Task[None]] = set()
        while True:
            number += 1
            due_at = begun + number / rate
            await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
            task = asyncio.create_task(self.ask(session, due_at))
            pending.add(task)
            task.add_done_callback(pending.discard)


class Operator:
    """Does what an operator does, over HTTP."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session
        self.stages: list[tuple[float, str]] = []
        """What a rebuild did from when on."""

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self._url + path, json=body, headers=HEADERS) as response:
            answer = await response.json(content_type=None)
            assert response.status < 300, answer
            return answer

    async def rebuild(self) -> str:
        """Ask for a rebuild of the live generation's folder; return the job's id."""
        job = await self._call("POST", "/v1/admin/jobs", {"kind": "reindex", "source": "live"})
        return str(job["id"])

    async def wait(self, job_id: str) -> dict[str, Any]:
        """Return a job once it has ended; its stages are noted on the way."""
        while True:
            job: dict[str, Any] = await self._call("GET", f"/v1/admin/jobs/{job_id}")
            self.stages.append((time.perf_counter(), job["stage"] or "between stages"))
            if job["ended_at"] is not None:
                return job
            await asyncio.sleep(0.25)

    async def roll_back(self) -> float:
        """Activate the generation before the live one; return the seconds it took."""
        listed = (await self._call("GET", "/v1/admin/generations"))["generations"]
        older = next(each for each in listed if not each["live"] and each["complete"])
        began = time.perf_counter()
        await self._call("POST", f"/v1/admin/generations/{older['id']}/activate", {"reason": "benchmark"})
        return time.perf_counter() - began


def pack_year(lines: Sequence[bytes], year: int) -> bytes:
    """Return the file in which everybody has another birth year: another source, and other documents."""
    rows = [lines[0]]
    for line in lines[1:]:
        fields = line.split(b"\t")
        fields[2], fields[3] = str(year).encode(), rb"\N"
        rows.append(b"\t".join(fields))
    return gzip.compress(b"\n".join(rows) + b"\n", 1)


async def run(endpoint: Endpoint, plan: Plan, work: Path, prefix: str = PREFIX) -> Outcome:
    """Make data, index them, and measure; every index of the prefix is deleted before and after."""
    folder, home = work / "data", work / "home"
    synthesise(folder, plan.people, seed=1)
    packed = (folder / "name.basics.tsv.gz").read_bytes()
    lines = gzip.decompress(packed).rstrip(b"\n").split(b"\n")
    names = [line.split(b"\t")[1].decode() for line in lines[1:]]
    # Without the cache: it is empty after every swap, and a capacity measured with a warm one is another.
    environ = environ_for(endpoint, prefix, home, MARQUEE_PEOPLE="everyone", MARQUEE_CACHE_SIZE_MB="0")
    async with Cluster(endpoint) as cluster:
        await remove_indexes(cluster, prefix)
        print_header(
            "Searches across swaps",
            f"{plan.people:,} synthetic people, everyone indexed",
            await cluster.version(),
        )
        years = [pack_year(lines, FIRST_YEAR + number) for number in range(plan.rebuilds + 1)]
        (folder / "name.basics.tsv.gz").write_bytes(years[0])
        command = ["reindex", "--data", str(folder)]
        subprocess.run([sys.executable, "-m", "marquee", *command], env=environ, check=True)  # noqa: ASYNC221
        year_of = {str(await generations.resolve(cluster, prefix)): FIRST_YEAR}
        workers = [start_worker(environ), start_worker(environ)]
        try:
            with run_service(environ) as url:
                return await measure(plan, url, folder, years, names, year_of, workers, environ)
        finally:
            for each in workers:
                kill_tree(each)
            await remove_indexes(cluster, prefix)


async def measure(
    plan: Plan,
    url: str,
    folder: Path,
    years: Sequence[bytes],
    names: Sequence[str],
    year_of: dict[str, int],
    workers: list[Any],
    environ: dict[str, str],
) -> Outcome:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, aiohttp.ClientSession() as admin:
        operator = Operator(url, admin)
        warming = Traffic(names, url)
        await warming.measure_capacity(session, plan.capacity_s)
        capacity_meter = Traffic(names, url)
        capacity = await capacity_meter.measure_capacity(session, plan.capacity_s)
        rate = SHARE_OF_CAPACITY * capacity
        OUT.print(f"capacity {capacity:.0f} requests/s; asked at {rate:.0f} requests/s", highlight=False)
        traffic = Traffic(names, url)
        flowing = asyncio.create_task(traffic.flow(session, rate))
        spans: dict[str, list[tuple[float, float]]] = {"quiet": [], "reindex": []}
        rollbacks: list[float] = []
        for number in range(1, plan.rebuilds + 1):
            (folder / "name.basics.tsv.gz").write_bytes(years[number])
            quiet_from = time.perf_counter()
            await asyncio.sleep(plan.quiet_s)
            spans["quiet"].append((quiet_from, time.perf_counter()))
            began = time.perf_counter()
            job_id = await operator.rebuild()
            crashes = plan.crash and number == (plan.rebuilds + 1) // 2
            if crashes:
                await asyncio.sleep(8)
                for each in list(workers):  # whichever has the job: the other one goes on
                    if find_rebuild(each):
                        kill_tree(each)
                        workers.remove(each)
                        workers.append(start_worker(environ))
            job = await operator.wait(job_id)
            assert job["state"] == "succeeded", job
            year_of[job["generation"]] = FIRST_YEAR + number
            spans["reindex"].append((began, time.perf_counter()))
            note = f", attempt {job['attempt']}: its worker was killed" if crashes else ""
            OUT.print(
                f"rebuild {number}: {time.perf_counter() - began:.1f} s{note}", style="dim", highlight=False
            )
            if len(rollbacks) < plan.rollbacks and number % (plan.rebuilds // plan.rollbacks) == 0:
                began = time.perf_counter()
                rollbacks.append(await operator.roll_back())
                await asyncio.sleep(3)
                spans.setdefault("rolled back", []).append((began, time.perf_counter()))
        flowing.cancel()
        await asyncio.sleep(2)
    for begin, end in spans["reindex"]:
        add_stages(spans, operator.stages, begin, end)
    return Outcome(samples=traffic.samples, spans=spans, year_of=year_of, rollbacks=rollbacks)


def add_stages(
    spans: dict[str, list[tuple[float, float]]],
    stages: Sequence[tuple[float, str]],
    begin: float,
    end: float,
) -> None:
    """Add the parts of a rebuild that each stage took, as far as asking four times a second tells."""
    within = [(at, stage) for at, stage in stages if begin <= at <= end]
    for (at, stage), (until, _) in pairwise(within):
        spans.setdefault(f"  {stage}", []).append((at, until))


def find_rebuild(worker: Any) -> bool:
    return bool(psutil.Process(worker.pid).children())


def find_mixed(samples: Sequence[Sample], year_of: dict[str, int]) -> list[Sample]:
    """Return the answers with hits of another generation than they say."""
    return [
        each
        for each in samples
        if each.status == 200 and each.years and each.years != (year_of.get(each.generation),)
    ]


def within(samples: Sequence[Sample], parts: Sequence[tuple[float, float]]) -> list[float]:
    """Return the milliseconds of what was to begin in the parts."""
    return [each.took_ms for each in samples if any(begin <= each.due_at <= end for begin, end in parts)]


def report(outcome: Outcome) -> bool:
    """Print what became of the requests; return whether none failed and none was mixed."""
    samples, spans, failed = outcome.samples, outcome.spans, outcome.failed
    mixed = find_mixed(samples, outcome.year_of)
    table = Table(box=None, header_style="dim")
    for column in ("", "requests", "p50 ms", "p95", "p99", "max", "p99 ratio"):
        table.add_column(column, justify="right" if column else "left")
    quiet_p99 = 0.0
    for name, parts in spans.items():
        took = within(samples, parts)
        if not took:
            continue
        p99 = quantile(took, 0.99)
        quiet_p99 = quiet_p99 or p99
        figures = (statistics.median(took), quantile(took, 0.95), p99, max(took))
        table.add_row(name, f"{len(took):,}", *(f"{each:.1f}" for each in figures), f"{p99 / quiet_p99:.2f}")
    OUT.print(table)
    ratios = sorted(outcome.ratios)
    OUT.print(
        f"p99 of each rebuild to the quiet seconds before it: median {statistics.median(ratios):.2f}, "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
        highlight=False,
    )
    told = ", ".join(f"{each:.2f}" for each in outcome.rollbacks)
    OUT.print(
        f"{len(samples):,} requests, {len(failed)} failed, {len(mixed)} mixed, "
        f"{len(outcome.year_of)} generations; seconds to roll back: {told}",
        highlight=False,
    )
    for each in (*failed[:5], *mixed[:5]):
        OUT.print(f"  {each}", highlight=False)
    return not failed and not mixed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--rebuilds", type=int, default=10)
    parser.add_argument("--rollbacks", type=int, default=3)
    parser.add_argument("--quiet", type=float, default=30, help="Quiet seconds before each.")
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with tempfile.TemporaryDirectory() as work, open_endpoint(settings) as endpoint:
        plan = Plan(
            people=arguments.people,
            rebuilds=arguments.rebuilds,
            rollbacks=arguments.rollbacks,
            quiet_s=arguments.quiet,
        )
        passed = report(asyncio.run(run(endpoint, plan, Path(work))))
    raise SystemExit(0 if passed else 1)


if __name__ == "__main__":
    main()
