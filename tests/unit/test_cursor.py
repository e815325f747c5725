from __future__ import annotations

import base64

import pytest

from marquee.errors import RequestError
from marquee.search.cursor import Cursor, decode_cursor, encode_cursor


def test_a_cursor_is_read_back() -> None:
    cursor = Cursor("v1-20261122t030512", 150)
    assert decode_cursor(encode_cursor(cursor)) == cursor


@pytest.mark.parametrize(
    "plain", ["", "v1-20261122t030512", "v1-20261122t030512.-1", "v1-*.0", "v1-20261122t030512.0\n", "../x.1"]
)
def test_what_we_did_not_make_is_refused(plain: str) -> None:
    text = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
    with pytest.raises(RequestError, match="cursor"):
        decode_cursor(text)
