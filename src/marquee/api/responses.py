"""The documented answers of the endpoints, for the OpenAPI schema."""

from __future__ import annotations

from litestar.openapi.datastructures import ResponseSpec

from marquee.api.problems import MEDIA_TYPE, Problem


def data_of(answer: type, status: int = 200) -> dict[int, ResponseSpec]:
    """Document the answer of a request that succeeded."""
    return {status: ResponseSpec(answer, description="The answer", generate_examples=False)}


def _problem(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)


def conflict(description: str) -> dict[int, ResponseSpec]:
    """Document the answer 409."""
    return {409: _problem(description)}


NOT_FOUND = {404: _problem("There is nothing of this id.")}
PROBLEMS = {
    400: _problem("A parameter is missing, unknown or out of range, or nothing searchable was typed."),
    401: _problem("The token is unknown; or reading takes one here, and there is none."),
    429: _problem("Asked too often; come again after `Retry-After` seconds."),
    503: _problem("The engine is away or holds no data yet; come again after `Retry-After` seconds."),
}
ADMIN_PROBLEMS = {
    **PROBLEMS,
    401: _problem("There is no token, or an unknown one."),
    403: _problem("The token has another role; or no token is configured (`admin-disabled`)."),
}
BODY_PROBLEMS = {
    413: _problem("The body is too long."),
    415: _problem("The body is not `application/json`."),
}
