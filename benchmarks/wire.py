"""HTTP as cheap as Python has it: a client that takes as much as the service would measure itself."""

from __future__ import annotations

import asyncio
import re
import time
from typing import cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"
# As good clients do: what was idle for longer may just be being closed.
MAX_IDLE_S = 60.0


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_END)
        if not found or self._answer is None or self._answer.done():
            return
        length = _LENGTH.search(head + b"\r\n")
        if length is None or len(body) >= int(length[1]):
            self._received = b""
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError())

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


class Wire:
    """As many connections to one service as requests are under way; none is used that was idle for long."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._free: list[tuple[float, _Connection]] = []

    async def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request; return status and body.

        Raises:
            OSError: the connection broke.
        """
        head = f"{method} {target} HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(body)}\r\n"
        kind = "content-type: application/json\r\n" if body else ""
        since, connection = self._free.pop() if self._free else (0.0, None)
        if connection is None or connection.transport is None or time.monotonic() - since > MAX_IDLE_S:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
        answer = await connection.ask((head + kind + "\r\n").encode() + body)
        self._free.append((time.monotonic(), connection))
        return answer

    def close(self) -> None:
        """Close what is open."""
        for _, each in self._free:
            if each.transport:
                each.transport.close()
