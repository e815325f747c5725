"""A connection of the server, with the limits that uvicorn's own does not know: on what comes before the
body, and on how long a request may take to arrive."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from marquee import correlation
from marquee.api.address import UNKNOWN
from marquee.api.head import (
    LONG_HEADERS,
    LONG_TARGET,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    Refusal,
    encode_without_upgrade,
    find_fault,
)
from marquee.api.headers import NOTHING, OWN, SAFETY, UNFRAMED
from marquee.api.problems import REFUSALS, respond
from marquee.api.transport import Joining

REQUEST_TIMEOUT_S = 20.0
"""Enough for the largest body at 50 KB/s. Whoever needs longer holds a connection for nothing."""
PIECE_BYTES = 4 << 10
"""What is parsed at a time. As soon as a request waits for the answer before it, the rest waits unparsed."""
LEAVING_S = 0.5
"""For how long an idle connection is listened to once the service is to end: a request may be on its way."""
LINGER_S, LINGER_BYTES = 1.0, 4 << 20
"""For how long, and how much of, what still comes after a refusal is thrown away: a connection that is closed
with bytes on their way in loses the answer that was not read yet."""

_log = logging.getLogger("marquee.api")


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where trailers go: nobody reads them, and uvicorn would take them for headers."""

    def append(self, pair: tuple[bytes, bytes]) -> None:
        """Forget it."""


class _RefusedError(Exception):
    """Ends the parser's work; the refusal is told by the connection."""


class Connection(HttpToolsProtocol):
    """Refuses what is too long or too slow: with an answer where one can still be given."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._has_begun = self._head_is_read = self._is_read = self._is_refused = False
        self._was_answered_early = False
        self._refusal: Refusal = (HTTPStatus.BAD_REQUEST, "this is no HTTP request")
        self._unparsed = 0
        """Bytes since a head, a piece of a body or a request ended: the parser keeps headers to itself."""
        self._held = b""
        """What came behind requests that are still to be answered."""
        self._running: RequestResponseCycle | None = None
        self._farewell = b""
        """The refusal that is told once the requests before it are answered."""
        self._is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; also who says nothing has only so long."""
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End. Requests that wait are not begun, and who answers one is told that nobody listens."""
        self._unwatch()
        # Which uvicorn leaves behind, with all that it holds, where the connection was reset.
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        self._held = b""
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come: a little at a time, so that no more is parsed than is to be answered soon.

        Of 400,000 requests in a row whose client did not read, uvicorn made a gigabyte of waiting requests.
        """
        self._unset_keepalive_if_required()
        data, self._held = self._held + data, b""
        for start in range(0, len(data), PIECE_BYTES):
            if self.pipeline and not self._is_refused:
                self._held = data[start:]
                self._unwatch()  # it is ours to go on
                self.flow.pause_reading()
                return
            piece = data[start : start + PIECE_BYTES]
            self._unparsed += len(piece)
            if not self._is_refused:
                self._take(piece)
            elif self._unparsed > LINGER_BYTES:
                self.transport.close()

    def on_response_complete(self) -> None:
        """Go on with the next request, and with what was held back."""
        was_last = not self.pipeline
        super().on_response_complete()
        if was_last and self._farewell:
            self._end(self._farewell)
        elif self._held and not self.transport.is_closing():
            self.flow.pause_reading()
            if not self.pipeline:
                self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.parser is not None and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(b"")

    def shutdown(self) -> None:
        """Answer what is under way or on its way in, and end."""
        self._is_leaving = True
        if self._is_idle:
            self.loop.call_later(LEAVING_S, self._leave)
        else:
            self.cycle.keep_alive = False

    def _leave(self) -> None:
        if self._is_idle and not self._has_begun:
            self.transport.close()

    @property
    def _is_idle(self) -> bool:
        """Whether whatever was given to the application is answered."""
        return self.cycle is None or self.cycle.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _take(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            old = self.parser
            head = encode_without_upgrade(old.get_method(), self.url, old.get_http_version(), self.headers)
            self.parser = httptools.HttpRequestParser(self)  # the old one keeps its flags
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            self._take(head + piece[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
        is_head = self._has_begun and not self._head_is_read
        max_bytes = MAX_TARGET_BYTES + MAX_HEADER_BYTES if is_head else MAX_HEADER_BYTES
        if self._is_refused:
            return
        if is_head and len(self.url) > MAX_TARGET_BYTES:
            self._refuse(*LONG_TARGET)
        elif self._unparsed > max_bytes or (is_head and len(self.headers) > MAX_HEADERS):
            self._refuse(*LONG_HEADERS)
        elif self._is_read and not self._is_idle:
            self._unwatch()
        elif self._was_answered_early:  # the rest of its body was waited for, and is here
            self._unwatch()
            self._keep_alive()
        else:
            self._watch()
        self._was_answered_early = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unparsed = 0
        self._has_begun, self._head_is_read, self._is_read = True, False, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Give the request to the application."""
        self._unparsed = 0
        parser = self.parser
        fault = find_fault(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        if fault is not None:
            self._refusal = fault
            raise _RefusedError
        if parser.should_upgrade():
            return
        super().on_headers_complete()
        self._head_is_read = True
        if self._is_leaving:
            self.cycle.keep_alive = False
        self.headers = _Nowhere()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if self.parser.should_upgrade():
            return
        self._unparsed = 0
        self._is_read, self._has_begun = True, False
        self._was_answered_early = self._is_idle
        super().on_message_complete()

    def _keep_alive(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

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
        request_id = correlation.begin(None, correlation.OPAQUE_ID).trace_id
        _log.info(
            "%s: %d, %s",
            self.client[0] if self.client else UNKNOWN,
            status,
            detail,
            extra={"request_id": request_id},
        )
        refusal = self._encode(status, detail, request_id)
        self._is_refused = True
        self._unwatch()
        own = self.cycle if self._head_is_read else None
        if own is not None and self.pipeline:
            self.pipeline.popleft()  # the newest stands there, and is not begun any more
            own = None
        running = self._running
        if running is not None and running is not own and not running.response_complete:
            self._farewell = refusal  # those before it are answered first
            return
        if own is not None and not own.response_complete:
            own.disconnected = True
            own.message_event.set()
        self._end(b"" if own is not None and own.response_started else refusal)

    def _end(self, refusal: bytes) -> None:
        """Say why, throw away for a moment what still comes, and close."""
        if self.transport.is_closing():
            return
        if refusal:
            self.transport.write(refusal)
        self._unset_keepalive_if_required()
        self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(LINGER_S, self.transport.close)

    def _encode(self, status: HTTPStatus, detail: str, request_id: str) -> bytes:
        problem = respond(REFUSALS[status], detail)
        headers = {
            **problem.headers,
            "Content-Type": problem.media_type,
            "Content-Length": str(len(problem.content)),
            "Connection": "close",
            "X-Request-Id": request_id,
        }
        pairs = [(name.encode(), str(value).encode()) for name, value in headers.items()]
        general = self.server_state.default_headers  # the date
        lines = [b": ".join(pair) for pair in [*general, *pairs, *SAFETY, UNFRAMED, NOTHING, OWN]]
        start = f"HTTP/1.1 {status.value} {status.phrase}".encode()
        is_head = self._has_begun and self.parser.get_method() == b"HEAD"
        return b"\r\n".join([start, *lines, b"", b"" if is_head else problem.content])
