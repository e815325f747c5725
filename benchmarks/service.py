"""What the service adds to the engine, and what a cached answer costs, as ratios in one run.

    python -m benchmarks.service                # 60,000 synthetic people
    python -m benchmarks.service --quick

*Overhead*, the cache off: a suggest that takes one request to the engine, asked of the service, against the
very bytes of that request sent to Elasticsearch by a bare aiohttp client, which throws the answer away; what
is sent is encoded beforehand on either side. Two minutes of load come first: while Elasticsearch compiles its
own code, it is slow, which makes the service's share look smaller than it stays. One client: medians in turn.
Sixteen clients: requests per second, a second of each in turn.

*Cached*: the same suggest asked again and again, against a bare Litestar handler that returns the same bytes,
in a process of its own with the same server. Sixteen clients, a second of each in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from urllib.parse import quote

import aiohttp
import msgspec
from rich.table import Table
from yarl import URL

from benchmarks.processes import environ_for, index_synthetic, remove_indexes, run_service
from benchmarks.runner import OUT, print_header
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.names import normalise
from marquee.search import query
from marquee.settings import read_settings

PREFIX = "benchmark-service"
CLIENTS = 16
LIMIT = 8
Asked = Callable[[str], Awaitable[None]]

_BARE = """
import sys, uvicorn
from litestar import Litestar, Response, get

CONTENT = sys.stdin.buffer.read()

@get("/v1/actors/suggest")
async def suggest() -> Response[bytes]:
    return Response(CONTENT, media_type="application/json")

uvicorn.run(
    Litestar([suggest], openapi_config=None), port=int(sys.argv[1]), log_level="warning", access_log=False
)
"""


def encode_suggest(prefix: str, q: str) -> bytes:
    """Return the body of the service's first request for a suggest, byte for byte."""
    limit = {"timeout": "2000ms"}
    bodies = next(query.build_suggest(normalise(q), LIMIT)).values()
    lines = [line for body in bodies for line in ({"index": f"{prefix}-actors"}, limit | body)]
    return msgspec.json.Encoder().encode_lines(lines)


@contextlib.contextmanager
def run_bare(content: bytes) -> Iterator[str]:
    """Run a bare Litestar handler that returns `content`; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", _BARE, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(content)
        process.stdin.close()
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def ask_service(session: aiohttp.ClientSession, url: str) -> Asked:
    @cache
    def encode(q: str) -> URL:
        return URL(f"{url}/v1/actors/suggest?q={quote(q)}", encoded=True)

    async def ask(q: str) -> None:
        async with session.get(encode(q)) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    return ask


def ask_engine(session: aiohttp.ClientSession, url: str, bodies: dict[str, bytes]) -> Asked:
    headers = {"Content-Type": "application/x-ndjson"}

    async def ask(q: str) -> None:
        async with session.post(f"{url}/_msearch", data=bodies[q], headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    return ask


async def take_turns(questions: Sequence[str], sides: Sequence[Asked]) -> list[float]:
    """Ask each question of either side in turn, by one client; return the medians in milliseconds."""
    took: list[list[float]] = [[] for _ in sides]
    for place, question in enumerate(questions):
        for side in (range(len(sides)), reversed(range(len(sides))))[place % 2]:
            started = time.perf_counter()
            await sides[side](question)
            took[side].append((time.perf_counter() - started) * 1000)
    return [statistics.median(each) for each in took]


async def measure_rate(ask: Asked, questions: Sequence[str], span_s: float) -> float:
    """Return the requests per second of CLIENTS clients that ask again as soon as they are answered."""
    until, answered = time.perf_counter() + span_s, 0
    rng = Random(1)

    async def ask_on() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            await ask(rng.choice(questions))
            answered += 1

    began = time.perf_counter()
    await asyncio.gather(*(ask_on() for _ in range(CLIENTS)))
    return answered / (time.perf_counter() - began)


async def compare_rates(
    sides: Sequence[Asked], questions: Sequence[str], rounds: int
) -> tuple[list[float], list[float]]:
    """Return the rates of two sides, a second of each in turn."""
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for side in (0, 1) if number % 2 else (1, 0):
            rate = await measure_rate(sides[side], questions, 1.0)
            if number:  # the first round warms up
                rates[side].append(rate)
    return rates


async def pick_single(session: aiohttp.ClientSession, url: str, questions: Sequence[str]) -> list[str]:
    """Return the questions that the service answers with one request to the engine."""
    picked = []
    for question in questions:
        async with session.get(f"{url}/v1/actors/suggest", params={"q": question}) as answer:
            found = (await answer.json())["suggestions"]
        key = normalise(question)
        # Settled by its first request: the list is full of names that begin like what was typed.
        if len(found) == LIMIT and all(normalise(each["name"]).startswith(key) for each in found):
            picked.append(question)
    return picked


def show(
    title: str, sides: tuple[str, str], name: str, first: Sequence[float], second: Sequence[float]
) -> None:
    """Print a measure's two figures, and their ratio pair by pair (first by second)."""
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for column in ("", *sides, "ratio", "min", "max"):
        table.add_column(column, justify="right" if column else "left")
    ratios = [one / other for one, other in zip(first, second, strict=True)]
    figures = [statistics.median(first), statistics.median(second)]
    told = [statistics.median(ratios), min(ratios), max(ratios)]
    table.add_row(name, *(f"{each:,.2f}" for each in (*figures, *told)))
    OUT.print(table)


async def run(endpoint: Endpoint, arguments: argparse.Namespace, work: Path) -> None:
    environ = environ_for(endpoint, PREFIX, work / "home", MARQUEE_PEOPLE="everyone")
    auth = aiohttp.encode_basic_auth(endpoint.username, endpoint.password) if endpoint.username else ""
    headers = {"Authorization": auth} if auth else {}
    async with Cluster(endpoint) as cluster, aiohttp.ClientSession() as session:
        await index_synthetic(cluster, environ, work / "data", arguments.people)
        print_header(
            "What the service adds",
            f"{arguments.people:,} synthetic people, everyone indexed",
            await cluster.version(),
            ("litestar", "uvicorn", "aiohttp"),
        )
        body = {"size": 4000, "_source": ["name"], "query": {"match_all": {}}}
        (found,) = await cluster.search_many([(f"{PREFIX}-actors", body)], dict[str, str], 30)
        names = [hit.source["name"] for hit in found]
        rng = Random(1)
        asked = sorted({name[: rng.randint(2, 4)].lower() for name in names if name.isascii()})
        async with aiohttp.ClientSession(headers=headers) as bare:
            with run_service(environ | {"MARQUEE_CACHE_SIZE_MB": "0"}) as url:
                bodies = {q: encode_suggest(PREFIX, q) for q in asked}
                engine = ask_engine(bare, endpoint.urls[0], bodies)
                single = (await pick_single(session, url, asked))[:400]
                assert len(single) >= 50, f"only {len(single)} questions take one request"
                service = ask_service(session, url)
                for side in (service, engine) * 2:
                    await measure_rate(side, single, arguments.warm / 4)
                medians = [await take_turns(single, (service, engine)) for _ in range(arguments.rounds // 2)]
                rates = await compare_rates((service, engine), single, arguments.rounds)
        sides = ("service", "bare engine")
        OUT.print(f"a suggest of one engine call ({len(single)} questions), cache off", style="bold")
        first, second = zip(*medians, strict=True)
        show("one client: at most 1.4", sides, "median ms", first, second)
        show("16 clients: at least .65", sides, "requests/s", *rates)
        with run_service(environ) as url:
            kept = single[:1]
            async with session.get(f"{url}/v1/actors/suggest", params={"q": kept[0]}) as answer:
                content = await answer.read()
            with run_bare(content) as bare_url:
                pair = (ask_service(session, url), ask_service(session, bare_url))
                rates = await compare_rates(pair, kept, arguments.rounds)
        OUT.print(f"a cached suggest ({len(content)} bytes)", style="bold")
        show("16 clients: at least .6", ("service", "bare Litestar"), "requests/s", *rates)
        await remove_indexes(cluster, PREFIX)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=12, help="Seconds of each side (default 12).")
    parser.add_argument("--warm", type=float, default=120, help="Seconds of load beforehand (default 120).")
    parser.add_argument("--quick", action="store_true", help="10,000 people, 4 rounds, 12 s.")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.people, arguments.rounds, arguments.warm = 10_000, 4, 12.0
    settings, _ = read_settings()
    with tempfile.TemporaryDirectory() as work, open_endpoint(settings) as endpoint:
        asyncio.run(run(endpoint, arguments, Path(work)))


if __name__ == "__main__":
    main()
