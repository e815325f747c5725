"""A call: what is sent and what is answered, without any I/O. Both clients send the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

T = TypeVar("T")
Item = TypeVar("Item")

Value = str | float | bool | None
"""Of a parameter; None leaves it to the service."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and the type of its answer."""

    method: str
    path: str
    """Below the service's address, percent-encoded, with the query string."""
    answer: type[T]
    """What is answered; NoneType where there is no body."""
    body: bytes | None = None
    """JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    is_repeatable: bool = False
    """Whether asking twice does no harm."""


Listing = Iterator[tuple[Call[Any], Callable[[Any], Iterable[Item]]]]
"""Calls one after the other, each with what reads the items out of its answer. They are read before the next
call is made, which may depend on them."""


def get(path: str, answer: type[T], /, **parameters: Value | Iterable[Value]) -> Call[T]:
    """Return a call that reads. What has several values is repeated; what is None is left out."""
    pairs = [
        (name, _write(value))
        for name, given in parameters.items()
        for value in ([given] if isinstance(given, str | float | int | None) else given)
        if value is not None
    ]
    query = f"?{urlencode(pairs, quote_via=quote, errors='replace')}" if pairs else ""
    return Call("GET", path + query, answer, is_repeatable=True)


def send(
    method: str,
    path: str,
    answer: type[T],
    body: msgspec.Struct | None = None,
    *,
    headers: dict[str, str] | None = None,
    is_repeatable: bool = False,
) -> Call[T]:
    """Return a call that sends a body, or none, as JSON."""
    sent = None if body is None else msgspec.json.encode(body)
    described = {"Content-Type": "application/json"} if body is not None else {}
    return Call(method, path, answer, sent, described | (headers or {}), is_repeatable)


def segment(text: str) -> str:
    """Return a text as one part of a path."""
    # Dots are legal in a part, but a part of dots alone would climb.
    return quote(text, safe="", errors="replace").replace(".", "%2E")


def _write(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
