"""Candidates from the engine: all routes in one request, the wide ones only where the cheap leave it open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache

from marquee.catalog.documents import Actor, Title, Token
from marquee.engine import generations
from marquee.engine.cluster import SEARCH_TIMEOUT_S, Cluster
from marquee.engine.hits import Hit
from marquee.engine.mappings import Kind
from marquee.errors import EngineNotReadyError
from marquee.search import query
from marquee.search.expansion import MIN_LIKENESS_JOINED, Expansion, expand, join_neighbours
from marquee.search.rank import Hints, Ranked, is_settled, rank_actors
from marquee.search.suggest import Completed

# First names repeat from query to query: with their expansions at hand, the engine answered 298 instead of 88
# queries a second. An entry is some 40 tokens, 5 kB: with 10,000 of them, a service was still
# growing after half an hour.
MAX_EXPANDED_WORDS = 4_000
# A swap between two routes of one request mixes two generations once; the next try has the new one alone.
MAX_MIXED = 3
MAX_SEARCHES_PER_REQUEST = 200
"""A batch of a hundred names is asked in several requests, so that no answer grows to tens of megabytes."""

Document = TypeVar("Document", Actor, Title, Completed)
Source = TypeVar("Source")
Bodies = Mapping[str, dict[str, Any]]
"""One search body for each route."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked for."""

    key: str
    professions: tuple[str, ...] = ()
    hints: Hints = Hints()

    @property
    def words(self) -> list[str]:
        """The distinct words of the key, in order."""
        return list(dict.fromkeys(self.key.split()))


Documents = dict[str, tuple[Document, tuple[str, ...]]]
"""What the routes of one question found, by id, each with the routes that found it."""


class Found(NamedTuple, Generic[Document]):
    """What was found for each of several questions, all in one generation."""

    generation: str
    documents: list[Documents[Document]]


class Retrieval:
    """Finds candidates in one generation of an index prefix, and keeps what words may stand for.

    That is the live one, whichever it is at each question, unless `generation` names another. `timeout_s` is
    the time of one request to the engine; who has no user waiting may give more, and ask `in_turn`.
    """

    def __init__(
        self,
        cluster: Cluster,
        prefix: str,
        *,
        generation: str | None = None,
        timeout_s: float = SEARCH_TIMEOUT_S,
        in_turn: bool = False,
    ) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._generation = generation
        self._timeout_s, self._in_turn = timeout_s, in_turn
        self._expansions: LRUCache[str, tuple[Expansion, ...]] = LRUCache(MAX_EXPANDED_WORDS)
        self._expansions_of = ""

    async def rank(self, questions: Sequence[Question]) -> tuple[str, list[list[Ranked]]]:
        """Return the generation, and for each question all candidates in their order.

        Raises:
            EngineUnavailableError: the engine is away, too slow, or answered in part.
            EngineNotReadyError: no generation is live.
        """
        routes = [
            query.build_search(each.key, each.professions, has_hints=each.hints.are_given)
            for each in questions
        ]
        cheap = self.collect("actors", routes, Actor)
        # What a single word may stand for is nearly always needed: asked for at once.
        singles = [each.words[0] for each in questions if len(each.words) == 1]
        found, _ = await asyncio.gather(cheap, self._expand(singles))
        ranked = _rank(questions, found.documents)
        open_places = [
            place
            for place, each in enumerate(questions)
            if not is_settled(each.key, ranked[place], each.hints)
        ]
        if not open_places:
            return found.generation, ranked
        wider = await self._widen([questions[place] for place in open_places], found.generation)
        if wider.generation != found.generation:  # swapped in between: everything once more, in the new one
            return await self.rank(questions)
        for place, documents in zip(open_places, wider.documents, strict=True):
            merged = _merge(found.documents[place], documents)
            ranked[place] = rank_actors(questions[place].key, merged.values(), questions[place].hints)
        return found.generation, ranked

    async def _widen(self, questions: Sequence[Question], generation: str) -> Found[Actor]:
        """Find the bearers of the tokens that the words of each question may stand for."""
        if self._expansions_of != generation:
            if self._expansions_of:  # of another generation's tokens
                self._expansions.clear()
            self._expansions_of = generation
        words = (word for each in questions for word in (*each.words, *join_neighbours(each.words)))
        expansions = await self._expand(words)
        bodies = []
        for each in questions:
            own = {word: expansions[word] for word in each.words}
            for joined in join_neighbours(each.words):
                own[joined] = tuple(one for one in expansions[joined] if one.likeness >= MIN_LIKENESS_JOINED)
            bodies.append(query.build_names(each.words, own, each.professions))
        return await self.collect("actors", bodies, Actor)

    async def _expand(self, words: Iterable[str]) -> dict[str, tuple[Expansion, ...]]:
        """Return what each word may stand for."""
        distinct = list(dict.fromkeys(words))
        expansions = {word: self._expansions[word] for word in distinct if word in self._expansions}
        missing = [word for word in distinct if word not in expansions]
        index = self._index("tokens")
        searches = [
            (word, (index, body)) for word in missing for body in query.build_expansion(word).values()
        ]
        tokens: dict[str, dict[str, Token]] = {word: {} for word in missing}
        generation = self._expansions_of
        found = await self._search([search for _, search in searches], Token)
        for (word, _), hits in zip(searches, found, strict=True):
            tokens[word].update((hit.id, hit.source) for hit in hits)
        for word in missing:
            expansions[word] = expand(word, tokens[word].values())
            if self._expansions_of == generation:  # else what was found is of the one before
                self._expansions[word] = expansions[word]
        return expansions

    async def collect(
        self,
        kind: Kind,
        bodies: Sequence[Bodies],
        document: type[Document],
        *,
        is_small: bool = False,
    ) -> Found[Document]:
        """Ask all routes of all questions, with others' where they are small; raises as `rank`."""
        index = self._index(kind)
        asked = [(place, route) for place, routes in enumerate(bodies) for route in routes]
        searches = [(index, bodies[place][route]) for place, route in asked]
        for _ in range(MAX_MIXED):
            documents: list[Documents[Document]] = [{} for _ in bodies]
            indexes: set[str] = set()
            found = await self._search(searches, document, is_small)
            for (place, route), hits in zip(asked, found, strict=True):
                indexes.update([hit.index for hit in hits])
                _add(documents[place], hits, route)
            if len(indexes) == 1:
                return Found(generations.generation_of(self._prefix, indexes.pop()), documents)
            if not indexes:
                generation = self._generation or await generations.resolve(self._cluster, self._prefix)
                return Found(generation, documents)
        raise EngineNotReadyError(f"alias {index} points at several generations")

    def _index(self, kind: Kind) -> str:
        if self._generation is None:
            return generations.alias(self._prefix, kind)
        return generations.index_name(self._prefix, kind, self._generation)

    async def _search(
        self, searches: Sequence[tuple[str, dict[str, Any]]], document: type[Source], is_small: bool = False
    ) -> list[list[Hit[Source]]]:
        found: list[list[Hit[Source]]] = []
        for start in range(0, len(searches), MAX_SEARCHES_PER_REQUEST):
            part = searches[start : start + MAX_SEARCHES_PER_REQUEST]
            found += await self._cluster.search_many(
                part, document, self._timeout_s, in_turn=self._in_turn, is_small=is_small
            )
        return found


def _rank(questions: Sequence[Question], documents: Sequence[Documents[Actor]]) -> list[list[Ranked]]:
    return [
        rank_actors(each.key, found.values(), each.hints)
        for each, found in zip(questions, documents, strict=True)
    ]


def _add(
    documents: dict[str, tuple[Source, tuple[str, ...]]], hits: Iterable[Hit[Source]], route: str
) -> None:
    alone = (route,)
    for hit in hits:
        known = documents.get(hit.id)
        if known is None:
            documents[hit.id] = (hit.source, alone)
        elif route not in known[1]:  # the suggester tells a person twice, by two tokens of the name
            documents[hit.id] = (known[0], (*known[1], route))


def _merge(cheap: Documents[Actor], wide: Documents[Actor]) -> Documents[Actor]:
    merged = dict(wide)
    for doc_id, (actor, routes) in cheap.items():
        merged[doc_id] = (actor, routes + merged[doc_id][1] if doc_id in merged else routes)
    return merged
