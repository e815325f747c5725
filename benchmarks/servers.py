"""Which server, which client of the engine, which encoder: what a request costs with each, in CPU time.

    pip install granian && python -m benchmarks.servers

CPU time per request says what is left for the engine on the same cores, and depends little on what else the
machine does; requests per second are told beside it. Each candidate answers for a second in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import uvloop
from elastic_transport import HttpxAsyncHttpNode
from elasticsearch import AsyncElasticsearch
from rich.table import Table

from benchmarks.runner import OUT, print_header
from benchmarks.wire import Wire
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.settings import read_settings

CLIENTS = 16
_APP = """
import msgspec
from litestar import Litestar, Response, get

class Answer(msgspec.Struct):
    query: str
    names: list[str]

KEPT = Answer("jake", ["Jake Gyllenhaal"] * 60)
CONTENT = msgspec.json.encode(KEPT)

@get("/bytes")
async def send_bytes() -> Response[bytes]:
    return Response(CONTENT, media_type="application/json")

@get("/struct")
async def send_struct() -> Answer:
    return KEPT

app = Litestar([send_bytes, send_struct], openapi_config=None)
"""
_UVICORN = ["-m", "uvicorn", "--no-access-log", "--log-level", "warning", "app:app"]
_GRANIAN = ["-m", "granian", "--interface", "asgi", "--no-ws", "--loop", "uvloop", "app:app"]
SERVERS = {
    "uvicorn, uvloop, httptools": [*_UVICORN, "--loop", "uvloop", "--http", "httptools"],
    "uvicorn, asyncio, httptools": [*_UVICORN, "--loop", "asyncio", "--http", "httptools"],
    "uvicorn, uvloop, h11": [*_UVICORN, "--loop", "uvloop", "--http", "h11"],
    "granian, uvloop": _GRANIAN,
}
Row = tuple[float, float]
"""Microseconds of CPU per request, and requests per second."""


@contextlib.contextmanager
def run_server(command: list[str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, *command, "--port", str(port)], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, f"{command} did not start"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()


def read_cpu_s(pid: int) -> float:
    """Return the CPU time of a process and its children."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


async def measure(ask: Callable[[], Awaitable[Any]], pid: int, clients: int) -> Row:
    """Ask for a second."""
    until, answered = time.perf_counter() + 1.0, 0

    async def ask_on() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            await ask()
            answered += 1

    before, began = read_cpu_s(pid), time.perf_counter()
    await asyncio.gather(*(ask_on() for _ in range(clients)))
    return (read_cpu_s(pid) - before) / answered * 1e6, answered / (time.perf_counter() - began)


async def compare(
    title: str, sides: Mapping[str, tuple[Callable[[], Awaitable[Any]], int]], rounds: int, clients: int
) -> None:
    """Measure all in turn and print medians, with ratios to the first."""
    rows: dict[str, list[Row]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, (ask, pid) in sides.items():
            row = await measure(ask, pid, clients)
            if number:
                rows[name].append(row)
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for column in ("", "CPU µs", "min", "max", "ratio", "requests/s"):
        table.add_column(column, justify="right" if column else "left")
    base = statistics.median(each[0] for each in next(iter(rows.values())))
    for name, measured in rows.items():
        cpu = [each[0] for each in measured]
        rate = statistics.median(each[1] for each in measured)
        figures = (statistics.median(cpu), min(cpu), max(cpu))
        ratio = f"{statistics.median(cpu) / base:.2f}"
        table.add_row(name, *(f"{each:.0f}" for each in figures), ratio, f"{rate:,.0f}")
    OUT.print(table)


async def compare_servers(folder: Path, rounds: int) -> None:
    (folder / "app.py").write_text(_APP)
    with contextlib.ExitStack() as stack:
        sides = {}
        for name, command in SERVERS.items():
            if importlib.util.find_spec(command[1]) is None:
                OUT.print(f"  not measured, since not installed: {name}", highlight=False)
                continue
            url, process = stack.enter_context(run_server(command, folder))
            wire = Wire(url)
            sides[name] = (lambda wire=wire: wire.ask("GET", "/bytes"), process.pid)
            if name == next(iter(SERVERS)):
                sides["  the same, a struct for the framework to encode"] = (
                    lambda wire=wire: wire.ask("GET", "/struct"),
                    process.pid,
                )
        await compare("a bare Litestar handler, 16 clients", sides, rounds, CLIENTS)


async def compare_clients(endpoint: Endpoint, rounds: int) -> None:
    """One small search, by one client, in this process."""
    headers = {"Content-Type": "application/json"}
    basic = (endpoint.username, endpoint.password) if endpoint.username else None
    body = msgspec.json.encode({"query": {"match_all": {}}, "size": 0})
    url = f"{endpoint.urls[0]}/_search"
    pid = os.getpid()
    auth = {"Authorization": aiohttp.encode_basic_auth(*basic)} if basic else {}
    async with (
        Cluster(endpoint) as cluster,
        aiohttp.ClientSession(headers=auth) as session,
        AsyncElasticsearch(endpoint.urls[0], basic_auth=basic, node_class=HttpxAsyncHttpNode) as httpx_client,
        AsyncElasticsearch(endpoint.urls[0], basic_auth=basic) as plain,
    ):

        async def ask_bare() -> None:
            async with session.post(url, data=body, headers=headers) as answer:
                json.loads(await answer.read())

        sent = {"accept": "application/json", **{name.lower(): value for name, value in headers.items()}}
        sides: dict[str, tuple[Callable[[], Awaitable[Any]], int]] = {
            "bare aiohttp, json": (ask_bare, pid),
            "our connections, httptools, msgspec": (
                lambda: cluster.request("POST", "/_search", body=body, timeout_s=2.0),
                pid,
            ),
            "elasticsearch-py, aiohttp, json": (
                lambda: plain.perform_request("POST", "/_search", headers=sent, body=body),
                pid,
            ),
            "elasticsearch-py, httpx, json": (
                lambda: httpx_client.perform_request("POST", "/_search", headers=sent, body=body),
                pid,
            ),
        }
        await compare("one small search, one client", sides, rounds, 1)


async def run(endpoint: Endpoint, rounds: int) -> None:
    async with Cluster(endpoint) as cluster:
        version = await cluster.version()
    print_header("Servers and clients", "none", version, ("litestar", "uvicorn", "uvloop", "elasticsearch"))
    with tempfile.TemporaryDirectory() as folder:
        await compare_servers(Path(folder), rounds)
    await compare_clients(endpoint, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint:
        uvloop.run(run(endpoint, arguments.rounds))


if __name__ == "__main__":
    main()
