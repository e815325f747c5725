"""The process that serves the application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from marquee import tracing
from marquee.api.actors import MATCH_WITHIN_S
from marquee.api.address import check_networks
from marquee.api.app import create_app
from marquee.api.connection import Connection
from marquee.api.live import Live
from marquee.api.observation import Observer
from marquee.api.operation import HEAD_EXTENSION
from marquee.engine.cluster import Cluster, Endpoint
from marquee.errors import EngineError, SettingsError
from marquee.settings import Settings

# Requests in flight get this long to end after SIGTERM: longer than any may take, which is a match.
DRAIN_TIMEOUT_S = int(MATCH_WITHIN_S) + 1
# Longer than proxies keep theirs (Caddy: 120 s): who ends an idle connection last is never asked on one that
# is just being ended. With uvicorn's 5 s, 8 of 621,810 requests met a closed one (`benchmarks.traffic`).
KEEP_ALIVE_S = 130
# Python's own is 700.
GC_EVERY_OBJECTS = 10_000


def bind(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say, before anything slow is begun.

    Raises:
        SettingsError: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        # The socket module adds the address, which we tell as well.
        reason = (error.strerror or str(error)).split(" (while ")[0]
        raise SettingsError(
            f"cannot listen on {settings.host} port {settings.port} ({reason}): use --port or --host"
        ) from error


def answer_head(app: Any) -> Any:
    """Answer HEAD wherever GET is answered; the server leaves out the body by itself."""

    def answer(scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        if scope.get("method") == "HEAD":
            extensions = {**(scope.get("extensions") or {}), HEAD_EXTENSION: {}}
            scope = {**scope, "method": "GET", "extensions": extensions}
        answered: Awaitable[None] = app(scope, receive, send)
        return answered

    return answer


def raise_file_limit() -> None:
    """Allow as many connections as the system lets us: many begin with 1,024, which idle clients use up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS calls "unlimited" what it then refuses
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_memory() -> None:
    """Have the garbage collector leave alone what is there now, which stays, and look less often.

    It took a 25th of the CPU of a suggest; what a request leaves behind is free without it, but for the
    cycles of errors.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY_OBJECTS)


class _Server(uvicorn.Server):
    """Tells the application that it is to end, so that what streams ends as well and need not be cut off.

    Takes whom the system has let in already: they are reset, otherwise, with what they have sent.
    """

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        copies = []
        for each in sockets or ():
            with contextlib.suppress(OSError):  # no file descriptor is left: then nobody was let in either
                copies.append(each.dup())
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        await asyncio.sleep(0)  # in which the loop closes its own
        for client in [client for each in copies for client in _take_waiting(each)]:
            with contextlib.suppress(OSError):  # it has gone
                await asyncio.get_running_loop().connect_accepted_socket(self._connect, client)
        await super().shutdown([])

    def _connect(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _take_waiting(listener: socket.socket) -> list[socket.socket]:
    """Accept whoever waits, and listen no more."""
    listener.setblocking(False)
    found = []
    with listener, contextlib.suppress(OSError):  # nobody waits, or no file descriptor is left
        while True:
            found.append(listener.accept()[0])
    return found


def configure(settings: Settings, app: Any) -> uvicorn.Config:
    """Return how the server serves the application; raises SettingsError where a trusted proxy is none."""
    proxies = check_networks(settings.trusted_proxies)
    return uvicorn.Config(
        answer_head(app),
        interface="asgi3",
        http=Connection,
        ws="none",
        # By itself uvicorn believes whoever asks from 127.0.0.1, and what FORWARDED_ALLOW_IPS says.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        # Its loggers' records go where all others go, at the levels that `logs` gives them.
        log_config=None,
        # An access log would hold what people type.
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_TIMEOUT_S,
    )


async def _check_live(settings: Settings, endpoint: Endpoint) -> None:
    """Raise EngineNotReadyError where what is live was built for another release; an engine that is away is
    waited for by the service itself, which tells so."""
    async with Cluster(endpoint) as cluster:
        live = Live(cluster, settings.index_prefix)
        with contextlib.suppress(EngineError):
            await live.refresh()
        live.check_readable()


def serve(
    settings: Settings, endpoint: Endpoint, listener: socket.socket, announce: Callable[[], None]
) -> None:
    """Serve until SIGTERM (returns) or Ctrl-C (raises KeyboardInterrupt).

    `announce` is called once nothing stands against it any more. At the end requests in flight are answered
    first, for up to DRAIN_TIMEOUT_S.

    Raises:
        EngineNotReadyError: what is live was built for another release of Marquee.
        SettingsError: a setting cannot be used.
    """
    asyncio.run(_check_live(settings, endpoint))
    app = create_app(settings, endpoint)
    config = configure(settings, Observer(app.state.shortcut, settings, app.state.measures))
    raise_file_limit()
    settle_memory()
    # Once it has drained, uvicorn raises the signal it got again; SIGTERM must then not kill the process
    # before the node is given back.
    previous = signal.signal(signal.SIGTERM, lambda *_: None)
    tracing.open_if_wanted()
    try:
        announce()
        _Server(config, app.state.closing).run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, previous)
        tracing.close()
