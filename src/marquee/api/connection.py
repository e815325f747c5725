"""A connection of the server, with the limits that uvicorn's own does not know: on what comes before the
body, and on how long a request may take to arrive."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from marquee.api.address import UNKNOWN
from marquee.api.headers import NOTHING, OWN, SAFETY, UNFRAMED
from marquee.api.problems import Kind, respond

MAX_HEADER_BYTES = 32 << 10
MAX_HEADERS = 100
MAX_TARGET_BYTES = 64 << 10
"""Longer URLs do not get as far as the application, which answers 414 from 32 KB on."""
REQUEST_TIMEOUT_S = 20.0
"""Enough for the largest body at 50 KB/s. Whoever needs longer holds a connection for nothing."""
LINGER_S, LINGER_BYTES = 1.0, 4 << 20
"""For how long, and how much of, what still comes after a refusal is thrown away: a connection that is closed
with bytes on their way in loses the answer that was not read yet."""

_LONG_TARGET = (HTTPStatus.REQUEST_URI_TOO_LONG, f"the URL is longer than {MAX_TARGET_BYTES} bytes")
_LONG_HEADERS = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"there are more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of them",
)

_log = logging.getLogger("marquee.api")


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where trailers go: nobody reads them, and uvicorn would take them for headers."""

    def append(self, pair: tuple[bytes, bytes]) -> None:
        """Forget it."""


class _RefusedError(Exception):
    """Ends the parser's work; the refusal is told by the connection."""


class _Joining:
    """A transport that sends what is written in one turn of the loop in one piece.

    uvicorn writes head and body one after the other, which is two system calls and wakes the client twice: a
    ninth of what a cached answer takes.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pending = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._pending:
            self._pending += data
            self._flush()
        else:
            self._pending = data
            self._loop.call_soon(self._flush)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self._transport.write(pending)


class Connection(HttpToolsProtocol):
    """Refuses what is too long or too slow: with an answer where one can still be given."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._has_begun = self._head_is_read = self._is_read = self._is_refused = False
        self._refusal = (HTTPStatus.BAD_REQUEST, "this is no HTTP request")
        self._unparsed = 0
        """Bytes since a head, a piece of a body or a request ended: the parser keeps headers to itself."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; also who says nothing has only so long."""
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come: a little at a time, so that no more headers are kept than may be sent."""
        for start in range(0, len(data), MAX_HEADER_BYTES):
            piece = data[start : start + MAX_HEADER_BYTES]
            self._unparsed += len(piece)
            if not self._is_refused:
                self._take(piece)
            elif self._unparsed > LINGER_BYTES:
                self.transport.close()

    def _take(self, piece: bytes) -> None:
        super().data_received(piece)
        is_head = self._has_begun and not self._head_is_read
        max_bytes = MAX_TARGET_BYTES + MAX_HEADER_BYTES if is_head else MAX_HEADER_BYTES
        if self._is_refused:
            return
        if is_head and len(self.url) > MAX_TARGET_BYTES:
            self._refuse(*_LONG_TARGET)
        elif self._unparsed > max_bytes or (is_head and len(self.headers) > MAX_HEADERS):
            self._refuse(*_LONG_HEADERS)
        elif self._is_read and self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        else:
            self._watch()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unparsed = 0
        self._has_begun, self._head_is_read, self._is_read = True, False, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Give the request to the application."""
        self._unparsed = 0
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop(_LONG_TARGET)
        # Here and not header by header, which took a twentieth of what the service adds to a suggest.
        size_bytes = sum([len(name) + len(value) + len(": \r\n") for name, value in self.headers])
        if len(self.headers) > MAX_HEADERS or size_bytes > MAX_HEADER_BYTES:
            self._stop(_LONG_HEADERS)
        self._head_is_read = True
        super().on_headers_complete()
        self.headers = _Nowhere()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._unparsed = 0
        self._is_read, self._has_begun = True, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Answer what the parser refused, or had to."""
        self._refuse(*self._refusal)

    def _stop(self, refusal: tuple[HTTPStatus, str]) -> None:
        self._refusal = refusal
        raise _RefusedError

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self._give_up)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self._has_begun:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer in the application's place, unless an answer is under way, and close."""
        _log.info("%s: %d, %s", self.client[0] if self.client else UNKNOWN, status, detail)
        cycle = self.cycle
        is_idle = cycle is None or cycle.response_complete
        # Once the head is read, the last cycle is this request's own, which may wait for those before it.
        is_unanswered = self._head_is_read and not cycle.response_started and not self.pipeline
        if is_unanswered or (is_idle and not self._head_is_read):
            self.transport.write(self._encode(status, detail))
        if not is_idle:
            cycle.disconnected = True
            cycle.message_event.set()
        self._is_refused = True
        self._unwatch()
        self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(LINGER_S, self.transport.close)

    def _encode(self, status: HTTPStatus, detail: str) -> bytes:
        name = status.phrase.lower().replace(" ", "-")
        problem = respond(Kind(name, status.phrase, status), detail)
        headers = {
            **problem.headers,
            "Content-Type": problem.media_type,
            "Content-Length": str(len(problem.content)),
            "Connection": "close",
        }
        pairs = [(name.encode(), str(value).encode()) for name, value in headers.items()]
        lines = [b": ".join(pair) for pair in [*pairs, *SAFETY, UNFRAMED, NOTHING, OWN]]
        start = f"HTTP/1.1 {status.value} {status.phrase}".encode()
        return b"\r\n".join([start, *lines, b"", problem.content])
