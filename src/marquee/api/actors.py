"""`/v1/actors`: search, suggest and profile."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import Parameter

from marquee.api.answers import Answers
from marquee.api.operation import json_body, operation_for, operation_taking, query_pairs
from marquee.api.responses import NOT_FOUND, PROBLEMS, data_of
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

MAX_MATCH_BYTES = 1 << 20
"""A hundred names with ten titles of 200 letters each are a quarter of it."""


@get(
    "/v1/actors/search",
    operation_class=operation_for(SearchRequest),
    operation_id="searchActors",
    summary="Search people by name, typos tolerated",
    tags=["actors"],
    responses=data_of(SearchAnswer) | PROBLEMS,
)
async def search_actors(
    request: AnyRequest, lookup: NamedDependency[Lookup], answers: NamedDependency[Answers]
) -> Response[Any]:
    """Return ranked hits for a name in any spelling."""
    return await answers.send(request, lookup.search(parse(SearchRequest, query_pairs(request))))


@post(
    "/v1/actors/match",
    status_code=200,
    operation_class=operation_taking(MatchRequest),
    operation_id="matchActors",
    summary="Find the bearers of up to 100 names at once",
    tags=["actors"],
    request_max_body_size=MAX_MATCH_BYTES,
    responses=data_of(MatchAnswer) | PROBLEMS,
)
async def match_actors(
    request: AnyRequest, lookup: NamedDependency[Lookup], answers: NamedDependency[Answers]
) -> Response[Any]:
    """Return who each name stands for, told apart by the hints `born` and `title`; null for nobody likely."""
    parse(IdRequest, query_pairs(request))
    body = await json_body(request)
    return await answers.send(request, lookup.match(parse_match(body)), body)


@get(
    "/v1/actors/suggest",
    operation_class=operation_for(SuggestRequest),
    operation_id="suggestActors",
    summary="Complete a name while it is typed, typos tolerated",
    tags=["actors"],
    responses=data_of(SuggestAnswer) | PROBLEMS,
)
async def suggest_actors(
    request: AnyRequest, lookup: NamedDependency[Lookup], answers: NamedDependency[Answers]
) -> Response[Any]:
    """Return the people whose names may become what is being typed."""
    return await answers.send(request, lookup.suggest(parse(SuggestRequest, query_pairs(request))))


@get(
    "/v1/actors/{nconst:str}",
    operation_id="getActor",
    summary="A person's profile",
    tags=["actors"],
    responses=data_of(ActorAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_actor(
    request: AnyRequest,
    lookup: NamedDependency[Lookup],
    answers: NamedDependency[Answers],
    nconst: Annotated[str, Parameter(description="IMDb's id of the person, `nm0350453` say.")],
) -> Response[Any]:
    """Return a person by id."""
    parse(IdRequest, query_pairs(request))
    return await answers.send(request, lookup.find_actor(check_id("nconst", nconst)))


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
    lookup: NamedDependency[Lookup],
    answers: NamedDependency[Answers],
    nconst: Annotated[str, Parameter(description="IMDb's id of the person, `nm0350453` say.")],
) -> Response[Any]:
    """Return a page of somebody's credits; at most 200 are kept, the newest."""
    asked = parse(CreditsRequest, query_pairs(request))
    return await answers.send(request, lookup.find_credits(check_id("nconst", nconst), asked))
