"""An HTTP relay before the engine that spoils its answers: what no real engine does on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

Spoil = Callable[[str, int, Any], tuple[int, Any]]
"""Takes path, status and decoded answer; returns the status and answer to send instead."""


def pass_on(_: str, status: int, answer: Any) -> tuple[int, Any]:
    return status, answer


def time_out(path: str, status: int, answer: Any) -> tuple[int, Any]:
    """Every search ran out of time, and answers what it had."""
    for each in answer.get("responses", ()) if path == "/_msearch" else ():
        each["timed_out"] = True
    return status, answer


def lose_shards(path: str, status: int, answer: Any) -> tuple[int, Any]:
    """Every search misses a shard."""
    for each in answer.get("responses", ()) if path == "/_msearch" else ():
        each["_shards"] = {"total": 2, "successful": 1, "skipped": 0, "failed": 1}
    return status, answer


def fail_searches(code: int, error: dict[str, Any], path: str, status: int, answer: Any) -> tuple[int, Any]:
    """Every search ends in an error; the request that holds them is well."""
    if path != "/_msearch":
        return status, answer
    return 200, {"took": 0, "responses": [{"status": code, "error": error}] * len(answer["responses"])}


def be_busy(path: str, status: int, answer: Any) -> tuple[int, Any]:
    """The queue of the search threads is full."""
    error = {"type": "es_rejected_execution_exception", "reason": "rejected execution"}
    return fail_searches(429, error, path, status, answer)


def be_red(path: str, status: int, answer: Any) -> tuple[int, Any]:
    """No shard of the index is there."""
    error = {"type": "search_phase_execution_exception", "reason": "all shards failed", "root_cause": []}
    return fail_searches(503, error, path, status, answer)


def be_closed(path: str, status: int, answer: Any) -> tuple[int, Any]:
    """Somebody has closed the index."""
    error = {"type": "index_closed_exception", "reason": "closed"}
    return fail_searches(400, error, path, status, answer)


def break_down(_: str, __: int, ___: Any) -> tuple[int, Any]:
    """A bug of it."""
    return 500, {"error": {"type": "illegal_state_exception", "reason": "broken"}, "status": 500}


def be_another(path: str, _: int, __: Any) -> tuple[int, Any]:
    """A proxy answers in its place."""
    return 502, {"message": f"no backend for {path}"}


def refuse_all(_: str, __: int, ___: Any) -> tuple[int, Any]:
    """A node under memory pressure refuses the whole request."""
    return 429, {"error": {"type": "circuit_breaking_exception", "reason": "too large"}, "status": 429}


def lock_out(_: str, __: int, ___: Any) -> tuple[int, Any]:
    """The API key was revoked."""
    return 401, {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}


def forbid(_: str, __: int, ___: Any) -> tuple[int, Any]:
    """The API key may do something else."""
    return 403, {"error": {"type": "security_exception", "reason": "unauthorized for API key"}, "status": 403}


class EngineFaults:
    """The relay, in a thread of its own."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.spoil: Spoil = pass_on
        self.delay_s = 0.0
        self.headers: list[dict[str, str]] = []
        """Of the searches that came, the latest last."""
        self.deadlines_ms: list[int] = []
        """What each of them had left, as it said to the engine."""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        self._session = aiohttp.ClientSession()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._relay)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._ready.set()
        await self._ending.wait()
        await runner.cleanup()
        await self._session.close()

    async def _relay(self, request: web.Request) -> web.Response:
        if request.path == "/_msearch":
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            first = msgspec.json.decode((await request.read()).split(b"\n")[1])
            self.deadlines_ms.append(int(first["timeout"].removesuffix("ms")))
            await asyncio.sleep(self.delay_s)
        kept = {"content-type", "accept", "authorization"}
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        url = self._target + request.path_qs
        body = await request.read()
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            content = await answer.read()
            status, told = answer.status, msgspec.json.decode(content) if content else {}
            sent = {"X-Elastic-Product": "Elasticsearch", "Content-Type": answer.headers["Content-Type"]}
        status, told = self.spoil(request.path, status, told)
        return web.Response(status=status, body=msgspec.json.encode(told), headers=sent)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)
