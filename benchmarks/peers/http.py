"""JSON over HTTP with one kept connection for each thread, as a client in production has it."""

from __future__ import annotations

import base64
import http.client
import threading
from typing import Any
from urllib.parse import urlsplit

import msgspec

from benchmarks.peers.protocol import PeerError, RefusedError

TIMEOUT_S = 300.0


class JsonClient:
    """Asks one server."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        """Take an address, `https://name:password@host:port`, and headers that every request gets.

        Raises:
            PeerError: the address is none.
        """
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise PeerError(f"{url}: {error}") from error
        if parts.scheme not in ("http", "https") or not self._host:
            raise PeerError(f"{url} is no address of a server")
        self._tls, self._base = parts.scheme == "https", parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | (headers or {})
        if parts.username:
            pair = f"{parts.username}:{parts.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._local = threading.local()

    def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        content_type: str | None = None,
        lines: bool = False,
    ) -> Any:
        """Return the decoded answer, or a list of them where it is `lines`; `body` is JSON or ready bytes.

        Raises:
            RefusedError: it has too much to do.
            PeerError: no connection, or an answer that is an error or no JSON.
        """
        sent = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        for attempt in (1, 2):
            try:
                connection = self._connect()
                connection.request(method, self._base + target, sent, headers)
                response = connection.getresponse()
                content = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self._local.connection = None
                # A connection that was kept may have been closed by the other side meanwhile.
                if attempt == 2 or not isinstance(error, http.client.RemoteDisconnected):
                    raise PeerError(f"{self._host}:{self._port}: {error}") from error
        if response.status in (429, 503):
            raise RefusedError(f"{self._host}:{self._port} refused with {response.status}")
        if response.status >= 300:
            told = content[:200].decode(errors="replace")
            raise PeerError(
                f"{method} {target.partition('?')[0]} was answered with {response.status}: {told}"
            )
        try:
            if lines:
                return [msgspec.json.decode(line) for line in content.splitlines()]
            return msgspec.json.decode(content) if content else None
        except msgspec.DecodeError as error:
            raise PeerError(f"{method} {target.partition('?')[0]} was answered with no JSON") from error

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
            connection = self._local.connection = kind(self._host, self._port, timeout=TIMEOUT_S)
        return connection
