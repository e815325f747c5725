"""The cursor of a long list: where the next page begins, and in which generation."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from marquee.errors import RequestError


class Cursor(msgspec.Struct, frozen=True):
    """A place in a list of one generation, so that a swap between two pages loses no row."""

    generation: str
    offset: int


def encode_cursor(cursor: Cursor) -> str:
    """Return the opaque text of a cursor, safe in an URL."""
    return base64.urlsafe_b64encode(f"{cursor.generation}.{cursor.offset}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Read a cursor back.

    Raises:
        RequestError: this is none that we made.
    """
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    found = re.fullmatch(r"(v[1-9]\d{0,5}-\d{8}t\d{6})\.(\d{1,6})", plain)
    if found is None:
        raise RequestError({"cursor": "is not a `next_cursor` of this service"})
    return Cursor(found[1], int(found[2]))
