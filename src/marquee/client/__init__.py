"""A typed client of Marquee's HTTP API: `Client`, which waits, and `AsyncClient`, whose answers are awaited.

Answers are the structs that the service itself encodes (`search/answer`). Importing this loads nothing: what
is used is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marquee.client.clients import AsyncClient, Client
    from marquee.client.errors import (
        BadRequestError,
        ClientError,
        ConflictError,
        ConnectionLostError,
        ForbiddenError,
        NotFoundError,
        NotUnderstoodError,
        ParameterError,
        Problem,
        ProblemError,
        RateLimitedError,
        TimedOutError,
        UnauthorizedError,
        UnavailableError,
    )
    from marquee.search.request import MatchQuery

_HOMES = {"AsyncClient": "client.clients", "Client": "client.clients", "MatchQuery": "search.request"}

__all__ = [
    "AsyncClient",
    "BadRequestError",
    "Client",
    "ClientError",
    "ConflictError",
    "ConnectionLostError",
    "ForbiddenError",
    "MatchQuery",
    "NotFoundError",
    "NotUnderstoodError",
    "ParameterError",
    "Problem",
    "ProblemError",
    "RateLimitedError",
    "TimedOutError",
    "UnauthorizedError",
    "UnavailableError",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"marquee.{_HOMES.get(name, 'client.errors')}"), name)


def __dir__() -> list[str]:
    return __all__
