"""The documented answers of the endpoints, for the OpenAPI schema."""

from __future__ import annotations

from litestar.openapi.datastructures import ResponseSpec

from marquee.api.problems import MEDIA_TYPE, Problem


def data_of(answer: type) -> dict[int, ResponseSpec]:
    """Document the answer 200."""
    return {200: ResponseSpec(answer, description="The answer", generate_examples=False)}


def _problem(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)


NOT_FOUND = {404: _problem("There is nothing of this id.")}
PROBLEMS = {
    400: _problem("A parameter is missing, unknown or out of range, or nothing searchable was typed."),
    503: _problem("The engine is away or holds no data yet; come again after `Retry-After` seconds."),
}
