"""The documented answers of the endpoints, for the OpenAPI schema; `api/schema` adds headers and examples."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from marquee.api.guides import GUIDES
from marquee.api.problems import MEDIA_TYPE, PROBLEM_TYPES, Kind, ParameterError, Problem, kinds

Responses = dict[int, ResponseSpec]


def data_of(answer: Any, status: int = 200, media_type: str = "application/json") -> Responses:
    """Document the answer of a request that succeeded."""
    spec = ResponseSpec(answer, description="The answer.", media_type=media_type, generate_examples=False)
    return {status: spec}


def problems_of(status: int, description: str, *names: str) -> Responses:
    """Document the problems of a status; where none is named, it is every kind that has the status."""
    named = [kind for name, kind in kinds().items() if kind.status == status and name in (names or [name])]
    examples = [
        Example(id=kind.name, summary=kind.title, value=msgspec.to_builtins(exemplify(kind)))
        for kind in named
    ]
    spec = ResponseSpec(
        Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False, examples=examples
    )
    return {status: spec}


def exemplify(kind: Kind) -> Problem:
    """Return a problem of a kind as it may be answered."""
    detail = GUIDES[kind.name].detail
    parameter, colon, message = detail.partition(": ")
    is_of_parameters = kind.status == 400 and bool(colon)
    return Problem(
        type=PROBLEM_TYPES + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=(ParameterError(parameter, message),) if is_of_parameters else (),
    )


def conflict(description: str, *names: str) -> Responses:
    """Document the answer 409."""
    return problems_of(409, description, *names or ["conflict"])


NOTHING = {204: ResponseSpec(None, description="Done; the answer has no body.")}
BAD_REQUEST = problems_of(400, "A parameter is missing, unknown or out of range.", "bad-request")
NOT_FOUND = problems_of(404, "There is nothing of this id.")
UNAVAILABLE = problems_of(
    503, "The engine is away or holds no data yet; come again after `Retry-After` seconds."
)
ANY_PROBLEMS = {
    **problems_of(408, "The request took longer than 20 seconds to arrive."),
    **problems_of(414, "The URL is too long."),
    **problems_of(431, "The headers are too long."),
    **problems_of(500, "Something broke on our side."),
}
"""What any request may be answered."""
READER_PROBLEMS = {
    **problems_of(
        401, "The token is unknown; or reading takes one here (`MARQUEE_PUBLIC` is off), and there is none."
    ),
    **problems_of(429, "This token or address asks too often; come again after `Retry-After` seconds."),
}
"""What whoever reads may be answered."""
PROBLEMS = {
    **problems_of(400, "A parameter is missing, unknown or out of range, or nothing searchable was typed."),
    **READER_PROBLEMS,
    **UNAVAILABLE,
    **ANY_PROBLEMS,
}
"""What a question may be answered."""
ADMIN_PROBLEMS = {
    **BAD_REQUEST,
    **problems_of(401, "There is no token, or an unknown one."),
    **problems_of(403, "The token has another role; or no token is configured (`admin-disabled`)."),
    **problems_of(429, "This token or address asks too often; come again after `Retry-After` seconds."),
    **UNAVAILABLE,
    **ANY_PROBLEMS,
}
BODY_PROBLEMS = {
    **problems_of(413, "The body is too long."),
    **problems_of(415, "The body is not `application/json`."),
}
