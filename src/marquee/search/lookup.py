"""A question in, an answer out. Of this package, only this module and `retrieval` talk to the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from marquee.catalog.documents import Actor, CastEntry, Credit, Title, read_entries
from marquee.engine import generations
from marquee.engine.cluster import SEARCH_TIMEOUT_S, Cluster
from marquee.engine.state import check_readable
from marquee.errors import EngineNotReadyError, NotFoundError, RequestError
from marquee.search import query
from marquee.search.answer import (
    ActorAnswer,
    CastAnswer,
    CreditsAnswer,
    Hit,
    MatchAnswer,
    MatchResult,
    SearchAnswer,
    SuggestAnswer,
    Suggestion,
    TitleAnswer,
    TitleHit,
    TitleSearchAnswer,
)
from marquee.search.cursor import Cursor, decode_cursor, encode_cursor
from marquee.search.explanation import explain
from marquee.search.rank import Hints, Ranked, is_ambiguous, propose
from marquee.search.reconciliation import Candidate, EntityQuery, judge
from marquee.search.request import (
    CreditsRequest,
    MatchRequest,
    SearchRequest,
    SuggestRequest,
    TitleSearchRequest,
    make_key,
)
from marquee.search.retrieval import Question, Retrieval
from marquee.search.suggest import Completed, rank_suggestions
from marquee.search.titles import rank_titles


class Lookup:
    """Answers questions from the live generation of one index prefix.

    `timeout_s` is the time of one request to the engine.
    """

    def __init__(self, cluster: Cluster, prefix: str, *, timeout_s: float = SEARCH_TIMEOUT_S) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._actors = generations.alias(prefix, "actors")
        self._titles = generations.alias(prefix, "titles")
        self._retrieval = Retrieval(cluster, prefix, timeout_s=timeout_s)

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Find people by name.

        Raises:
            EngineUnavailableError: the engine is away, too slow, or answered in part.
            EngineNotReadyError: no generation is live.
        """
        started = time.perf_counter()
        question = Question(
            key=request.key,
            professions=request.profession,
            hints=Hints.read(request.born, request.born_tolerance, request.title),
        )
        generation, (ranked,) = await self._retrieval.rank([question])
        shown = [each for each in ranked if each.score >= request.min_score]
        window = shown[request.offset : request.offset + request.limit]
        return SearchAnswer(
            query=request.q,
            generation=generation,
            stale=False,
            took_ms=round((time.perf_counter() - started) * 1000, 2),
            did_you_mean=propose(shown),
            ambiguous=is_ambiguous(shown),
            hits=[
                _hit(each, explain(request.key, each, following) if request.explain else None)
                for each, following in zip_longest(window, shown[request.offset + 1 :][: len(window)])
            ],
        )

    async def match(self, request: MatchRequest) -> MatchAnswer:
        """Find the bearers of many names at once; raises as `search` does."""
        questions = [
            Question(key=each.key, hints=Hints.read(each.born, each.born_tolerance, each.titles))
            for each in request.queries
        ]
        generation, rankings = await self._retrieval.rank(questions)
        results: dict[str, MatchResult] = {}
        for each, ranked in zip(request.queries, rankings, strict=True):
            candidates = [_hit(one) for one in ranked[: request.candidates]]
            is_match = bool(ranked) and ranked[0].score >= request.min_score
            results[each.id] = MatchResult(
                match=_hit(ranked[0]) if is_match else None,
                ambiguous=is_ambiguous(ranked),
                candidates=candidates,
            )
        return MatchAnswer(generation=generation, results=results)

    async def reconcile(self, rows: Sequence[EntityQuery]) -> tuple[str, list[list[Candidate]]]:
        """Return the generation, and for each row whom it may mean; raises as `search` does."""
        asked = [
            (place, Question(key=key, hints=each.hints))
            for place, each in enumerate(rows)
            for key in filter(None, map(make_key, each.names))
        ]
        generation, rankings = await self._retrieval.rank([question for _, question in asked])
        ids = {each for row in rows for each in row.ids}
        people: dict[str, Actor] = {}
        if ids:
            found, people = await self.find_actors(sorted(ids))
            if found != generation:  # swapped in between: everything once more, in the new one
                return await self.reconcile(rows)
        by_row: list[list[list[Ranked]]] = [[] for _ in rows]
        for (place, _), ranked in zip(asked, rankings, strict=True):
            by_row[place].append(ranked)
        judged: list[list[Candidate]] = []
        for row, found_by_name in zip(rows, by_row, strict=True):
            await asyncio.sleep(0)  # a row with many values takes a while: other requests come in between
            own = (people[each] for each in dict.fromkeys(row.ids) if each in people)
            judged.append(judge(row, found_by_name, own))
        return generation, judged

    async def find_actors(self, ids: Sequence[str]) -> tuple[str, dict[str, Actor]]:
        """Return the generation, and those who are there by id, each id once; raises as `search` does."""
        found = await self._retrieval.collect("actors", [query.build_ids(ids)], Actor)
        return found.generation, {doc_id: actor for doc_id, (actor, _) in found.documents[0].items()}

    async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
        """Complete a name while it is typed; raises as `search` does."""
        people: dict[str, Completed] = {}
        suggestions: list[Suggestion] = []
        generation = ""
        for effort, routes in enumerate(query.build_suggest(request.key, request.limit)):
            found = await self._retrieval.collect("actors", [routes], Completed, is_small=effort == 0)
            if found.generation != generation:  # swapped in between: the new one alone
                people, generation = {}, found.generation
            people |= {doc_id: person for doc_id, (person, _) in found.documents[0].items()}
            suggestions, certainty = rank_suggestions(request.key, people.values(), request.limit)
            if certainty == "clear" or (effort > 0 and certainty == "likely"):
                break
        return SuggestAnswer(query=request.q, generation=generation, stale=False, suggestions=suggestions)

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
        return CreditsAnswer(
            generation=generation, stale=False, credits=every[start:end], next_cursor=following
        )

    async def find_title(self, tconst: str) -> TitleAnswer:
        """Return a title; raises as `find_actor` does."""
        generation, source = await self._document(self._titles, tconst, query.TITLE_FIELDS)
        return TitleAnswer(generation=generation, title=msgspec.convert(source, Title))

    async def find_cast(self, tconst: str) -> CastAnswer:
        """Return who is in a title, in billing order (50 at most); raises as `find_actor` does."""
        generation, source = await self._document(self._titles, tconst, ("cast",))
        return CastAnswer(
            generation=generation, stale=False, cast=read_entries(CastEntry, source.get("cast"))
        )

    async def search_titles(self, request: TitleSearchRequest) -> TitleSearchAnswer:
        """Find titles; raises as `search` does."""
        bodies = query.build_title_search(request.key)
        found = await self._retrieval.collect("titles", [bodies], Title)
        ranked = rank_titles(request.key, (title for title, _ in found.documents[0].values()))
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
        await self._cluster.search_many([(self._actors, body), (self._titles, body)], msgspec.Raw)
        generation = await generations.resolve(self._cluster, self._prefix)
        check_readable(generation)
        return generation


def _hit(ranked: Ranked, reasons: tuple[str, ...] | None = None) -> Hit:
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
        explanation=msgspec.UNSET
        if reasons is None
        else msgspec.structs.replace(ranked.explanation, reasons=reasons),
    )
