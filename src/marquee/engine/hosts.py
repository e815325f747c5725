"""The hosts of the engine: which of them is asked, and how. The only module that imports Elastic's client.

Its pool says which host is alive. Between the pool and our connections stands no transport of theirs: what
it does beside for other users (copying headers, a log line and a timer for each call) took 70 of 160 µs.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Mapping
from functools import cached_property
from typing import cast

from elastic_transport import BaseAsyncNode
from elasticsearch import AsyncElasticsearch

from marquee.engine import tls
from marquee.engine.address import Endpoint
from marquee.engine.connections import Answer, Connections
from marquee.errors import EngineUnavailableError, SettingsError

# On 10 connections per node, elasticsearch-py's default, 16 tasks starved: p99 of 1.5 to 9 s.
CONNECTIONS_PER_NODE = 100
# What says nothing about the host: it answers, whatever it says. (Elastic's own list.)
_ALIVE = frozenset({400, 401, 402, 403, 404, 409})


class _Node(BaseAsyncNode):
    """A host, with its connections. What its `headers` say, every request says."""

    context: ssl.SSLContext | None = None

    @cached_property
    def _connections(self) -> Connections:
        return Connections(self.host, self.port, self.context, CONNECTIONS_PER_NODE)

    @cached_property
    def _lines(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"host: {host}:{self.port}\r\n{_render(self.headers)}"

    def fetch(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, ends_at: float
    ) -> Awaitable[Answer]:
        """Send one request; raises as `Connections.ask`."""
        # Also of nothing: some proxies want to be told.
        length = "" if body is None and method == "GET" else f"content-length: {len(body or b'')}\r\n"
        start = f"{method} {self.path_prefix}{target} HTTP/1.1\r\n"
        head = f"{start}{self._lines}{_render(headers)}{length}\r\n"
        return self._connections.ask(head.encode("latin-1"), body, ends_at)

    async def close(self) -> None:  # type: ignore[override]
        """Close the connections."""
        self._connections.close()


class Hosts:
    """All hosts of one engine."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Open nothing yet; raises SettingsError where an address or the CA cannot be used."""
        try:
            self._client = AsyncElasticsearch(list(endpoint.urls), node_class=_Node)
        except ValueError as error:
            raise SettingsError(f"MARQUEE_ELASTICSEARCH_URL cannot be used: {error}") from error
        if not (endpoint.api_key.isascii() and endpoint.api_key.isprintable()):
            raise SettingsError("MARQUEE_ELASTICSEARCH_API_KEY holds what no key holds: copy it again")
        self._pool = self._client.transport.node_pool
        nodes = self._pool.all()
        # Of one host there is no choice, which the pool takes 5 µs to find out.
        self._only = cast(_Node, nodes[0]) if len(nodes) == 1 else None
        for node in nodes:
            node.headers.update(_sign(endpoint))
            if node.scheme == "https":
                cast(_Node, node).context = tls.trust(endpoint.ca_cert)
            elif endpoint.ca_cert:
                raise SettingsError(
                    "MARQUEE_ELASTICSEARCH_URL cannot be used: MARQUEE_ELASTICSEARCH_CA_CERT takes https"
                )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        """Send one request to a host that is alive, signed in, and return its answer, whatever it says.

        Where a connection breaks there is one more try, with another host if there is one: a restarted host
        leaves broken connections behind. None where the time is up, since a slow engine must not be asked
        twice.

        Raises:
            EngineUnavailableError: no connection, or no answer within `timeout_s`.
        """
        ends_at = asyncio.get_running_loop().time() + timeout_s
        for is_last in (False, True):
            node = self._only or cast(_Node, self._pool.get())
            try:
                answer = await node.fetch(method, target, headers, body, ends_at)
            except OSError as error:
                self._mark(node, is_alive=False)
                is_late = isinstance(error, TimeoutError) and error.errno is None  # else the system's own
                if is_late or is_last:
                    raise _explain(error) from error
            else:
                self._mark(node, is_alive=200 <= answer.status < 300 or answer.status in _ALIVE)
                return answer
        raise AssertionError

    def _mark(self, node: _Node, *, is_alive: bool) -> None:
        if self._only is None:
            (self._pool.mark_live if is_alive else self._pool.mark_dead)(node)


def _sign(endpoint: Endpoint) -> dict[str, str]:
    """Return the header that signs a request, where one is needed."""
    if endpoint.api_key:
        return {"authorization": f"ApiKey {endpoint.api_key}"}
    if endpoint.username:
        pair = f"{endpoint.username}:{endpoint.password}".encode()
        return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _render(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def _explain(error: OSError) -> EngineUnavailableError:
    if isinstance(error, ssl.SSLError):
        return EngineUnavailableError(f"Elasticsearch is not trusted: {tls.explain(error)}")
    if isinstance(error, TimeoutError):
        return EngineUnavailableError("Elasticsearch did not answer in time")
    return EngineUnavailableError("Elasticsearch cannot be reached")
