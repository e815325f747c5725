"""Asking a generation what users will ask it, before it is live: none of them must wait for a cold disk."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from marquee.engine.cluster import Cluster, Json
from marquee.engine.generations import index_name
from marquee.engine.mappings import Kind
from marquee.engine.pacing import Pace
from marquee.errors import EngineError
from marquee.names import normalise
from marquee.search import query

PEOPLE = 60
# What users ask most is warm after the first dozens of questions; an undo must be one of seconds.
WITHIN_S = 5.0
TIMEOUT_S = 5.0
PREFIX_LETTERS = 4
SUGGESTIONS = 8

_log = logging.getLogger("marquee.reindex")


async def warm(cluster: Cluster, prefix: str, generation: str, pace: Pace | None = None) -> int:
    """Search and complete the most popular people and their titles in a generation; return how many.

    Ends after WITHIN_S. An engine that fails is no error here: who calls has better questions.
    """
    asked = 0
    pace = pace or Pace(cluster, prefix)
    try:
        async with asyncio.timeout(WITHIN_S):
            for person in await _find_popular(cluster, index_name(prefix, "actors", generation)):
                if questions := _write_questions(prefix, generation, person):
                    async with pace.search():
                        await cluster.search_many(questions, msgspec.Raw, TIMEOUT_S, in_turn=True)
                    asked += 1
    except TimeoutError:
        pass
    except EngineError as error:
        _log.warning("%s could not be warmed: %s", generation, error)
    return asked


async def _find_popular(cluster: Cluster, index: str) -> list[dict[str, Any]]:
    body = query.build_popular(PEOPLE, ("name", "known_for"))
    (hits,) = await cluster.search_many([(index, body)], dict[str, Any], TIMEOUT_S)
    return [hit.source for hit in hits]


def _write_questions(prefix: str, generation: str, person: dict[str, Any]) -> list[tuple[str, Json]]:
    """Return searches for a person, for what is typed of the name, and for what the person is known for."""
    key = normalise(person["name"])
    if not key:
        return []
    actors = [
        *query.build_search(key).values(),
        *next(query.build_suggest(key[:PREFIX_LETTERS].strip(), SUGGESTIONS)).values(),
    ]
    tokens = [body for word in key.split()[:2] for body in query.build_expansion(word).values()]
    known_for = [normalise(each["title"]) for each in person.get("known_for", [])[:1]]
    titles = [body for title in known_for if title for body in query.build_title_search(title).values()]
    asked: dict[Kind, list[Json]] = {"actors": actors, "tokens": tokens, "titles": titles}
    return [(index_name(prefix, kind, generation), body) for kind, bodies in asked.items() for body in bodies]
