"""A question in, an answer out: the only module of this package that talks to the engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from marquee import names
from marquee.catalog.documents import Actor, CastEntry, Credit, Title, read_entries
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
from marquee.search.rank import Hints, Ranked, is_ambiguous, propose, rank_actors
from marquee.search.request import CreditsRequest, SearchRequest, SuggestRequest, TitleSearchRequest
from marquee.search.suggest import rank_suggestions
from marquee.search.titles import rank_titles

# Suggestions are reordered by spelling, so more are fetched than shown.
SUGGEST_CANDIDATES = 50
# A swap between two routes of one request mixes two generations once; the next try has the new one alone.
MAX_MIXED = 3


Document = TypeVar("Document", Actor, Title)


class Lookup:
    """Answers questions from the live generation of one index prefix."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._actors = generations.alias(prefix, "actors")
        self._titles = generations.alias(prefix, "titles")

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Find people by name.

        Raises:
            EngineUnavailableError: the engine is away, too slow, or answered in part.
            EngineNotReadyError: no generation is live.
        """
        started = time.perf_counter()
        bodies = query.build_search(request.key, request.profession)
        generation, found = await self._candidates(self._actors, bodies, Actor)
        hints = Hints(
            born=request.born,
            born_tolerance=request.born_tolerance,
            titles=tuple(names.normalise(title) for title in request.title),
        )
        ranked = rank_actors(request.key, found.values(), hints)
        shown = [each for each in ranked if each.score >= request.min_score]
        window = shown[request.offset : request.offset + request.limit]
        return SearchAnswer(
            query=request.q,
            generation=generation,
            stale=False,
            took_ms=round((time.perf_counter() - started) * 1000, 2),
            did_you_mean=propose(shown),
            ambiguous=is_ambiguous(shown),
            hits=[_hit(each, request.explain) for each in window],
        )

    async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
        """Complete a name while it is typed; raises as `search` does."""
        bodies = query.build_suggest(request.key, SUGGEST_CANDIDATES)
        generation, found = await self._candidates(self._actors, bodies, Actor)
        actors = [actor for actor, _ in found.values()]
        return SuggestAnswer(
            query=request.q,
            generation=generation,
            stale=False,
            suggestions=rank_suggestions(request.key, actors, request.limit),
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
        generation, found = await self._candidates(self._titles, bodies, Title)
        ranked = rank_titles(request.key, (title for title, _ in found.values()))
        return TitleSearchAnswer(
            query=request.q,
            generation=generation,
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
    ) -> tuple[str, dict[str, tuple[Document, tuple[str, ...]]]]:
        """Run the routes in one request; return the generation and what was found, each with its routes."""
        searches = [(alias, body) for body in bodies.values()]
        for _ in range(MAX_MIXED):
            documents: dict[str, Document] = {}
            routes: dict[str, tuple[str, ...]] = {}
            indexes: set[str] = set()
            answers = await self._cluster.search_many(searches)
            for route, answer in zip(bodies, answers, strict=True):
                for hit in answer["hits"]["hits"]:
                    doc_id: str = hit["_id"]
                    indexes.add(hit["_index"])
                    routes[doc_id] = (*routes.get(doc_id, ()), route)
                    if doc_id not in documents:
                        documents[doc_id] = msgspec.convert(hit["_source"], kind)
            found = {doc_id: (document, routes[doc_id]) for doc_id, document in documents.items()}
            if len(indexes) == 1:
                return generations.generation_of(self._prefix, indexes.pop()), found
            if not indexes:
                return await generations.resolve(self._cluster, self._prefix), found
        raise EngineNotReadyError(f"alias {alias} points at several generations")


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
