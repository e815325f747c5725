"""How a question becomes an answer: from the cache, or by work that is admitted, limited and done once.

What stays the same from request to request is kept encoded; what does not (the query as it was typed,
`stale`, `took_ms`) is set before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from cachetools import LRUCache
from litestar import Request

from marquee import __version__, standstill
from marquee.api.admission import Admission
from marquee.api.cache import Cache, Entry, Key
from marquee.api.headers import Pairs
from marquee.api.live import Live
from marquee.api.measures import Asked, Source, Stages
from marquee.api.question import Question
from marquee.api.reply import Reply, encode_head, encode_tail, finish, is_known, list_known, make_etag
from marquee.engine import budget
from marquee.engine.budget import Budget
from marquee.errors import EngineUnavailableError, MarqueeError, OverloadedError
from marquee.reindex.status import DataAge
from marquee.search.answer import Answer
from marquee.search.lookup import Lookup

# Suggestions and hits change at a swap, once a day; a minute old is as good as new, and saves a widget's
# repeated keystrokes.
MAX_AGE_S = 60
STALE_WARNING = b'110 marquee "the search engine is away: answered from the cache"'
# URLs whose questions are remembered, none with a longer query string: 15 MB of them.
MAX_URLS, MAX_QUERY_BYTES = 10_000, 300


Work = Callable[[], Awaitable[Answer]]
"""What finds an answer where no cache holds it."""
Reading = Callable[[Any, Lookup], tuple[Question, Work]]
"""Understands what the scope of a request asks; raises RequestError."""


class _Done(NamedTuple):
    """An answer, whoever asked for it."""

    generation: str
    entry: Entry
    layer: Source
    """Where it came from."""
    stages: Stages
    is_kept: bool = False
    """Whether a cache held it, so that it may be stale."""
    is_lasting: bool = True
    """Whether what it was made from was live before it was asked for.

    Else it was asked for during a swap, and of no hits nobody can tell which generation has none.
    """


class _Asking:
    """A question that is just being asked."""

    __slots__ = ("name", "question", "scope", "seen", "started")

    def __init__(self, scope: Any, question: Question, started: float, seen: Asked, name: bytes) -> None:
        self.scope, self.question, self.started, self.seen = scope, question, started, seen
        self.name = name
        """What its ETag is made of."""


class Answers:
    """Answers questions, with what is known about where the answers come from."""

    def __init__(
        self,
        lookup: Lookup,
        kept: Cache,
        live: Live,
        admission: Admission,
        data_age: DataAge,
        *,
        is_public: bool = True,
    ) -> None:
        # Here, so that handlers take one dependency: for several, Litestar begins a task each: .1 ms.
        self.lookup = lookup
        self._cache, self._live, self._admission = kept, live, admission
        self._data_age = data_age
        # Where a token is needed, no cache on the way may answer who has none.
        self._cache_control = f"{'public' if is_public else 'private'}, max-age={MAX_AGE_S}".encode()
        # By the bytes of their URLs, each with the template of its path.
        self._asked: LRUCache[tuple[bytes, bytes], tuple[Question, Work, str]] = LRUCache(MAX_URLS)
        self._flights: dict[Key, asyncio.Future[_Done]] = {}

    async def send(
        self, request: Request[Any, Any, Any], question: Question, work: Work, body: bytes = b""
    ) -> Reply:
        """Answer a question; raises what the work raises, and OverloadedError.

        `body` is what was posted, a part of the question then.
        """
        scope: Any = request.scope
        if (failure := scope.get("marquee.failure")) is not None:  # of the short way, told by the long one
            raise failure
        return await self._send(scope, question, work, body)

    async def try_to_send(self, scope: Any, reading: Reading, *, is_recalled: bool) -> Reply | None:
        """Answer what a request asks; what fails is kept for `send` to raise, and None returned.

        `is_recalled` says that memory was looked through already.
        """
        try:
            known = self._asked.get((scope["raw_path"], scope["query_string"]))
            question, work = known[:2] if known else reading(scope, self.lookup)
            scope["path_template"] = scope["path"]
            return await self._send(scope, question, work, is_recalled=is_recalled)
        except Exception as error:
            scope["marquee.failure"] = error
            return None

    async def _send(
        self, scope: Any, question: Question, work: Work, body: bytes = b"", *, is_recalled: bool = False
    ) -> Reply:
        started = time.perf_counter()
        if scope["method"] == "GET" and len(scope["query_string"]) <= MAX_QUERY_BYTES:
            self._asked[scope["raw_path"], scope["query_string"]] = question, work, scope["path_template"]
        scope["marquee.asked"] = seen = Asked(question.endpoint, body)
        asked = _Asking(scope, question, started, seen, self._name(scope, body))
        if (generation := self._live.generation) and not self._data_age.is_known(generation):
            await self._data_age.learn(generation)
            is_recalled = False  # without that nothing is
        if not is_recalled and (reply := self._recall(asked)) is not None:
            return reply
        try:
            done = await self._find(question, work)
        except OverloadedError:
            seen.is_refused = True
            raise
        if not self._data_age.is_known(done.generation):
            await self._data_age.learn(done.generation)
        return self._tell(asked, done)

    async def find_source(self) -> str | None:
        """Return the kind of source of what is live ("imdb"); None where nothing is, or nobody can tell."""
        if (generation := self._live.generation) is None:
            return None
        await self._data_age.learn(generation)
        return self._data_age.tell_source(generation)

    def knows(self, scope: Any) -> bool:
        """Whether what is asked was asked before, by the same URL."""
        return scope["method"] == "GET" and (scope["raw_path"], scope["query_string"]) in self._asked

    def recall(self, scope: Any) -> Reply | None:
        """Answer what was asked before from memory alone, None where that does not hold it."""
        started = time.perf_counter()
        known = self._asked.get((scope["raw_path"], scope["query_string"]))
        if known is None:  # forgotten while its asker was let in
            return None
        question, _, route = known
        seen = Asked(question.endpoint)
        reply = self._recall(_Asking(scope, question, started, seen, self._name(scope)))
        if reply is not None:
            scope["marquee.asked"], scope["path_template"] = seen, route
        return reply

    def _recall(self, asked: _Asking) -> Reply | None:
        """Answer with 304, or from memory."""
        generation, question = self._live.generation, asked.question
        if generation is None or not self._data_age.is_known(generation):
            return None
        known = list_known(asked.scope)
        if known and self._live.is_confirmed and is_known(known, etag := make_etag(generation, asked.name)):
            asked.seen.source, asked.seen.generation = "client", generation
            stages = Stages(total_s=time.perf_counter() - asked.started)
            return Reply(304, self._describe(generation, stages, etag))
        looking = time.perf_counter()
        entry = self._cache.find(Key(generation, self._live.epoch, question.endpoint, question.digest))
        if entry is None:
            return None
        stages = Stages(cache_s=time.perf_counter() - looking)
        return self._tell(asked, _Done(generation, entry, "memory", stages, is_kept=True))

    def _tell(self, asked: _Asking, done: _Done) -> Reply:
        """Put an answer into words."""
        is_stale = done.is_kept and not self._live.is_confirmed
        encoding = time.perf_counter()
        content = encode_head(asked.question, done.generation, is_stale, asked.started) + done.entry.tail
        now = time.perf_counter()
        queue_s, cache_s, engine_s, rerank_s, encode_s, _ = done.stages
        encode_s += now - encoding
        stages = Stages(queue_s, cache_s, engine_s, rerank_s, encode_s, now - asked.started)
        seen = asked.seen
        seen.source, seen.generation, seen.stages = done.layer, done.generation, stages
        seen.is_stale = is_stale
        is_fresh = done.is_lasting and not is_stale
        etag = make_etag(done.generation, asked.name) if is_fresh else None
        stored_at = done.entry.stored_at if is_stale else None
        headers = self._describe(done.generation, stages, etag, stored_at)
        content, described = finish(content, asked.question.media_type, asked.question.callback)
        return Reply(200, headers + described, content)

    async def _find(self, question: Question, work: Work) -> _Done:
        """Return the answer by a flight that all share who ask the same at once."""
        key = Key(self._live.generation or "", self._live.epoch, question.endpoint, question.digest)
        self._cache.count_miss(key)
        if (flight := self._flights.get(key)) is not None:
            # Shielded: who hangs up ends his own wait only.
            return (await asyncio.shield(flight))._replace(layer="shared")
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            # Not as a task of its own, for 25 µs: the server ends no request whose client has hung up.
            done = await self._try_to_fly(question, work, key)
        except BaseException as error:
            flight.set_exception(error if isinstance(error, Exception) else _cut_off())
            flight.exception()  # taken, also where nobody waits
            raise
        else:
            flight.set_result(done)
            return done
        finally:
            del self._flights[key]

    async def _try_to_fly(self, question: Question, work: Work, key: Key) -> _Done:
        """Return an answer; what a standstill of this process ended is begun again, once."""
        stood = standstill.count()
        try:
            return await self._fly(question, work, key)
        except (EngineUnavailableError, OverloadedError):
            if standstill.count() == stood:
                raise
        return await self._fly(question, work, key)

    async def _fly(self, question: Question, work: Work, key: Key) -> _Done:
        began = time.perf_counter()
        if key.generation and (entry := await self._cache.fetch(key)) is not None:
            stages = Stages(cache_s=time.perf_counter() - began)
            return _Done(key.generation, entry, "redis", stages, is_kept=True)
        looked = time.perf_counter()
        self._live.check_readable()
        async with self._admission.enter(is_heavy=question.is_heavy):
            entered = time.perf_counter()
            with budget.use(Budget(question.limit_s)) as own:
                answer = await work()
        worked = time.perf_counter()
        tail = encode_tail(question, answer)
        entry = Entry(tail, time.time())
        is_lasting = answer.generation == key.generation
        if is_lasting:
            self._cache.store(key, entry)
        stages = Stages(
            cache_s=looked - began,
            queue_s=entered - looked,
            engine_s=own.spent_s,
            rerank_s=worked - entered - own.spent_s,
            encode_s=time.perf_counter() - worked,
        )
        return _Done(answer.generation, entry, "engine", stages, is_lasting=is_lasting)

    def _name(self, scope: Any, body: bytes = b"") -> bytes:
        """Return what an ETag is made of beside the generation.

        A client's copy is outdated by more than a swap: by a clearing of the caches, by another release.
        """
        edition = f"{__version__} {self._live.epoch} ".encode()
        return b"".join((edition, scope["raw_path"], b"?", scope["query_string"], body))

    def _describe(
        self, generation: str, stages: Stages, etag: str | None, stored_at: float | None = None
    ) -> Pairs:
        """Return the headers of an answer.

        Without an ETag nobody is to keep it; `stored_at` is when a stale one was kept, in Unix seconds.
        """
        headers: Pairs = [
            (b"marquee-generation", generation.encode()),
            (b"server-timing", stages.render().encode()),
        ]
        if etag is not None:
            headers += ((b"etag", etag.encode()), (b"cache-control", self._cache_control))
        else:
            headers.append((b"cache-control", b"no-store"))
        if stored_at is not None:
            kept_s = max(0, int(time.time() - stored_at))
            headers += ((b"warning", STALE_WARNING), (b"age", str(kept_s).encode()))
        if (age_s := self._data_age.tell(generation)) is not None:
            headers.append((b"marquee-data-age", str(age_s).encode()))
        return headers


def _cut_off() -> MarqueeError:
    """What who waited is told when the request that was answering him was cancelled."""
    return OverloadedError("the answer was cut off: ask again")
