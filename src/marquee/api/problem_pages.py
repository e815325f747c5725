"""`/problems/{name}`: what a problem's `type` points to, a page for people and JSON for programs."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.params import Parameter

from marquee.api.guides import GUIDES
from marquee.api.operation import query_pairs
from marquee.api.problems import PROBLEM_TYPES, Problem, kinds
from marquee.api.responses import ANY_PROBLEMS, BAD_REQUEST, NOT_FOUND, data_of, exemplify
from marquee.errors import NotFoundError
from marquee.search.request import IdRequest, parse

# The texts change with a release only.
HEADERS = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title} - Marquee</title></head>
<body>
<h1>{title}</h1>
<p>HTTP status {status}, type <code>{type}</code></p>
<p>{meaning}</p>
<p>{advice}</p>
<p><a href="/schema">The API's documentation</a></p>
</body>
</html>
"""


class ProblemAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of problem."""

    type: str
    """As it stands in a problem."""
    title: str
    """The kind in words."""
    status: int
    """The HTTP status it comes with."""
    meaning: str
    """What has happened."""
    advice: str
    """What a client should do."""
    example: Problem
    """Such an answer."""


@get(
    PROBLEM_TYPES + "{name:str}",
    operation_id="getProblem",
    summary="What a kind of problem means",
    tags=["problems"],
    responses=data_of(ProblemAnswer) | BAD_REQUEST | NOT_FOUND | ANY_PROBLEMS,
)
async def get_problem(
    request: Request[Any, Any, Any],
    name: Annotated[str, Parameter(description="The last part of a problem's `type`.")],
) -> Response[Any]:
    """Return what has happened where a problem is of this type, and what to do: as a page where `Accept` asks
    for HTML, else as JSON.
    """
    parse(IdRequest, query_pairs(request.scope))
    kind = kinds().get(name)
    if kind is None:
        raise NotFoundError("there is no problem of this name")
    example = exemplify(kind)
    answer = ProblemAnswer(
        type=example.type,
        title=kind.title,
        status=kind.status,
        meaning=GUIDES[name].meaning,
        advice=GUIDES[name].advice,
        example=example,
    )
    if "text/html" in request.headers.get("accept", ""):
        texts = {key: escape(str(value)) for key, value in msgspec.structs.asdict(answer).items()}
        return Response(PAGE.format(**texts), media_type=MediaType.HTML, headers=HEADERS)
    return Response(answer, headers=HEADERS)
