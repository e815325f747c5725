"""Kills of workers and rebuilds, at every point of a reindex and at random moments.

    python -m benchmarks.crashes --runs 50 --seed 1

Each run asks for a reindex of a changed source and kills the worker, its rebuild, or both with SIGKILL: at
one of the points (each stage's begin; before and after the indexes are created and completed, the aliases
swapped, the metadata written), or after a random time. Then another worker starts. It must hold that the
aliases resolve to one complete set at any time, that the job ends, that the next reindex succeeds, and that
after it nothing is left that was not finished.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import psutil

from benchmarks.processes import environ_for, kill_tree, remove_indexes, start_worker
from benchmarks.runner import OUT, print_header
from marquee.catalog.synth import synthesise
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.engine.mappings import KINDS
from marquee.engine.records import Records
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.settings import read_settings

PREFIX = "benchmark-crashes"
FAULTS = Path(__file__).parents[1] / "tests" / "faults"
TTL_S = 2.0
END_TIMEOUT_S = 90.0
POINTS = (
    "reading name.basics", "reading title.principals", "joining titles", "joining people", "joining casts",
    "keys of tokens", "before create", "after create", "index actors", "index titles", "index tokens",
    "refresh and check", "before complete", "after complete", "canaries", "before meta", "after meta",
    "before swap", "after swap",
)  # fmt: skip


class Fault(msgspec.Struct, frozen=True):
    """Who is killed, and when: at a point, or after some seconds."""

    whom: str
    point: str = ""
    after_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.whom} {self.point or f'after {self.after_s:.2f} s'}"


def draw_faults(runs: int, seed: int) -> list[Fault]:
    """Return every point once with each victim in turn, then random moments; shuffled."""
    rng = Random(seed)
    victims = ("rebuild", "worker", "both")
    faults = [Fault(victims[n % 3], point=point) for n, point in enumerate(POINTS)][:runs]
    while len(faults) < runs:
        faults.append(Fault(rng.choice(victims), after_s=rng.uniform(0.1, 5.0)))
    rng.shuffle(faults)
    return faults


async def check_live(cluster: Cluster) -> None:
    """Check that the aliases resolve to one complete set."""
    # In one request: of two, each may see another side of a swap.
    path = "/" + ",".join(generations.alias(PREFIX, kind) for kind in KINDS)
    indexes = await cluster.request("GET", path, params={"features": "aliases"})
    holders = [generations.parse_index_name(PREFIX, index) for index in indexes]
    assert len(holders) == len(KINDS), holders
    assert len({each[1] for each in holders if each}) == 1, f"a mixed set: {holders}"
    live = await generations.find_live(cluster, PREFIX)
    assert live is not None
    assert live.complete
    assert live.meta is not None
    for kind in KINDS:  # kept for a while after the next swap: it can be counted whatever happens meanwhile
        index = generations.index_name(PREFIX, kind, live.id)
        count = (await cluster.request("GET", f"/{index}/_count"))["count"]
        assert count == live.meta.counts[kind], f"{index}: {count} documents"


async def wait_for_end(jobs: Jobs, job_id: str, cluster: Cluster) -> Job:
    until = time.monotonic() + END_TIMEOUT_S
    while not (job := await jobs.get(job_id)).has_ended:
        assert time.monotonic() < until, f"did not end: {job}"
        await check_live(cluster)
        await asyncio.sleep(0.2)
    return job


def change_source(folder: Path, number: int) -> None:
    """Give the source one more person, and so another fingerprint."""
    with gzip.open(folder / "name.basics.tsv.gz", "ab") as file:
        file.write(f"nm9{number:07}\tNew Person {number}\t\\N\t\\N\tactor\t\\N\n".encode())


async def run_one(
    fault: Fault, number: int, folder: Path, environ: dict[str, str], jobs: Jobs, cluster: Cluster
) -> str:
    """Do one run; return how the job ended that was struck."""
    await asyncio.to_thread(change_source, folder, number)
    hook = (
        {"PYTHONPATH": str(FAULTS), "FAULT_AT": fault.point, "FAULT_KILL": fault.whom} if fault.point else {}
    )
    victim = start_worker(environ | hook)
    job = await jobs.request(JobRequest(source="folder", location=str(folder)), "benchmark")
    try:
        if fault.point:
            until = time.monotonic() + END_TIMEOUT_S
            while not (await jobs.get(job.id)).has_ended and victim.poll() is None:
                assert time.monotonic() < until, "the fault never struck"
                await asyncio.sleep(0.1)
        else:
            await asyncio.sleep(1.0 + fault.after_s)
            strike(victim.pid, fault.whom)
        await check_live(cluster)
    finally:
        victim.kill()
        victim.wait()
    other = start_worker(environ)
    try:
        struck = await wait_for_end(jobs, job.id, cluster)
        assert struck.state in ("succeeded", "failed"), struck
        await asyncio.to_thread(change_source, folder, 1000 + number)
        following = await jobs.request(JobRequest(source="folder", location=str(folder)), "benchmark")
        ended = await wait_for_end(jobs, following.id, cluster)
        assert ended.state == "succeeded", ended
        await check_live(cluster)
    finally:
        kill_tree(other)
    left = await generations.list_generations(cluster, PREFIX)
    assert [each.id for each in left if each.live] == [ended.generation]
    assert all(each.complete and each.set_aside != "unjudged" for each in left), left
    assert len(left) <= 3, [each.id for each in left]
    return f"{struck.state}, attempt {struck.attempt}"


def strike(pid: int, whom: str) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        worker = psutil.Process(pid)
        children = worker.children()
        if whom in ("worker", "both"):
            worker.kill()
        if whom in ("rebuild", "both"):
            for each in children:
                each.kill()


async def run(endpoint: Endpoint, runs: int, seed: int, people: int, work: Path) -> None:
    folder = work / "data"
    synthesise(folder, people, seed=1)
    environ = environ_for(endpoint, PREFIX, work / "home", MARQUEE_LEASE_TTL_S=str(TTL_S))
    async with Cluster(endpoint) as cluster:
        await remove_indexes(cluster, PREFIX)
        data = f"{people:,} synthetic people, {runs} runs, seed {seed}"
        print_header("Kills at every point of a reindex", data, await cluster.version())
        jobs = Jobs(Records(cluster, PREFIX))
        first = start_worker(environ)
        job = await jobs.request(JobRequest(source="folder", location=str(folder)), "benchmark")
        until = time.monotonic() + END_TIMEOUT_S
        while not (await jobs.get(job.id)).has_ended:
            assert time.monotonic() < until, "the first reindex did not end"
            await asyncio.sleep(0.2)
        kill_tree(first)
        outcomes: Counter[str] = Counter()
        for number, fault in enumerate(draw_faults(runs, seed), 1):
            began = time.monotonic()
            outcome = await run_one(fault, number, folder, environ, jobs, cluster)
            outcomes[outcome] += 1
            took_s = time.monotonic() - began
            OUT.print(f"{number:3} {fault!s:<34}{outcome:<24}{took_s:5.1f} s", style="dim", highlight=False)
        await remove_indexes(cluster, PREFIX)
    told = "; ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    OUT.print(f"{runs} runs held. The struck jobs: {told}", highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=2_000)
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with tempfile.TemporaryDirectory() as work, open_endpoint(settings) as endpoint:
        asyncio.run(run(endpoint, arguments.runs, arguments.seed, arguments.people, Path(work)))


if __name__ == "__main__":
    main()
