"""`/v1/actors`: search, suggest and profile."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import Parameter

from marquee.api.answers import Answers, Reading, Work
from marquee.api.operation import json_body, operation_for, operation_taking, query_pairs
from marquee.api.question import Question, typed
from marquee.api.reply import Reply
from marquee.api.responses import BODY_PROBLEMS, NOT_FOUND, PROBLEMS, data_of
from marquee.search.answer import ActorAnswer, CreditsAnswer, MatchAnswer, SearchAnswer, SuggestAnswer
from marquee.search.lookup import Lookup
from marquee.search.request import (
    CreditsRequest,
    IdRequest,
    MatchRequest,
    SearchRequest,
    SuggestRequest,
    check_id,
    parse,
    parse_match,
)

AnyRequest = Request[Any, Any, Any]
Nconst = Annotated[
    str,
    Parameter(
        description="IMDb's id of the person, `nm0350453` say.", schema_extra={"pattern": "^nm[0-9]{7,10}$"}
    ),
]

# A hundred hard names at once took 1.3 s on 138,000 people and two cores.
MATCH_WITHIN_S = 10.0
MAX_MATCH_BYTES = 1 << 20
"""A hundred names with ten titles of 200 letters each are a quarter of it."""


def read_search(scope: Any, lookup: Lookup) -> tuple[Question, Work]:
    """Understand a search; raises RequestError."""
    asked = parse(SearchRequest, query_pairs(scope))
    return typed("search", SearchAnswer, asked), lambda: lookup.search(asked)


def read_suggest(scope: Any, lookup: Lookup) -> tuple[Question, Work]:
    """Understand what is to be completed; raises RequestError."""
    asked = parse(SuggestRequest, query_pairs(scope))
    return typed("suggest", SuggestAnswer, asked), lambda: lookup.suggest(asked)


READINGS: dict[bytes, Reading] = {b"/v1/actors/search": read_search, b"/v1/actors/suggest": read_suggest}
"""What is asked so often that it goes around the framework, by paths."""


@get(
    "/v1/actors/search",
    operation_class=operation_for(SearchRequest),
    operation_id="searchActors",
    summary="Search people by name, typos tolerated",
    tags=["actors"],
    responses=data_of(SearchAnswer) | PROBLEMS,
)
async def search_actors(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return ranked hits for a name in any spelling."""
    return await answers.send(request, *read_search(request.scope, answers.lookup))


@post(
    "/v1/actors/match",
    status_code=200,
    operation_class=operation_taking(MatchRequest),
    operation_id="matchActors",
    summary="Find the bearers of up to 100 names at once",
    tags=["actors"],
    request_max_body_size=MAX_MATCH_BYTES,
    responses=data_of(MatchAnswer) | PROBLEMS | BODY_PROBLEMS,
)
async def match_actors(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return who each name stands for, told apart by the hints `born` and `title`; null for nobody likely."""
    parse(IdRequest, query_pairs(request.scope))
    body = await json_body(request)
    asked = parse_match(body)
    question = Question(
        "match", MatchAnswer, msgspec.msgpack.encode(asked), limit_s=MATCH_WITHIN_S, is_heavy=True
    )
    return await answers.send(request, question, lambda: answers.lookup.match(asked), body)


@get(
    "/v1/actors/suggest",
    operation_class=operation_for(SuggestRequest),
    operation_id="suggestActors",
    summary="Complete a name while it is typed, typos tolerated",
    tags=["actors"],
    responses=data_of(SuggestAnswer) | PROBLEMS,
)
async def suggest_actors(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return the people whose names may become what is being typed."""
    return await answers.send(request, *read_suggest(request.scope, answers.lookup))


@get(
    "/v1/actors/{nconst:str}",
    operation_id="getActor",
    summary="A person's profile",
    tags=["actors"],
    responses=data_of(ActorAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_actor(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    nconst: Nconst,
) -> Reply:
    """Return a person by id."""
    parse(IdRequest, query_pairs(request.scope))
    wanted = check_id("nconst", nconst)
    question = Question("actor", ActorAnswer, wanted.encode())
    return await answers.send(request, question, lambda: answers.lookup.find_actor(wanted))


@get(
    "/v1/actors/{nconst:str}/credits",
    operation_class=operation_for(CreditsRequest),
    operation_id="getCredits",
    summary="A person's filmography, newest first",
    tags=["actors"],
    responses=data_of(CreditsAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_credits(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    nconst: Nconst,
) -> Reply:
    """Return a page of somebody's credits; at most 200 are kept, the newest."""
    asked = parse(CreditsRequest, query_pairs(request.scope))
    wanted = check_id("nconst", nconst)
    question = Question("credits", CreditsAnswer, msgspec.msgpack.encode((wanted, asked)))
    return await answers.send(request, question, lambda: answers.lookup.find_credits(wanted, asked))
