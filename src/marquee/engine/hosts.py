"""The hosts of the engine: which of them is asked, and how. The only module that imports Elastic's client.

Its pool says which host is alive, its nodes hold the connections. Between the two stands no transport of
theirs: what it does beside for other users (copying headers, a log line and a timer for each call) took 70 of
160 µs of a call, a twentieth of a suggest.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any, NamedTuple

import aiohttp
from elastic_transport import AiohttpHttpNode
from elasticsearch import AsyncElasticsearch

from marquee.engine import tls
from marquee.engine.address import Endpoint
from marquee.errors import EngineUnavailableError, SettingsError

# elasticsearch-py opens 10 connections per node, on which 16 tasks starved: p99 of 1.5 to 9 s (design.md, 5).
CONNECTIONS_PER_NODE = 100
# The deadline is the caller's, over connecting, sending and reading; aiohttp's would be a second timer.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)
# What says nothing about the host: it answers, whatever it says. (Elastic's own list.)
_ALIVE = frozenset({400, 401, 402, 403, 404, 409})


class Answer(NamedTuple):
    """What a host has answered."""

    status: int
    product: str
    """Elasticsearch, where it is one and succeeds."""
    body: bytes


class _Node(AiohttpHttpNode):
    """A host, with its connections."""

    async def fetch(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Send one request; raises what aiohttp raises."""
        if self.session is None:
            self._create_aiohttp_session()
            assert self.session is not None  # noqa: S101 (it is there now)
        async with self.session.request(
            method,
            self.base_url + target,
            data=body,
            headers=headers,
            timeout=_NO_TIMEOUT,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
            return Answer(answer.status, answer.headers.get("x-elastic-product", ""), content)


class Hosts:
    """All hosts of one engine."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Open nothing yet; raises SettingsError where an address or the CA cannot be used."""
        options: dict[str, Any] = {"ssl_context": tls.trust(endpoint.ca_cert)} if endpoint.ca_cert else {}
        try:
            self._client = AsyncElasticsearch(
                list(endpoint.urls), connections_per_node=CONNECTIONS_PER_NODE, node_class=_Node, **options
            )
        except ValueError as error:
            raise SettingsError(f"MARQUEE_ELASTICSEARCH_URL cannot be used: {error}") from error
        self._headers = {}
        if endpoint.api_key:
            self._headers["authorization"] = f"ApiKey {endpoint.api_key}"
        elif endpoint.username:
            pair = f"{endpoint.username}:{endpoint.password}".encode()
            self._headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"

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
        pool = self._client.transport.node_pool
        ends_at = asyncio.get_running_loop().time() + timeout_s
        for is_last in (False, True):
            node = pool.get()
            assert isinstance(node, _Node)  # noqa: S101 (the pool makes no others)
            try:
                async with asyncio.timeout_at(ends_at):
                    answer = await node.fetch(method, target, self._headers | headers, body)
            except TimeoutError as error:
                pool.mark_dead(node)
                raise EngineUnavailableError("Elasticsearch did not answer in time") from error
            except (aiohttp.ClientError, OSError) as error:
                pool.mark_dead(node)
                if is_last:
                    raise _explain(error) from error
            else:
                if 200 <= answer.status < 300 or answer.status in _ALIVE:
                    pool.mark_live(node)
                else:
                    pool.mark_dead(node)
                return answer
        raise AssertionError


def _explain(error: Exception) -> EngineUnavailableError:
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return EngineUnavailableError(f"Elasticsearch is not trusted: {tls.explain(error)}")
    return EngineUnavailableError("Elasticsearch cannot be reached")
