"""Who comes in, and how often: the door of everything that reads data or administers."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cachetools import LRUCache
from limits import RateLimitItemPerMinute
from litestar.types import ASGIApp, Receive, Scope, Send

from marquee.api.address import client_of
from marquee.api.auth import Role, Token, Tokens, digest_of
from marquee.api.rates import MAX_CLIENTS, Rates, read_limits
from marquee.errors import AccessError, ForbiddenError, RateLimitError, SettingsError, UnauthorizedError
from marquee.settings import Settings

Middleware = Callable[[ASGIApp], ASGIApp]

GUESSES = RateLimitItemPerMinute(20, namespace="guesses")
"""Unknown tokens that one client may show, whatever MARQUEE_RATE_LIMIT says; then none of its tokens is
looked at until another one fits. The same token counts once, since an app with an old one is not guessing."""

ADMITS_ITSELF = "marquee.admits_itself"
"""Key in the `opt` of a handler that asks for admission itself, since not all it answers takes the same."""

_log = logging.getLogger("marquee.api")


class Access:
    """Lets in who may come in, as middleware: a guard would cost each request five times as much."""

    def __init__(self, settings: Settings, tokens: Tokens, rates: Rates) -> None:
        """Prepare the door.

        Raises:
            SettingsError: the rate limit cannot be read, or reading takes a token and there is none.
        """
        if not settings.public and not tokens.list_known():
            raise SettingsError(
                "MARQUEE_PUBLIC=false lets in who has a token, and there is none: "
                "set MARQUEE_TOKENS_FILE or MARQUEE_ADMIN_TOKEN"
            )
        self._tokens, self._rates = tokens, rates
        self._limits = read_limits(settings.rate_limit)
        self._reading: Role | None = None if settings.public else "read"
        self._guessed: LRUCache[bytes, None] = LRUCache(MAX_CLIENTS)
        self._shut_until: LRUCache[str, float] = LRUCache(MAX_CLIENTS)

    @property
    def reading_security(self) -> list[dict[str, list[str]]]:
        """What reading takes, for the OpenAPI schema; the empty alternative is "nothing"."""
        return [{"token": ["read"]}] if self._reading else [{}, {"token": ["read"]}]

    def admit_readers(self) -> Middleware:
        """Return the middleware of what reads data."""
        return self._admit(self._reading)

    def admit_admins(self) -> Middleware:
        """Return the middleware of what administers."""
        return self._admit("admin")

    def _admit(self, role: Role | None) -> Middleware:
        # A function, not a method: the framework copies routers and all they hold, methods' objects too,
        # and all routes must count together.
        def wrap(app: ASGIApp) -> ASGIApp:
            async def admit(scope: Scope, receive: Receive, send: Send) -> None:
                is_preflight = scope.get("method") == "OPTIONS"  # which browsers ask without a token
                if not is_preflight and not scope["route_handler"].opt.get(ADMITS_ITSELF):
                    await self._check_once(scope, role)
                await app(scope, receive, send)

            return admit

        return wrap

    def check_visitor(self, scope: Any) -> Awaitable[None]:
        """Count a request of what is open to all; raises AccessError."""
        return self._check_once(scope, None)

    def check_reader(self, scope: Any) -> Awaitable[None]:
        """Do what the middleware of readers does, which then finds it done; raises AccessError."""
        return self._check_once(scope, self._reading)

    async def _check_once(self, scope: Any, role: Role | None) -> None:
        if "marquee.access" not in scope:
            try:
                await self._check(scope, role)
            except AccessError as error:
                scope["marquee.access"] = error
            else:
                scope["marquee.access"] = None
        if (refusal := scope["marquee.access"]) is not None:
            raise refusal

    async def _check(self, scope: Any, role: Role | None) -> None:
        """Note the token as the request's `auth`, and count the request.

        Raises:
            AccessError: it is not let in.
        """
        sent = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        token = await self._identify(scope, role, sent) if role or sent else None
        scope["auth"] = token
        if not self._limits:
            return
        who = f"token {token.name}" if token else client_of(scope)
        for limit in self._limits:
            if wait_s := await self._rates.spend(limit, who):
                raise RateLimitError(f"more than {limit} was asked", math.ceil(wait_s))

    async def _identify(self, scope: Any, role: Role | None, sent: bytes | None) -> Token | None:
        if role is None:
            # Where no token is needed, what is meant for somebody else (a proxy's Basic) is not looked at. An
            # unknown token of ours is refused all the same: who shows one takes it to be good, and had better
            # be told today than when reading is closed.
            is_bearer = sent is not None and sent[:7].lower() == b"bearer "
            if not is_bearer or not self._tokens.list_known():
                return None
        if sent is not None:
            self._check_guesses(client_of(scope))
        try:
            token = self._tokens.identify(sent.decode("latin-1") if sent is not None else None)
        except UnauthorizedError:
            if sent is not None:
                await self._count_guess(client_of(scope), digest_of(sent))
            raise
        if role is not None and token.role not in (role, "admin"):  # who administers may read, too
            raise ForbiddenError(
                f"this takes a token of the role {role}; {token.name} has the role {token.role}"
            )
        return token

    def _check_guesses(self, client: str) -> None:
        wait_s = self._shut_until.get(client, 0.0) - time.monotonic()
        if wait_s > 0:
            raise RateLimitError("too many unknown tokens came from this address", math.ceil(wait_s))

    async def _count_guess(self, client: str, digest: bytes) -> None:
        if digest in self._guessed:
            return
        self._guessed[digest] = None
        _log.info("%s shows an unknown token", client)
        if wait_s := await self._rates.spend(GUESSES, client):
            _log.warning("%s guesses: none of its tokens is looked at for %d s", client, math.ceil(wait_s))
            self._shut_until[client] = time.monotonic() + wait_s
            self._check_guesses(client)
