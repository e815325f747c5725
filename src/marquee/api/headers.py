"""Headers of every answer: what a browser may do with it, and whose pages may read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from marquee.api.reconciliation.page import STYLE_SOURCE
from marquee.errors import SettingsError

Pairs = list[tuple[bytes, bytes]]

_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")

SAFETY: Pairs = [
    (b"x-content-type-options", b"nosniff"),
    # What is searched for stands in the address.
    (b"referrer-policy", b"no-referrer"),
]
UNFRAMED = (b"x-frame-options", b"DENY")
NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Nobody looks at data as a page; where a browser is made to, it loads and runs nothing."""
PAGE: Pairs = [
    (
        b"content-security-policy",
        # Pictures in style sheets are data: addresses.
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
]
OWN = (b"cross-origin-resource-policy", b"same-origin")
ANYBODYS: Pairs = [
    # Of files, which hold nothing but what the package holds: modules of other sites' pages are fetched with
    # CORS. And of the Reconciliation API.
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
RECONCILIATION = "/reconcile"
"""Where the W3C Reconciliation API is, which wants every page to be let in: what it tells is what anybody may
read, or takes a token, which no browser sends by itself."""
PREVIEW: Pairs = [
    # What other people's pages show in a frame; it runs nothing.
    (
        b"content-security-policy",
        f"default-src 'none'; style-src {STYLE_SOURCE}; form-action 'none'; base-uri 'none'; "
        "frame-ancestors *".encode(),
    )
]
EXPOSED = (
    b"marquee-generation, marquee-data-age, server-timing, etag, retry-after, location, warning, age, "
    b"x-request-id"
)
EXPOSING = (b"access-control-expose-headers", EXPOSED)
PREFLIGHT: Pairs = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, if-none-match, traceparent",
    ),
    (b"access-control-max-age", b"600"),
]


def read_origins(origins: Iterable[str]) -> frozenset[bytes]:
    """Read MARQUEE_CORS_ORIGINS; `*` is all.

    Raises:
        SettingsError: one of them is no origin as browsers send it.
    """
    read = set()
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin.lower()):
            raise SettingsError(
                f"MARQUEE_CORS_ORIGINS={origin!r} cannot be used: write scheme, host and port, "
                "`https://shop.example`, without a path; or `*` for all"
            )
        read.add(origin.lower().encode())
    return frozenset(read)


class Headers:
    """Adds the headers that every answer carries, errors included (a `before_send` hook).

    The framework's own CORS is not used: it forgets `Vary` where no origin is sent, so that a cache would
    hand one site's answers to another, and refuses preflights with something else than a problem. A preflight
    is an OPTIONS, which the framework answers for every route.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        """Prepare the headers; raises SettingsError where an origin cannot be used."""
        self._origins = read_origins(origins)

    async def add(self, message: Any, scope: Any) -> None:
        """Add to the message that begins an answer."""
        if message["type"] != "http.response.start":
            return
        message["headers"] = self.complete(message["status"], message["headers"], scope)

    def complete(self, status: int, sent: Pairs, scope: Any) -> Pairs:
        """Return the headers of an answer with those that every answer carries."""
        added = list(SAFETY)
        media_type = next((value for name, value in sent if name == b"content-type"), b"")
        is_open = is_reconciliation(scope["path"])
        if status == HTTPStatus.NOT_MODIFIED:
            pass  # a cache would put them in the place of those of its copy, which may be a page
        elif not media_type.startswith(b"text/html"):
            added += (UNFRAMED, NOTHING)
        elif is_open:
            added += PREVIEW
        else:
            added += (UNFRAMED, *PAGE)
        if is_file(scope["path"]):
            added += ANYBODYS
        elif is_open:
            added += ANYBODYS
            added += (
                PREFLIGHT if scope["method"] == "OPTIONS" else [(b"access-control-expose-headers", EXPOSED)]
            )
        else:
            added.append(OWN)
            if self._origins:
                added += self._allow(scope)
        return [*sent, *added]

    def _allow(self, scope: Any) -> Pairs:
        if b"*" in self._origins:
            allowed: Pairs = [(b"access-control-allow-origin", b"*")]
        else:
            origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
            # Also where it is not allowed: what a cache holds must not depend on who asked first.
            allowed = [(b"vary", b"Origin")]
            if origin not in self._origins:
                return allowed
            allowed.append((b"access-control-allow-origin", origin))
        if scope["method"] == "OPTIONS":
            return allowed + PREFLIGHT
        return [*allowed, EXPOSING]


def is_file(path: str) -> bool:
    """Say whether a path is one of the files that any page may load."""
    return path.startswith("/static/") or path == "/widget.js"


def is_reconciliation(path: str) -> bool:
    """Say whether a path is one of the Reconciliation API."""
    return path == RECONCILIATION or path.startswith(RECONCILIATION + "/")
