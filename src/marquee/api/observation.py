"""What is seen of every request, around the whole application: a measure, a line in the log, a span.

It sees what is answered before any handler is found, and what is refused: 304, 404, 429, 503.
"""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import unquote_plus

from marquee import correlation, tracing
from marquee.api.measures import Asked, Measures
from marquee.api.operation import HEAD_EXTENSION
from marquee.correlation import Correlation
from marquee.settings import Settings

# Whatever else is sent as a method or a path counts as one: labels must stay few.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
OTHER_METHOD = "_OTHER"
UNKNOWN_ROUTE = "unknown"
# Nobody types names there, and why something failed must be told in full.
ADMIN_PATH = "/v1/admin/"
MAX_QUOTED = 2000

REQUEST_ID_HEADER = b"x-request-id"

_log = logging.getLogger("marquee.api.access")
_slow_log = logging.getLogger("marquee.api.slow")


class Observer:
    """The application, observed."""

    def __init__(self, app: Any, settings: Settings, measures: Measures) -> None:
        self._app, self._measures = app, measures
        self._may_quote = settings.log_queries
        self._slow_s = settings.slow_query_ms / 1000 or float("inf")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent, opaque_id = correlation.read(scope["headers"])
        is_private = not scope["path"].startswith(ADMIN_PATH)
        own = correlation.begin(parent, opaque_id, is_private=is_private)
        if not tracing.is_on():
            await self._answer(_Seen(scope, own), receive, send)
            return
        with tracing.serve(parent) as span:
            ids = span.get_span_context()
            own = own._replace(
                trace_id=f"{ids.trace_id:032x}",
                span_id=f"{ids.span_id:016x}",
                flags=f"{ids.trace_flags:02x}",
                is_traced=True,
            )
            seen = _Seen(scope, own)
            try:
                await self._answer(seen, receive, send)
            finally:
                name, attributes = f"{seen.method} {seen.route}", seen.describe(may_quote=self._may_quote)
                tracing.describe(span, name, attributes, is_error=seen.status >= 500)

    async def _answer(self, seen: _Seen, receive: Any, send: Any) -> None:
        correlation.enter(seen.correlation)

        async def note_and_send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                request_id = (REQUEST_ID_HEADER, seen.correlation.trace_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), request_id]}
            else:
                seen.sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(seen.scope, receive, note_and_send)
        except BaseException:
            seen.status = 500  # whatever was begun
            raise
        finally:
            self._tell(seen)

    def _tell(self, seen: _Seen) -> None:
        took_s = time.perf_counter() - seen.began
        status, route = seen.status, seen.route
        self._measures.observe_request(route, seen.method, f"{status // 100}xx", took_s)
        if seen.asked and seen.asked.source:
            self._measures.count_answer(seen.asked)
        level = logging.DEBUG if status < 400 else logging.INFO if status < 500 else logging.WARNING
        if seen.asked and seen.asked.is_refused:  # whoever is overloaded must not write of each of hundreds:
            level = logging.DEBUG  # `api/admission` tells how many they are
        if _log.isEnabledFor(level):
            told = {"method": seen.method, "route": route, "status": status, "took_ms": _to_ms(took_s)}
            told |= {"bytes": seen.sent_bytes, "client": seen.client, "token": seen.token}
            self._write(_log, level, f"{seen.method} {route} {status}", told, seen)
        if took_s >= self._slow_s and seen.asked is not None:
            told = {"took_ms": _to_ms(took_s), "status": status, **seen.asked.describe()}
            self._write(_slow_log, logging.WARNING, f"slow {seen.asked.endpoint}", told, seen)

    def _write(
        self, log: logging.Logger, level: int, message: str, told: dict[str, Any], seen: _Seen
    ) -> None:
        if self._may_quote:
            told["query"] = seen.quote()
        log.log(level, message, extra={name: value for name, value in told.items() if value is not None})


class _Seen:
    """What is seen of one request."""

    __slots__ = ("_path", "began", "correlation", "scope", "sent_bytes", "status")

    def __init__(self, scope: dict[str, Any], own: Correlation) -> None:
        self.began = time.perf_counter()
        self.scope, self.correlation = scope, own
        self.status = 500  # of what ends without an answer
        self.sent_bytes = 0
        # Routing changes it.
        self._path = scope["path"]

    @property
    def method(self) -> str:
        """The method, as the client has sent it."""
        if HEAD_EXTENSION in (self.scope.get("extensions") or ()):
            return "HEAD"
        method: str = self.scope["method"]
        return method if method in METHODS else OTHER_METHOD

    @property
    def route(self) -> str:
        """The template of the path."""
        return self.scope.get("path_template") or UNKNOWN_ROUTE

    @property
    def client(self) -> str | None:
        """The client's address."""
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def token(self) -> str | None:
        """The name of the token that was sent."""
        return getattr(self.scope.get("auth"), "name", None)

    @property
    def asked(self) -> Asked | None:
        """The question, where it was one."""
        return self.scope.get("marquee.asked")

    def quote(self) -> str:
        """Return what was typed: path, query string and body."""
        typed = f"{self._path}?{self.scope['query_string'].decode('latin-1')}"
        body = self.asked.body.decode(errors="replace") if self.asked else ""
        return f"{unquote_plus(typed)} {body}".rstrip(" ?")[:MAX_QUOTED]

    def describe(self, *, may_quote: bool) -> dict[str, str | int]:
        """Return what a span says of it, by OpenTelemetry's names for it."""
        told: dict[str, str | int] = {
            "http.request.method": self.method,
            "http.route": self.route,
            "http.response.status_code": self.status,
            "url.scheme": self.scope.get("scheme", "http"),
            "network.protocol.version": self.scope.get("http_version", "1.1"),
        }
        if self.client:
            told["client.address"] = self.client
        if self.status >= 500:
            told["error.type"] = str(self.status)
        if self.asked:
            told |= {f"marquee.{name}": value for name, value in self.asked.describe().items()}
        if may_quote:
            told |= {"url.path": self._path, "url.query": self.scope["query_string"].decode("latin-1")}
        return told


def _to_ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
