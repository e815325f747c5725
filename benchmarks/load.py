"""How much of the engine's own bulk rate the load stage reaches.

The same ready-made bytes go into the same index definition with the same number of requests in flight: once
through `engine.loading`, once through a bare loop around aiohttp.

    python -m benchmarks.load --people 200000
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from itertools import chain
from pathlib import Path

import aiohttp

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


async def compare(settings: Settings, endpoint: Endpoint, chunks: list[Chunk], repetitions: int) -> None:
    total = sum(count for _, count in chunks)
    auth = aiohttp.BasicAuth(endpoint.username, endpoint.password) if endpoint.username else None
    async with Cluster(endpoint) as cluster, aiohttp.ClientSession(endpoint.urls[0], auth=auth) as bare:

        async def prepare() -> str:
            for each in await generations.list_generations(cluster, PREFIX):
                await generations.delete(cluster, PREFIX, each.id)
            generation = generations.new_id([])
            await generations.create(cluster, PREFIX, generation, settings.shards)
            return generations.index_name(PREFIX, "actors", generation)

        async def load_with_marquee() -> float:
            index = await prepare()
            started = time.perf_counter()
            await load(cluster, index, iter(chunks), lambda _: None)
            return total / (time.perf_counter() - started)

        async def load_bare() -> float:
            index = await prepare()
            rest = iter(chunks)
            started = time.perf_counter()

            async def run_lane() -> None:
                for body, _ in rest:
                    headers = {"content-type": "application/x-ndjson"}
                    async with bare.post(f"/{index}/_bulk", data=body, headers=headers) as response:
                        answer = await response.json()
                        assert not answer["errors"]

            await asyncio.gather(*(run_lane() for _ in range(REQUESTS_IN_FLIGHT)))
            return total / (time.perf_counter() - started)

        size_mb = sum(len(body) for body, _ in chunks) / 1e6
        print_header(
            "Load stage against a bare _bulk loop",
            f"{total:,} synthetic people, {size_mb:,.0f} MB, {len(chunks)} requests, "
            f"{REQUESTS_IN_FLIGHT} in flight, {repetitions} interleaved repetitions",
            await cluster.version(),
            ("elasticsearch", "aiohttp"),
        )
        figures = await interleave({"bare loop": load_bare, "marquee": load_with_marquee}, repetitions)
        print_figures(figures, "docs/s", "bare loop")
        for each in await generations.list_generations(cluster, PREFIX):
            await generations.delete(cluster, PREFIX, each.id)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    settings, _ = read_settings(people="everyone")
    with tempfile.TemporaryDirectory() as name, open_endpoint(settings) as endpoint:
        OUT.print("making the data …", style="dim")
        folder = Path(name)
        synthesise(folder / "files", arguments.people, seed=1)
        assembly = assemble(folder / "files", settings, folder / "work")
        chunks = list(chain(encode_actors(assembly.actor_files)))
        asyncio.run(compare(settings, endpoint, chunks, arguments.repetitions))


if __name__ == "__main__":
    main()
