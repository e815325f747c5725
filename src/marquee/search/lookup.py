"""A question in, an answer out: the only module of this package that talks to the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache

from marquee import names
from marquee.catalog.documents import Actor, CastEntry, Credit, Title, Token, read_entries
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.errors import EngineNotReadyError, NotFoundError, RequestError
from marquee.search import query
from marquee.search.answer import (
    ActorAnswer,
    CastAnswer,
    CreditsAnswer,
    Hit,
    SearchAnswer,
    SuggestAnswer,
    TitleAnswer,
    TitleHit,
    TitleSearchAnswer,
)
from marquee.search.cursor import Cursor, decode_cursor, encode_cursor
from marquee.search.expansion import MIN_LIKENESS_JOINED, Expansion, expand, join_neighbours
from marquee.search.rank import Hints, Ranked, is_ambiguous, is_settled, propose, rank_actors
from marquee.search.request import CreditsRequest, SearchRequest, SuggestRequest, TitleSearchRequest
from marquee.search.suggest import rank_suggestions
from marquee.search.titles import rank_titles

# First names repeat from query to query: with their expansions at hand, the engine answered 298 instead of 88
# queries a second (design.md, 6). An entry is some 40 tokens, 5 kB.
MAX_EXPANDED_WORDS = 10_000
# A swap between two routes of one request mixes two generations once; the next try has the new one alone.
MAX_MIXED = 3


Document = TypeVar("Document", Actor, Title)


class _Found(NamedTuple, Generic[Document]):
    """What the routes of a request found, by id, each with the routes that found it."""

    generation: str
    documents: dict[str, tuple[Document, tuple[str, ...]]]


class Lookup:
    """Answers questions from the live generation of one index prefix."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._actors = generations.alias(prefix, "actors")
        self._titles = generations.alias(prefix, "titles")
        self._tokens = generations.alias(prefix, "tokens")
        self._expansions: LRUCache[str, tuple[Expansion, ...]] = LRUCache(MAX_EXPANDED_WORDS)
        self._expansions_of = ""

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Find people by name.

        Raises:
            EngineUnavailableError: the engine is away, too slow, or answered in part.
            EngineNotReadyError: no generation is live.
        """
        started = time.perf_counter()
        hints = Hints(
            born=request.born,
            born_tolerance=request.born_tolerance,
            titles=tuple(names.normalise(title) for title in request.title),
        )
        bodies = query.build_search(request.key, request.profession)
        words = list(dict.fromkeys(request.key.split()))
        if len(words) == 1:  # what a single word may stand for is nearly always needed: asked for at once
            cheap = self._candidates(self._actors, bodies, Actor)
            found, _ = await asyncio.gather(cheap, self._expand(words))
        else:
            found = await self._candidates(self._actors, bodies, Actor)
        ranked = rank_actors(request.key, found.documents.values(), hints)
        if not is_settled(request.key, ranked, hints):
            found = await self._search_wide(words, request, found)
            ranked = rank_actors(request.key, found.documents.values(), hints)
        shown = [each for each in ranked if each.score >= request.min_score]
        window = shown[request.offset : request.offset + request.limit]
        return SearchAnswer(
            query=request.q,
            generation=found.generation,
            stale=False,
            took_ms=round((time.perf_counter() - started) * 1000, 2),
            did_you_mean=propose(shown),
            ambiguous=is_ambiguous(shown),
            hits=[_hit(each, request.explain) for each in window],
        )

    async def _search_wide(
        self, words: list[str], request: SearchRequest, found: _Found[Actor]
    ) -> _Found[Actor]:
        """Return `found` with the bearers of the tokens that the words of the query may stand for."""
        self._forget_expansions_unless(found.generation)
        expansions = await self._expand([*words, *join_neighbours(words)])
        for joined in join_neighbours(words):
            likely = (each for each in expansions[joined] if each.likeness >= MIN_LIKENESS_JOINED)
            expansions[joined] = tuple(likely)
        bodies = query.build_names(words, expansions, request.profession)
        if not bodies:
            return found
        wider = await self._candidates(self._actors, bodies, Actor)
        if wider.generation != found.generation:  # swapped in between: the next one alone
            return wider
        documents = dict(wider.documents)
        for doc_id, (actor, routes) in found.documents.items():
            documents[doc_id] = (actor, routes + documents[doc_id][1] if doc_id in documents else routes)
        return _Found(found.generation, documents)

    def _forget_expansions_unless(self, generation: str) -> None:
        """Drop the expansions of another generation: its tokens."""
        if self._expansions_of != generation:
            if self._expansions_of:
                self._expansions.clear()
            self._expansions_of = generation

    async def _expand(self, words: list[str]) -> dict[str, tuple[Expansion, ...]]:
        """Return what each word may stand for."""
        expansions = {word: self._expansions[word] for word in words if word in self._expansions}
        missing = [word for word in words if word not in expansions]
        searches = [
            (word, (self._tokens, body)) for word in missing for body in query.build_expansion(word).values()
        ]
        answers = await self._cluster.search_many([search for _, search in searches]) if searches else []
        tokens: dict[str, dict[str, Token]] = {word: {} for word in missing}
        for (word, _), answer in zip(searches, answers, strict=True):
            for hit in answer["hits"]["hits"]:
                if hit["_id"] not in tokens[word]:
                    tokens[word][hit["_id"]] = msgspec.convert(hit["_source"], Token)
        for word in missing:
            expansions[word] = self._expansions[word] = expand(word, tokens[word].values())
        return {word: expansions[word] for word in words}

    async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
        """Complete a name while it is typed; raises as `search` does."""
        found = await self._candidates(self._actors, query.build_suggest(request.key), Actor)
        actors = [actor for actor, _ in found.documents.values()]
        suggestions, is_enough = rank_suggestions(request.key, actors, request.limit)
        if not is_enough:
            wider = await self._candidates(self._actors, query.build_wide_suggest(request.key), Actor)
            actors += [actor for actor, _ in wider.documents.values() if wider.generation == found.generation]
            distinct = {actor.nconst: actor for actor in actors}
            suggestions, _ = rank_suggestions(request.key, distinct.values(), request.limit)
        return SuggestAnswer(
            query=request.q,
            generation=found.generation,
            stale=False,
            suggestions=suggestions,
        )

    async def find_actor(self, nconst: str) -> ActorAnswer:
        """Return a person's profile.

        Raises:
            NotFoundError: nobody in the live generation has this id.
            EngineError: as `search`.
        """
        generation, source = await self._document(self._actors, nconst, query.ACTOR_FIELDS)
        return ActorAnswer(generation=generation, actor=msgspec.convert(source, Actor))

    async def find_credits(self, nconst: str, request: CreditsRequest) -> CreditsAnswer:
        """Return a page of a person's credits, newest first (200 at most in all).

        Raises:
            RequestError: the cursor is none, or its generation is gone.
            NotFoundError, EngineError: as `find_actor`.
        """
        cursor = decode_cursor(request.cursor) if request.cursor is not None else None
        index = self._actors
        if cursor:
            index = generations.index_name(self._prefix, "actors", cursor.generation)
        try:
            generation, source = await self._document(index, nconst, ("credits",))
        except EngineNotReadyError as error:
            if cursor is None:
                raise
            raise RequestError({"cursor": "is outdated: begin again with the first page"}) from error
        every = read_entries(Credit, source.get("credits"))
        start = cursor.offset if cursor else 0
        end = start + request.limit
        following = encode_cursor(Cursor(generation, end)) if end < len(every) else None
        return CreditsAnswer(generation=generation, credits=every[start:end], next_cursor=following)

    async def find_title(self, tconst: str) -> TitleAnswer:
        """Return a title; raises as `find_actor` does."""
        generation, source = await self._document(self._titles, tconst, query.TITLE_FIELDS)
        return TitleAnswer(generation=generation, title=msgspec.convert(source, Title))

    async def find_cast(self, tconst: str) -> CastAnswer:
        """Return who is in a title, in billing order (50 at most); raises as `find_actor` does."""
        generation, source = await self._document(self._titles, tconst, ("cast",))
        return CastAnswer(generation=generation, cast=read_entries(CastEntry, source.get("cast")))

    async def search_titles(self, request: TitleSearchRequest) -> TitleSearchAnswer:
        """Find titles; raises as `search` does."""
        bodies = query.build_title_search(request.key)
        found = await self._candidates(self._titles, bodies, Title)
        ranked = rank_titles(request.key, (title for title, _ in found.documents.values()))
        return TitleSearchAnswer(
            query=request.q,
            generation=found.generation,
            stale=False,
            hits=[
                TitleHit(**msgspec.structs.asdict(title), score=score)
                for score, title in ranked[: request.limit]
            ],
        )

    async def _document(self, index: str, doc_id: str, fields: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """Return the generation and some fields of a document."""
        document = await self._cluster.get(index, doc_id, fields)
        if document is None:
            raise NotFoundError(f"nothing has the id {doc_id}")
        return generations.generation_of(self._prefix, document["_index"]), document.get("_source", {})

    async def probe(self) -> str:
        """Return the live generation's id once both aliases answer a search; raises as `search` does."""
        body = {"size": 0, "track_total_hits": False}
        await self._cluster.search_many([(self._actors, body), (self._titles, body)])
        return await generations.resolve(self._cluster, self._prefix)

    async def _candidates(
        self, alias: str, bodies: dict[str, dict[str, Any]], kind: type[Document]
    ) -> _Found[Document]:
        """Run the routes in one request."""
        searches = [(alias, body) for body in bodies.values()]
        for _ in range(MAX_MIXED):
            documents: dict[str, Document] = {}
            routes: dict[str, tuple[str, ...]] = {}
            indexes: set[str] = set()
            answers = await self._cluster.search_many(searches)
            for route, answer in zip(bodies, answers, strict=True):
                for hit in _hits_of(answer):
                    doc_id: str = hit["_id"]
                    indexes.add(hit["_index"])
                    routes[doc_id] = (*routes.get(doc_id, ()), route)
                    if doc_id not in documents:
                        documents[doc_id] = msgspec.convert(hit["_source"], kind)
            found = {doc_id: (document, routes[doc_id]) for doc_id, document in documents.items()}
            if len(indexes) == 1:
                return _Found(generations.generation_of(self._prefix, indexes.pop()), found)
            if not indexes:
                return _Found(await generations.resolve(self._cluster, self._prefix), found)
        raise EngineNotReadyError(f"alias {alias} points at several generations")


def _hits_of(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the hits of an answer and the options of its suggesters."""
    yield from answer["hits"]["hits"]
    for (suggested,) in answer.get("suggest", {}).values():
        yield from suggested["options"]


def _hit(ranked: Ranked, explain: bool) -> Hit:
    actor = ranked.actor
    return Hit(
        nconst=actor.nconst,
        name=actor.name,
        score=ranked.score,
        birth_year=actor.birth_year,
        death_year=actor.death_year,
        professions=actor.professions,
        known_for=actor.known_for,
        popularity=actor.popularity,
        match=ranked.match,
        explanation=ranked.explanation if explain else msgspec.UNSET,
    )
