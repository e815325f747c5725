"""How a question becomes an answer: from the cache, or by work that is admitted, limited and done once.

What stays the same from request to request is kept encoded; what does not (the query as it was typed,
`stale`, `took_ms`) is set before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response

from marquee import __version__, correlation
from marquee.api.admission import Admission
from marquee.api.cache import Cache, Entry, Key
from marquee.api.live import Live
from marquee.api.measures import Asked, Measures, Source, Stages
from marquee.engine import budget
from marquee.engine.budget import Budget
from marquee.errors import OverloadedError
from marquee.reindex.status import DataAge
from marquee.search.answer import ENVELOPE, Answer
from marquee.search.lookup import Lookup
from marquee.search.request import TypedRequest

# Suggestions and hits change at a swap, once a day; a minute old is as good as new, and saves a widget's
# repeated keystrokes.
MAX_AGE_S = 60
# The promise is an answer within 500 ms; one that takes longer than this is of no use to who waits for it.
ANSWER_WITHIN_S = 2.0
STALE_WARNING = '110 marquee "the search engine is away: answered from the cache"'


class Question(NamedTuple):
    """What is asked, in the form in which questions are compared."""

    endpoint: str
    """"search", "suggest" …"""
    answer: type[Answer]
    key: bytes
    """The normalised question, encoded."""
    query: str = ""
    """What was typed."""
    limit_s: float = ANSWER_WITHIN_S
    """Seconds it may take."""
    is_heavy: bool = False
    """Whether it is as much work as a hundred others."""


def typed(endpoint: str, answer: type[Answer], asked: TypedRequest) -> Question:
    """Return the question of somebody who typed: what is the same when normalised is the same question."""
    normalised = msgspec.structs.replace(asked, q=asked.key)
    return Question(endpoint, answer, msgspec.msgpack.encode(normalised), asked.q)


class _Done(NamedTuple):
    """An answer, whoever asked for it."""

    generation: str
    entry: Entry
    layer: Source
    """Where it came from."""
    stages: Stages


class Answers:
    """Answers questions, with what is known about where the answers come from."""

    def __init__(
        self,
        lookup: Lookup,
        kept: Cache,
        live: Live,
        admission: Admission,
        data_age: DataAge,
        measures: Measures,
        *,
        is_public: bool = True,
    ) -> None:
        # Here, so that handlers take one dependency: for several, Litestar begins a task each: .1 ms.
        self.lookup = lookup
        self._cache, self._live, self._admission = kept, live, admission
        self._data_age, self._measures = data_age, measures
        # Where a token is needed, no cache on the way may answer who has none.
        self._cache_control = f"{'public' if is_public else 'private'}, max-age={MAX_AGE_S}"
        self._flights: dict[Key, asyncio.Task[_Done]] = {}

    async def send(
        self,
        request: Request[Any, Any, Any],
        question: Question,
        work: Callable[[], Awaitable[Answer]],
        body: bytes = b"",
    ) -> Response[bytes]:
        """Answer a question; raises what the work raises, and OverloadedError.

        `body` is what was posted, a part of the question then.
        """
        started = time.perf_counter()
        scope = request.scope
        seen = Asked(question.endpoint, body)
        scope["marquee.asked"] = seen  # type: ignore[typeddict-unknown-key]
        asked = b"".join((self._edition(), scope["path"].encode(), b"?", scope["query_string"], body))
        generation, is_confirmed = self._live.generation, self._live.is_confirmed
        if generation and is_confirmed and _is_known(request, etag := _make_etag(generation, asked)):
            seen.source, seen.generation = "client", generation
            self._measures.count_answer(seen)
            headers = await self._describe(generation, etag)
            headers["Server-Timing"] = Stages(total_s=time.perf_counter() - started).render()
            return Response(b"", status_code=304, headers=headers)
        try:
            done = await self._find(question, work, generation)
        except OverloadedError:
            seen.is_refused = True
            raise
        is_stale = done.layer in ("memory", "redis") and not is_confirmed
        encoding = time.perf_counter()
        content = _encode_head(question, done.generation, is_stale, started) + done.entry.tail
        stages = done.stages._replace(
            encode_s=done.stages.encode_s + time.perf_counter() - encoding,
            total_s=time.perf_counter() - started,
        )
        seen.source, seen.generation, seen.stages = done.layer, done.generation, stages
        self._measures.count_answer(seen, is_stale=is_stale)
        headers = await self._describe(done.generation, _make_etag(done.generation, asked))
        headers["Server-Timing"] = stages.render()
        if is_stale:
            # Nobody is to keep what says that it is stale.
            del headers["ETag"]
            headers["Cache-Control"] = "no-store"
            headers["Warning"] = STALE_WARNING
            headers["Age"] = str(max(0, int(time.time() - done.entry.stored_at)))
        return Response(content, media_type="application/json", headers=headers)

    async def _find(
        self,
        question: Question,
        work: Callable[[], Awaitable[Answer]],
        generation: str | None,
    ) -> _Done:
        """Return the answer from memory, or by a flight that all share who ask the same at once."""
        looking = time.perf_counter()
        digest = hashlib.blake2b(question.key, digest_size=16).digest()
        key = Key(generation or "", self._live.epoch, question.endpoint, digest)
        if generation is not None and (entry := self._cache.find(key)) is not None:
            return _Done(generation, entry, "memory", Stages(cache_s=time.perf_counter() - looking))
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(question, work, key))
            self._flights[key] = flight
            flight.add_done_callback(lambda ended: self._land(key, ended))
            # A client that hangs up ends his own wait only.
            return await asyncio.shield(flight)
        return (await asyncio.shield(flight))._replace(layer="shared")

    def _land(self, key: Key, flight: asyncio.Task[_Done]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # taken, also where everybody who waited has hung up

    async def close(self) -> None:
        """End what nobody waits for any more."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(
        self,
        question: Question,
        work: Callable[[], Awaitable[Answer]],
        key: Key,
    ) -> _Done:
        began = time.perf_counter()
        if key.generation and (entry := await self._cache.fetch(key)) is not None:
            return _Done(key.generation, entry, "redis", Stages(cache_s=time.perf_counter() - began))
        looked = time.perf_counter()
        self._live.check_readable()
        async with self._admission.enter(is_heavy=question.is_heavy):
            entered = time.perf_counter()
            with budget.use(Budget(question.limit_s, _headers())) as own:
                answer = await work()
        worked = time.perf_counter()
        tail = _encode_tail(question, answer)
        entry = Entry(tail, time.time())
        if answer.generation == key.generation:  # else swapped since: found under its own key next time
            self._cache.store(key, entry)
        stages = Stages(
            cache_s=looked - began,
            queue_s=entered - looked,
            engine_s=own.spent_s,
            rerank_s=worked - entered - own.spent_s,
            encode_s=time.perf_counter() - worked,
        )
        return _Done(answer.generation, entry, "engine", stages)

    def _edition(self) -> bytes:
        """What a client's copy is outdated by beside a swap: a clearing of the caches, another release."""
        return f"{__version__} {self._live.epoch} ".encode()

    async def _describe(self, generation: str, etag: str) -> dict[str, str]:
        headers = {"Marquee-Generation": generation, "ETag": etag, "Cache-Control": self._cache_control}
        if (age_s := await self._data_age.measure(generation)) is not None:
            headers["Marquee-Data-Age"] = str(age_s)
        return headers


def _headers() -> dict[str, str]:
    """Return what tells Elasticsearch whose request it works for."""
    request = correlation.current()
    return request.headers if request else {}


def _make_etag(generation: str, asked: bytes) -> str:
    """Weak: two answers to one question from one generation differ in took_ms alone."""
    return f'W/"{generation}-{zlib.crc32(asked):08x}"'


def _is_known(request: Request[Any, Any, Any], etag: str) -> bool:
    """Whether the client holds this answer already (If-None-Match, which compares weakly)."""
    if request.scope["method"] != "GET":
        return False
    # Of the raw headers: the framework's own form of them takes a twentieth of a cached answer's time.
    known = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    sent = [each.strip().removeprefix("W/") for value in known for each in value.decode("latin-1").split(",")]
    return etag.removeprefix("W/") in sent


@cache
def _list_envelope(kind: type[Answer]) -> tuple[str, ...]:
    """Return the leading fields of an answer that are not kept."""
    return tuple(name for name in kind.__struct_fields__ if name in ENVELOPE)


@cache
def _tells_stale_only(kind: type[Answer]) -> bool:
    """Whether `stale` is absent where it is false."""
    return any(each.name == "stale" and not each.required for each in msgspec.structs.fields(kind))


def _encode_head(question: Question, generation: str, is_stale: bool, started: float) -> bytes:
    """Return the beginning of an answer's JSON."""
    took_ms = round((time.perf_counter() - started) * 1000, 2)
    values = {"query": question.query, "generation": generation, "stale": is_stale, "took_ms": took_ms}
    head = {name: values[name] for name in _list_envelope(question.answer)}
    if not is_stale and _tells_stale_only(question.answer):
        del head["stale"]
    return msgspec.json.encode(head)[:-1]


def _encode_tail(question: Question, answer: Answer) -> bytes:
    """Return the rest of an answer's JSON, from the comma after the envelope on."""
    values = {name: getattr(answer, name) for name in _list_envelope(question.answer)}
    head = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    return msgspec.json.encode(answer)[len(msgspec.json.encode(head)) - 1 :]
