"""Connections to one host of the engine, and requests on them.

Between a request and its socket stands the parser that the service has anyway (httptools). By aiohttp, which
makes objects for cookies, redirections, forms and charsets that Elasticsearch has no use for, a request took
260 of the 2,340 µs of a suggest.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from typing import NamedTuple, cast

import httptools

# A name may stand for an address that swallows everything (IPv6 without a route) beside one that answers.
NEXT_ADDRESS_AFTER_S = 0.5
# Firewalls forget a silent connection after a minute or more, and tell nobody.
MAX_IDLE_S = 15.0


class Answer(NamedTuple):
    """What a host has answered."""

    status: int
    product: str
    """Elasticsearch, where it is one and succeeds."""
    body: bytes


class Connections:
    """The connections to one host; a request opens one where none is free."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, limit: int) -> None:
        """Open nothing yet, and later `limit` at most; with a `context` they are TLS."""
        self._host, self._port, self._context = host, port, context
        self._places = asyncio.Semaphore(limit)
        self._open: set[_Connection] = set()
        self._idle: deque[tuple[float, _Connection]] = deque()
        """Those that are free, and since when; the last one is the first to be used again."""

    async def ask(self, head: bytes, body: bytes | None, ends_at: float) -> Answer:
        """Send a request and return its answer.

        Raises:
            TimeoutError: there is none at `ends_at`, by the loop's clock.
            OSError: there is no connection, or it broke; ssl.SSLError, where the host is not trusted.
        """
        if self._places.locked():
            async with asyncio.timeout_at(ends_at):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            connection = self._take() or await self._connect(ends_at)
            answer = await connection.ask(head, body, ends_at)
            if connection.is_open:
                self._idle.append((time.monotonic(), connection))
                self._drop_idle()
            return answer
        finally:
            self._places.release()

    def close(self) -> None:
        """Close them all; requests under way fail."""
        for each in tuple(self._open):
            each.close()

    def _take(self) -> _Connection | None:
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_open and time.monotonic() - since < MAX_IDLE_S:
                return connection
            connection.close()
        return None

    def _drop_idle(self) -> None:
        """Close those that a crowd has left behind."""
        since, connection = self._idle[0]
        if time.monotonic() - since > MAX_IDLE_S:
            self._idle.popleft()
            connection.close()

    async def _connect(self, ends_at: float) -> _Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(ends_at):
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            *others, last = dict.fromkeys(str(address[0]) for *_, address in found)
            for address in others:
                with contextlib.suppress(OSError):
                    async with asyncio.timeout(NEXT_ADDRESS_AFTER_S):
                        return await self._connect_to(address)
            return await self._connect_to(last)

    async def _connect_to(self, address: str) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._open),
            address,
            self._port,
            ssl=self._context,
            server_hostname=self._host if self._context else None,
        )
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, all_open: set[_Connection]) -> None:
        self._all_open = all_open
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[Answer] | None = None
        """None where nothing was asked."""
        self._product = ""
        self._pieces: list[bytes] = []
        self._is_bounded = False
        """Whether the answer says where it ends; else it ends with the connection."""

    @property
    def is_open(self) -> bool:
        """Whether it can take a request."""
        return self._transport is not None

    async def ask(self, head: bytes, body: bytes | None, ends_at: float) -> Answer:
        """Send a request and return its answer; raises as that of `Connections`.

        Whoever stops waiting ends it: what comes on it is nobody's answer any more.
        """
        if self._transport is None:
            raise ConnectionResetError
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._answered = answered
        self._product, self._pieces, self._is_bounded = "", [], False
        # Not `asyncio.timeout`, which takes four times as long.
        timer = loop.call_at(ends_at, self._give_up)
        try:
            self._transport.writelines((head, body) if body else (head,))
            return await answered
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._all_open.add(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._answered is None:  # "408: you said nothing for too long", say
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"what answers there speaks no HTTP: {error}"))
            self.close()

    def on_message_begin(self) -> None:
        """Begin an answer; one that nobody asked for spoils the connection for whoever would ask next."""
        if self._answered is None:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the answer."""
        name = name.lower()
        if name == b"x-elastic-product":
            self._product = value.decode("latin-1")
        elif name in (b"content-length", b"transfer-encoding"):
            self._is_bounded = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the answer's body."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over, unless it only says that there will be one (1xx)."""
        status = self._parser.get_status_code()
        if status >= 200:
            if not self._parser.should_keep_alive():
                self.close()
            self._deliver(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and with it an answer that did not say where it ends."""
        self._transport = None
        self._all_open.discard(self)
        if exc is None and self._pieces and not self._is_bounded:
            self._deliver(self._parser.get_status_code())
        else:
            self._fail(exc if isinstance(exc, OSError) else ConnectionResetError())

    def _give_up(self) -> None:
        self._fail(TimeoutError())
        self.close()

    def _deliver(self, status: int) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(status, self._product, b"".join(self._pieces)))
        self._answered = None

    def _fail(self, error: OSError) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
        self._answered = None
