"""A question in, an answer out: the only module of this package that talks to the engine."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from marquee import names
from marquee.catalog.documents import Actor, KnownFor, Title
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.errors import EngineNotReadyError, NotFoundError
from marquee.search import query
from marquee.search.alignment import Match
from marquee.search.rank import Explanation, Hints, Ranked, is_ambiguous, propose, rank_actors
from marquee.search.request import SearchRequest, SuggestRequest
from marquee.search.suggest import Suggestion, rank_suggestions

# Suggestions are reordered by spelling, so more are fetched than shown.
SUGGEST_CANDIDATES = 50
# A swap between two routes of one request mixes two generations once; the next try has the new one alone.
MAX_MIXED = 3


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A person found."""

    nconst: str
    name: str
    score: float
    birth_year: int | None
    death_year: int | None
    professions: tuple[str, ...]
    known_for: tuple[KnownFor, ...]
    popularity: float
    match: Match
    explanation: Explanation | msgspec.UnsetType = msgspec.UNSET


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search."""

    query: str
    generation: str
    stale: bool
    took_ms: float
    did_you_mean: str | None
    ambiguous: bool
    hits: list[Hit]


class SuggestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a suggest."""

    query: str
    generation: str
    stale: bool
    suggestions: list[Suggestion]


class ActorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A person's profile."""

    generation: str
    actor: Actor


class TitleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A title."""

    generation: str
    title: Title


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
        generation, found = await self._candidates(bodies)
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
        generation, found = await self._candidates(bodies)
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
        document = await self._cluster.get(self._actors, nconst)
        if document is None:
            raise NotFoundError(f"no person has the id {nconst}")
        return ActorAnswer(
            generation=generations.generation_of(self._prefix, document["_index"]),
            actor=msgspec.convert(document["_source"], Actor),
        )

    async def find_title(self, tconst: str) -> TitleAnswer:
        """Return a title; raises as `find_actor` does."""
        document = await self._cluster.get(self._titles, tconst)
        if document is None:
            raise NotFoundError(f"no title has the id {tconst}")
        return TitleAnswer(
            generation=generations.generation_of(self._prefix, document["_index"]),
            title=msgspec.convert(document["_source"], Title),
        )

    async def probe(self) -> str:
        """Return the live generation's id once both aliases answer a search; raises as `search` does."""
        body = {"size": 0, "track_total_hits": False}
        await self._cluster.search_many([(self._actors, body), (self._titles, body)])
        return await generations.resolve(self._cluster, self._prefix)

    async def _candidates(
        self, bodies: dict[str, dict[str, Any]]
    ) -> tuple[str, dict[str, tuple[Actor, tuple[str, ...]]]]:
        """Run the routes in one request; return the generation and the people found, each with its routes."""
        searches = [(self._actors, body) for body in bodies.values()]
        for _ in range(MAX_MIXED):
            found: dict[str, tuple[Actor, tuple[str, ...]]] = {}
            indexes: set[str] = set()
            answers = await self._cluster.search_many(searches)
            for route, answer in zip(bodies, answers, strict=True):
                for hit in answer["hits"]["hits"]:
                    indexes.add(hit["_index"])
                    known = found.get(hit["_id"])
                    actor = msgspec.convert(hit["_source"], Actor) if known is None else known[0]
                    found[hit["_id"]] = (actor, (*(known[1] if known else ()), route))
            if len(indexes) == 1:
                return generations.generation_of(self._prefix, indexes.pop()), found
            if not indexes:
                return await generations.resolve(self._cluster, self._prefix), found
        raise EngineNotReadyError(f"alias {self._actors} points at several generations")


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
