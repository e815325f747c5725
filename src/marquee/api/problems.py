"""Errors as RFC 9457 problems: which error class is which HTTP status, and how it reads."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import Any

import msgspec
from cachetools import LRUCache
from litestar import Request, Response
from litestar.exceptions import HTTPException

from marquee import errors, logs
from marquee.api.operation import list_methods
from marquee.reindex.job import Job

PROBLEM_TYPES = "/problems/"
MEDIA_TYPE = "application/problem+json"
# A restart of the managed node takes about 10 s; asking every 5 s finds it soon and costs nothing.
RETRY_AFTER_S = 5

SAY_EVERY_S = 5.0

_log = logging.getLogger("marquee.api")
_said: LRUCache[str, float] = LRUCache(32)
"""Which troubles of the engine were logged when."""


class ParameterError(msgspec.Struct, frozen=True):
    """What is wrong with one parameter."""

    parameter: str
    """Its name, or where in the body it stands: `queries[3].born`."""
    message: str
    """What is wrong with it, for people."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error answer. `type` names the kind of problem and never changes; `detail` is for people."""

    type: str
    """Which kind of problem, as a reference to its page: `/problems/bad-request`. Decide by this."""
    title: str
    """The kind of problem in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened this time, for people; its wording may change."""
    errors: tuple[ParameterError, ...] = ()
    """Every parameter that is wrong; only where parameters are."""
    job: Job | None = None
    """Of `job-running`: the job under way."""


class Kind(msgspec.Struct, frozen=True):
    """How one error class is answered."""

    name: str
    title: str
    status: HTTPStatus
    headers: dict[str, str] = {}


# The nearest class in an error's ancestry counts; a test walks the whole tree.
KINDS: dict[type[errors.MarqueeError], Kind] = {
    errors.EmptyQueryError: Kind("empty-query", "Nothing to search for", HTTPStatus.BAD_REQUEST),
    errors.RequestError: Kind("bad-request", "Unusable parameters", HTTPStatus.BAD_REQUEST),
    errors.NotFoundError: Kind("not-found", "Not found", HTTPStatus.NOT_FOUND),
    errors.ConflictError: Kind("conflict", "Does not go together with how things stand", HTTPStatus.CONFLICT),
    errors.OtherReleaseError: Kind("other-release", "Of another release of Marquee", HTTPStatus.CONFLICT),
    errors.LeaseHeldError: Kind("job-running", "Another job is under way", HTTPStatus.CONFLICT),
    errors.UnauthorizedError: Kind(
        "unauthorized", "A token is needed", HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"}
    ),
    errors.ForbiddenError: Kind("forbidden", "Not with this token", HTTPStatus.FORBIDDEN),
    errors.AdminDisabledError: Kind(
        "admin-disabled", "Administration over HTTP is off", HTTPStatus.FORBIDDEN
    ),
    errors.OverloadedError: Kind(
        "overloaded", "Too much at once", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"}
    ),
    errors.RateLimitError: Kind("too-many-requests", "Asked too often", HTTPStatus.TOO_MANY_REQUESTS),
    errors.EngineNotReadyError: Kind("not-ready", "No data yet", HTTPStatus.SERVICE_UNAVAILABLE),
    errors.EngineUnavailableError: Kind(
        "engine-unavailable", "The search engine is away", HTTPStatus.SERVICE_UNAVAILABLE
    ),
    # Somebody must change a setting; who asks can only come again.
    errors.EngineSetupError: Kind(
        "engine-unavailable", "The search engine is away", HTTPStatus.SERVICE_UNAVAILABLE
    ),
    errors.EngineFullError: Kind(
        "engine-full", "The search engine takes no writes", HTTPStatus.SERVICE_UNAVAILABLE
    ),
    errors.MarqueeError: Kind("internal-error", "Something broke", HTTPStatus.INTERNAL_SERVER_ERROR),
}


# What the framework refuses before a handler is asked. The names are ours: Python words a status otherwise in
# every other release, and a problem's `type` never changes.
REFUSALS: dict[HTTPStatus, Kind] = {
    kind.status: kind
    for kind in (
        KINDS[errors.RequestError],
        KINDS[errors.NotFoundError],
        Kind("method-not-allowed", "Not with this method", HTTPStatus.METHOD_NOT_ALLOWED),
        Kind("request-timeout", "Too slow to arrive", HTTPStatus.REQUEST_TIMEOUT),
        Kind("request-entity-too-large", "The body is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        Kind("request-uri-too-long", "The URL is too long", HTTPStatus.REQUEST_URI_TOO_LONG),
        Kind("unsupported-media-type", "The body is of another kind", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        Kind("too-many-requests", "Too many requests", HTTPStatus.TOO_MANY_REQUESTS),
        Kind(
            "request-header-fields-too-large",
            "The headers are too long",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
    )
}


def kinds() -> dict[str, Kind]:
    """Return every kind of problem by its name."""
    return {kind.name: kind for kind in (*KINDS.values(), *REFUSALS.values())}


def kind_of(error: errors.MarqueeError) -> Kind:
    """Return how an error is answered."""
    return next(KINDS[each] for each in type(error).__mro__ if each in KINDS)


def respond_to_error(_: Request[Any, Any, Any], error: errors.MarqueeError) -> Response[bytes]:
    """Answer one of our own errors; what is our fault is logged and not shown."""
    kind = kind_of(error)
    detail = str(error)
    if kind.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s: %s", type(error).__name__, _tell(error), exc_info=error)
        detail = "The fault is on this side and has been logged."
    elif isinstance(error, errors.EngineError) and kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _warn(_tell(error))
    parameters: tuple[ParameterError, ...] = ()
    if isinstance(error, errors.RequestError):
        parameters = tuple(ParameterError(name, message) for name, message in error.errors.items())
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, errors.RateLimitError) else {}
    return respond(kind, detail, parameters, headers)


def _warn(text: str) -> None:
    """Log a trouble of the engine, not at each of hundreds of requests that meet it."""
    now = time.monotonic()
    if now - _said.get(text, float("-inf")) >= SAY_EVERY_S:
        _said[text] = now
        _log.warning("%s", text)


def _tell(error: errors.MarqueeError) -> str:
    """Return an error for the log; Elasticsearch's own words may quote what was asked."""
    return logs.withhold(str(error), error.reason) if isinstance(error, errors.EngineError) else str(error)


def respond_to_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework refuses: an unknown path, a wrong method; its faults are ours."""
    status = HTTPStatus(error.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return respond_to_unexpected(request, error)
    kind = REFUSALS.get(status) or msgspec.structs.replace(KINDS[errors.RequestError], status=status)
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["allow"] = list_methods(headers["allow"].split(", "))
    return respond(kind, error.detail, headers=headers)


def respond_to_missing_file(_: Request[Any, Any, Any], __: Exception) -> Response[bytes]:
    """Answer what the framework's file handler makes of a path that is no file's: its texts name our folders,
    and a name that no file can have (too long, with a null byte) is an exception to it."""
    return respond(KINDS[errors.NotFoundError], "there is no such file")


def respond_to_unexpected(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a bug: logged with its trace, shown without."""
    _log.error("unexpected %s", type(error).__name__, exc_info=error)
    return respond(KINDS[errors.MarqueeError], "The fault is on this side and has been logged.")


def respond(
    kind: Kind,
    detail: str,
    parameters: tuple[ParameterError, ...] = (),
    headers: dict[str, str] | None = None,
    job: Job | None = None,
) -> Response[bytes]:
    """Build a problem answer; 503 says when to come again."""
    problem = Problem(
        type=PROBLEM_TYPES + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=parameters,
        job=job,
    )
    # In lower case, as the framework writes it: else it is sent twice where a router sets it, too.
    sent = {"cache-control": "no-store", **kind.headers, **(headers or {})}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        sent.setdefault("Retry-After", str(RETRY_AFTER_S))
    return Response(
        msgspec.json.encode(problem), status_code=kind.status, media_type=MEDIA_TYPE, headers=sent
    )
