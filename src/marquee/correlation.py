"""Whose request it is: one id for the client, the logs, the traces and Elasticsearch's own logs.

It is the trace id of W3C Trace Context, and goes with the context of the task that answers the request, so
that no function between has to pass it on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import NamedTuple

# https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append to it.
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
# It stands in Elasticsearch's logs and list of tasks: a name, not a text.
_OPAQUE_ID = re.compile(rb"[A-Za-z0-9._:/-]{1,64}")
OPAQUE_ID = "marquee"

_correlation: ContextVar[Correlation | None] = ContextVar("correlation", default=None)


class Parent(NamedTuple):
    """What an incoming `traceparent` says."""

    trace_id: str
    span_id: str
    flags: str


class Correlation(NamedTuple):
    """What ties together everything that is done for one request."""

    trace_id: str
    """32 hexadecimal digits: the request's id as well."""
    span_id: str
    """16 hexadecimal digits: our part of the trace."""
    flags: str = "00"
    """01: whoever began the trace records it."""
    opaque_id: str = OPAQUE_ID
    """What the client calls itself to Elasticsearch."""
    is_traced: bool = False
    """Whether this process records the trace."""
    is_private: bool = True
    """Whether the request may hold what people typed."""
    is_named: bool = False
    """Whether the client gave its trace or a name: it may look for what Elasticsearch did for it."""

    @property
    def headers(self) -> dict[str, str]:
        """What tells Elasticsearch whose request it works for."""
        parent = f"00-{self.trace_id}-{self.span_id}-{self.flags}"
        return {"traceparent": parent, "x-opaque-id": self.opaque_id}


def current() -> Correlation | None:
    """Return the request that whoever calls works for, None outside of one."""
    return _correlation.get()


def is_followed() -> bool:
    """Whether somebody follows what Elasticsearch does for the request that whoever calls works for."""
    own = _correlation.get()
    return own is not None and (own.is_named or own.is_traced)


def enter(correlation: Correlation) -> None:
    """Work for a request from here on, with all tasks begun from here on.

    There is no way back: the server has a task for each request, whose last words are to name it as well.
    """
    _correlation.set(correlation)


def read(headers: Iterable[tuple[bytes, bytes]]) -> tuple[Parent | None, str]:
    """Return what the headers of a request tell: its parent, None without a usable one, and its opaque id."""
    parents, opaque_id = [], OPAQUE_ID
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value)
        elif name == b"x-opaque-id" and _OPAQUE_ID.fullmatch(value):
            opaque_id = value.decode()
    found = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if found is None or (found[1] == b"00" and found[5] is not None):
        return None, opaque_id
    return Parent(found[2].decode(), found[3].decode(), found[4].decode()), opaque_id


def begin(parent: Parent | None, opaque_id: str, *, is_private: bool = True) -> Correlation:
    """Return the correlation of a request that arrives, as part of its parent's trace or of a new one."""
    drawn = secrets.token_hex(24)
    trace_id, span_id = drawn[:32], drawn[32:]
    is_named = parent is not None or opaque_id != OPAQUE_ID
    flags = "00"
    if parent is not None:
        trace_id, flags = parent.trace_id, parent.flags
    return Correlation(trace_id, span_id, flags, opaque_id, is_private=is_private, is_named=is_named)
