"""What is measured: Marquee in this process, or any service that answers Marquee's HTTP API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import httpx
import msgspec

from marquee.engine.cluster import Cluster
from marquee.engine.endpoint import open_endpoint
from marquee.errors import NotFoundError, RequestError
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest, parse
from marquee.settings import Settings

LIMIT = 10
SUGGEST_LIMIT = 8
"""What the demo page asks for; the first five count."""


class Person(msgspec.Struct, frozen=True):
    """Somebody found."""

    nconst: str
    name: str
    score: float = 0.0


class SearchReply(msgspec.Struct, frozen=True):
    """The part of a search's answer that is judged."""

    hits: list[Person] = []
    did_you_mean: str | None = None


class SuggestReply(msgspec.Struct, frozen=True):
    """The part of a suggest's answer that is judged."""

    suggestions: list[Person] = []


Reply = TypeVar("Reply", SearchReply, SuggestReply)


class Completer(Protocol):
    """Completes what is typed; what it refuses as unusable is answered with nothing."""

    async def suggest(self, q: str) -> SuggestReply:
        """Answer a suggest."""


class Subject(Completer, Protocol):
    """Answers questions; a question it refuses as unusable is answered with nothing."""

    async def search(self, q: str, limit: int = LIMIT) -> SearchReply:
        """Answer a search."""

    async def find(self, nconst: str) -> Person | None:
        """Return the person with this id."""

    async def describe(self) -> tuple[str, str]:
        """Return the engine's version and what is searched."""


class InProcess:
    """Marquee's own code against an engine, without HTTP between."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster, self._prefix, self._lookup = cluster, prefix, Lookup(cluster, prefix)

    async def search(self, q: str, limit: int = LIMIT) -> SearchReply:
        try:
            request = parse(SearchRequest, [("q", q), ("limit", str(limit))])
        except RequestError:
            return SearchReply()
        return msgspec.convert(await self._lookup.search(request), SearchReply, from_attributes=True)

    async def suggest(self, q: str) -> SuggestReply:
        try:
            request = parse(SuggestRequest, [("q", q), ("limit", str(SUGGEST_LIMIT))])
        except RequestError:
            return SuggestReply()
        return msgspec.convert(await self._lookup.suggest(request), SuggestReply, from_attributes=True)

    async def find(self, nconst: str) -> Person | None:
        try:
            actor = (await self._lookup.find_actor(nconst)).actor
        except NotFoundError:
            return None
        return Person(actor.nconst, actor.name)

    async def describe(self) -> tuple[str, str]:
        generation = await self._lookup.probe()
        return await self._cluster.version(), f"in process, {self._prefix} {generation}"


class Service:
    """A service over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def _get(self, path: str, kind: type[Reply], **params: Any) -> Reply:
        response = await self._client.get(path, params=params)
        if response.status_code == httpx.codes.BAD_REQUEST:
            return kind()
        return msgspec.json.decode(response.raise_for_status().content, type=kind)

    async def search(self, q: str, limit: int = LIMIT) -> SearchReply:
        return await self._get("/v1/actors/search", SearchReply, q=q, limit=limit)

    async def suggest(self, q: str) -> SuggestReply:
        return await self._get("/v1/actors/suggest", SuggestReply, q=q, limit=SUGGEST_LIMIT)

    async def find(self, nconst: str) -> Person | None:
        response = await self._client.get(f"/v1/actors/{nconst}")
        if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST):
            return None
        return msgspec.convert(response.raise_for_status().json()["actor"], Person)

    async def describe(self) -> tuple[str, str]:
        status = (await self._client.get("/v1/status")).raise_for_status().json()
        return status["engine"]["version"], f"{self._client.base_url}, {status['generation']}"


@asynccontextmanager
async def open_subject(url: str | None, settings: Settings) -> AsyncIterator[Subject]:
    """Yield the service at `url`; without one, Marquee in this process with the engine of the settings."""
    if url is not None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            yield Service(client)
    else:
        with open_endpoint(settings) as endpoint:
            async with Cluster(endpoint) as cluster:
                yield InProcess(cluster, settings.index_prefix)


class Clock:
    """Takes the time of one question after another, in milliseconds."""

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.took_ms.append((time.perf_counter() - self._started) * 1000)
