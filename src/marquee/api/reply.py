"""An answer as it is sent: what is kept of it, what is set before it at each request, and its headers."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import msgspec

from marquee.api.headers import Pairs
from marquee.api.question import Question
from marquee.search.answer import ENVELOPE, Answer, Rendered

JSON, SCRIPT = "application/json", "text/javascript"


class Reply(NamedTuple):
    """An answer to a request: an ASGI application of its own, since the framework's response costs 20 µs."""

    status: int
    headers: Pairs
    body: bytes = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def make_etag(generation: str, asked: bytes) -> str:
    """Weak: two answers to one question from one generation differ in took_ms alone."""
    return f'W/"{generation}-{zlib.crc32(asked):08x}"'


def list_known(scope: Any) -> list[str]:
    """Return the ETags of what the client holds already (If-None-Match), for weak comparison."""
    # Of the raw headers: the framework's own form of them takes a twentieth of a cached answer's time.
    return [
        each.strip().removeprefix("W/")
        for name, value in scope["headers"]
        if name == b"if-none-match" and scope["method"] == "GET"
        for each in value.decode("latin-1").split(",")
    ]


def is_known(known: Iterable[str], etag: str) -> bool:
    """Whether an answer is one of those."""
    return etag.removeprefix("W/") in known


@cache
def _list_envelope(kind: type[Answer]) -> tuple[str, ...]:
    """Return the leading fields of an answer that are not kept."""
    return tuple(name for name in kind.__struct_fields__ if name in ENVELOPE)


@cache
def _tells_stale_only(kind: type[Answer]) -> bool:
    """Whether `stale` is absent where it is false."""
    return any(each.name == "stale" and not each.required for each in msgspec.structs.fields(kind))


def encode_head(question: Question, generation: str, is_stale: bool, started: float) -> bytes:
    """Return the beginning of an answer's JSON; `started` is a time of `time.perf_counter`."""
    if question.answer is Rendered:
        return b""
    took_ms = round((time.perf_counter() - started) * 1000, 2)
    values = {"query": question.query, "generation": generation, "stale": is_stale, "took_ms": took_ms}
    head = {name: values[name] for name in _list_envelope(question.answer)}
    if not is_stale and _tells_stale_only(question.answer):
        del head["stale"]
    return msgspec.json.encode(head)[:-1]


def encode_tail(question: Question, answer: Answer) -> bytes:
    """Return the rest of an answer's JSON, from the comma after the envelope on."""
    if isinstance(answer, Rendered):
        return answer.body
    values = {name: getattr(answer, name) for name in _list_envelope(question.answer)}
    head = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    return msgspec.json.encode(answer)[len(msgspec.json.encode(head)) - 1 :]


def finish(content: bytes, media_type: str = JSON, callback: str = "") -> tuple[bytes, Pairs]:
    """Return the body of an answer and the headers that describe it.

    With a callback, JSON becomes a script that hands it to this function of the asking page (JSONP).
    """
    if callback:
        # The comment, so that no plug-in can be made to take the script for a file of its own kind.
        content, media_type = b"/**/" + callback.encode() + b"(" + content + b");", SCRIPT
    described = [(b"content-type", media_type.encode()), (b"content-length", str(len(content)).encode())]
    return content, described
