"""`/v1/titles`: content metadata."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from marquee.api.answers import Answers
from marquee.api.operation import operation_for, query_pairs
from marquee.api.question import Question, typed
from marquee.api.reply import Reply
from marquee.api.responses import NOT_FOUND, PROBLEMS, data_of
from marquee.search.answer import CastAnswer, TitleAnswer, TitleSearchAnswer
from marquee.search.request import IdRequest, TitleSearchRequest, check_id, parse

AnyRequest = Request[Any, Any, Any]
Tconst = Annotated[
    str,
    Parameter(
        description="IMDb's id of the title, `tt0246578` say.", schema_extra={"pattern": "^tt[0-9]{7,10}$"}
    ),
]


@get(
    "/v1/titles/search",
    operation_class=operation_for(TitleSearchRequest),
    operation_id="searchTitles",
    summary="Search titles, typos tolerated",
    tags=["titles"],
    responses=data_of(TitleSearchAnswer) | PROBLEMS,
)
async def search_titles(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return ranked titles for a title in any spelling; primary and original titles count."""
    asked = parse(TitleSearchRequest, query_pairs(request.scope))
    question = typed("search-titles", TitleSearchAnswer, asked)
    return await answers.send(request, question, lambda: answers.lookup.search_titles(asked))


@get(
    "/v1/titles/{tconst:str}",
    operation_id="getTitle",
    summary="A title",
    tags=["titles"],
    responses=data_of(TitleAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_title(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    tconst: Tconst,
) -> Reply:
    """Return a title by id."""
    parse(IdRequest, query_pairs(request.scope))
    wanted = check_id("tconst", tconst)
    question = Question("title", TitleAnswer, wanted.encode())
    return await answers.send(request, question, lambda: answers.lookup.find_title(wanted))


@get(
    "/v1/titles/{tconst:str}/cast",
    operation_id="getCast",
    summary="Who is in a title, in billing order",
    tags=["titles"],
    responses=data_of(CastAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_cast(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    tconst: Tconst,
) -> Reply:
    """Return a title's cast; at most 50 are kept."""
    parse(IdRequest, query_pairs(request.scope))
    wanted = check_id("tconst", tconst)
    question = Question("cast", CastAnswer, wanted.encode())
    return await answers.send(request, question, lambda: answers.lookup.find_cast(wanted))
