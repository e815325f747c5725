"""How much of the engine's own bulk rate the load stage reaches.

The same ready-made bytes go into the same index definition with the same number of requests in flight: once
through `engine.loading`, once through a bare loop around aiohttp.

    python -m benchmarks.load --people 200000

With --sweep, what each choice of the load stage is worth, against its defaults.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks.processes import remove_indexes
from benchmarks.runner import OUT, interleave, print_figures, print_header
from marquee.catalog.assemble import assemble
from marquee.catalog.encoding import encode_actors
from marquee.catalog.synth import synthesise
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.engine.loading import REQUESTS_IN_FLIGHT, Chunk, load
from marquee.settings import Settings, read_settings

PREFIX = "benchmark-load"


class Target:
    """An engine and the bytes to load; each run gets a new, empty generation."""

    def __init__(self, cluster: Cluster, settings: Settings, chunks: list[Chunk]) -> None:
        self.cluster, self.settings, self.chunks = cluster, settings, chunks
        self.documents = sum(count for _, count in chunks)

    async def clear(self) -> None:
        await remove_indexes(self.cluster, PREFIX)

    async def prepare(self, changed: dict[str, str] | None = None) -> tuple[str, str]:
        """Create empty indexes; return the name of the actors' and of the alias to load through."""
        await self.clear()
        generation = generations.new_id([])
        await generations.create(self.cluster, PREFIX, generation, self.settings.shards)
        index = generations.index_name(PREFIX, "actors", generation)
        if changed:
            await self.cluster.request("PUT", f"/{index}/_settings", body={"index": changed})
        return index, generations.loading_alias(PREFIX, "actors", generation)

    async def load(
        self, in_flight: int = REQUESTS_IN_FLIGHT, merge: int = 1, changed: dict[str, str] | None = None
    ) -> float:
        """Load through Marquee, `merge` chunks in one request; return documents per second."""
        _, alias = await self.prepare(changed)
        groups = [self.chunks[at : at + merge] for at in range(0, len(self.chunks), merge)]
        chunks = [(b"".join(body for body, _ in group), sum(n for _, n in group)) for group in groups]
        started = time.perf_counter()
        await load(self.cluster, alias, iter(chunks), lambda _: None, in_flight)
        return self.documents / (time.perf_counter() - started)

    async def load_bare(self, bare: aiohttp.ClientSession) -> float:
        """Load with nothing but a loop around `_bulk`; return documents per second."""
        index, _ = await self.prepare()
        rest = iter(self.chunks)
        started = time.perf_counter()

        async def run_lane() -> None:
            for body, _ in rest:
                headers = {"content-type": "application/x-ndjson"}
                async with bare.post(f"/{index}/_bulk", data=body, headers=headers) as response:
                    answer = await response.json()
                    assert not answer["errors"]

        await asyncio.gather(*(run_lane() for _ in range(REQUESTS_IN_FLIGHT)))
        return self.documents / (time.perf_counter() - started)


async def run(
    arguments: argparse.Namespace, settings: Settings, endpoint: Endpoint, chunks: list[Chunk]
) -> None:
    headers = {}
    if endpoint.username:
        headers["Authorization"] = aiohttp.encode_basic_auth(endpoint.username, endpoint.password)
    async with Cluster(endpoint) as cluster, aiohttp.ClientSession(endpoint.urls[0], headers=headers) as bare:
        target = Target(cluster, settings, chunks)
        size_mb = sum(len(body) for body, _ in chunks) / 1e6
        print_header(
            "Load stage against a bare _bulk loop",
            f"{target.documents:,} synthetic people, {size_mb:,.0f} MB in {len(chunks)} requests, "
            f"{REQUESTS_IN_FLIGHT} in flight, {arguments.repetitions} interleaved repetitions",
            await cluster.version(),
            ("elasticsearch", "aiohttp"),
        )
        candidates = {"bare loop": lambda: target.load_bare(bare), "marquee": target.load}
        if arguments.sweep:
            candidates |= {
                "1 request in flight": partial(target.load, in_flight=1),
                "2 requests in flight": partial(target.load, in_flight=2),
                "6 requests in flight": partial(target.load, in_flight=6),
                "chunks 4 times as large": partial(target.load, merge=4),
                "refresh every second": partial(target.load, changed={"refresh_interval": "1s"}),
                "async translog": partial(target.load, changed={"translog.durability": "async"}),
            }
        figures = await interleave(candidates, arguments.repetitions)
        print_figures(figures, "docs/s", "marquee" if arguments.sweep else "bare loop")
        await target.clear()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--sweep", action="store_true", help="What each choice is worth.")
    arguments = parser.parse_args()
    settings, _ = read_settings(people="everyone")
    with tempfile.TemporaryDirectory() as name, open_endpoint(settings) as endpoint:
        OUT.print("making the data …", style="dim")
        folder = Path(name)
        synthesise(folder / "files", arguments.people, seed=1)
        assembly = assemble(folder / "files", settings, folder / "work")
        chunks = list(encode_actors(assembly.actor_files))
        asyncio.run(run(arguments, settings, endpoint, chunks))


if __name__ == "__main__":
    main()
