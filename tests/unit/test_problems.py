from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from cachetools import LRUCache
from litestar.exceptions import HTTPException, InternalServerException, MethodNotAllowedException

from marquee import errors
from marquee.api import problems
from marquee.api.problems import kind_of, respond_to_error, respond_to_http, respond_to_unexpected

STATUSES = {
    "RequestError": 400,
    "EmptyQueryError": 400,
    "NotFoundError": 404,
    "ConflictError": 409,
    "LeaseHeldError": 409,
    "OtherReleaseError": 409,
    "UnauthorizedError": 401,
    "ForbiddenError": 403,
    "AdminDisabledError": 403,
    "OverloadedError": 503,
    "RateLimitError": 429,
    "EngineUnavailableError": 503,
    "EngineFullError": 503,
    "EngineSetupError": 503,
    "EngineNotReadyError": 503,
}


def descend(kind: type[errors.MarqueeError]) -> Iterator[type[errors.MarqueeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descend(child)


# What a client tells of another service's answers is never answered by this one.
ALL = sorted(
    {each for each in descend(errors.MarqueeError) if not each.__module__.startswith("marquee.client")},
    key=lambda each: each.__name__,
)


def build(kind: type[errors.MarqueeError]) -> errors.MarqueeError:
    if kind is errors.EmptyQueryError:
        return errors.EmptyQueryError()
    if kind is errors.RequestError:
        return errors.RequestError({"limit": "is wrong"})
    return kind("what happened")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status(kind: type[errors.MarqueeError]) -> None:
    assert kind_of(build(kind)).status == STATUSES.get(kind.__name__, 500)


def test_the_tree_drawn_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__
    public = {each.__name__ for each in ALL if each.__module__ == "marquee.errors"}
    words = {word for line in errors.__doc__.splitlines() for word in line.split()}
    assert public <= words


def read(response: object) -> dict[str, object]:
    content = response.content  # type: ignore[attr-defined]
    found: dict[str, object] = msgspec.json.decode(content)
    return found


def test_a_problem_names_the_parameters() -> None:
    response = respond_to_error(None, errors.RequestError({"limit": "is wrong"}))  # type: ignore[arg-type]
    assert response.media_type == "application/problem+json"
    assert read(response) == {
        "type": "/problems/bad-request",
        "title": "Unusable parameters",
        "status": 400,
        "detail": "limit: is wrong",
        "errors": [{"parameter": "limit", "message": "is wrong"}],
    }


def test_503_says_when_to_come_again() -> None:
    response = respond_to_error(None, errors.EngineUnavailableError("away"))  # type: ignore[arg-type]
    assert response.headers["Retry-After"] == str(problems.RETRY_AFTER_S)


@pytest.mark.parametrize(
    "error",
    [errors.EngineRejectedError("secret"), RuntimeError("secret"), InternalServerException("secret")],
)
def test_what_is_our_fault_is_logged_and_not_shown(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(error, errors.MarqueeError):
        response = respond_to_error(None, error)  # type: ignore[arg-type]
    elif isinstance(error, HTTPException):
        response = respond_to_http(None, error)  # type: ignore[arg-type]
    else:
        response = respond_to_unexpected(None, error)  # type: ignore[arg-type]
    assert response.status_code == 500
    assert "secret" not in str(read(response))
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "bad-request"), (404, "not-found"), (413, "request-entity-too-large"),
        (414, "request-uri-too-long"), (415, "unsupported-media-type"), (429, "too-many-requests"),
        (431, "request-header-fields-too-large"), (418, "bad-request"),
    ],
)  # fmt: skip
def test_a_refusals_type_does_not_depend_on_how_python_words_its_status(status: int, name: str) -> None:
    response = respond_to_http(None, HTTPException(status_code=status, detail="so it is"))  # type: ignore[arg-type]
    assert (response.status_code, read(response)["status"]) == (status, status)
    assert read(response)["type"] == f"/problems/{name}"


def test_the_frameworks_refusals_are_problems_too() -> None:
    response = respond_to_http(None, MethodNotAllowedException(headers={"allow": "GET"}))  # type: ignore[arg-type]
    assert read(response)["type"] == "/problems/method-not-allowed"
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_a_trouble_of_the_engine_is_logged_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "_said", LRUCache(32))
    for _ in range(100):
        respond_to_error(None, errors.EngineUnavailableError("away"))  # type: ignore[arg-type]
        respond_to_error(None, errors.EngineUnavailableError("in part"))  # type: ignore[arg-type]
    assert sorted(record.message for record in caplog.records) == ["away", "in part"]
