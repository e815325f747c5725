"""The head of a request: what is refused of it before the application is asked."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

from marquee.api.headers import Pairs

MAX_HEADER_BYTES = 32 << 10
MAX_HEADERS = 100
MAX_TARGET_BYTES = 64 << 10
"""Longer URLs do not get as far as the application, which answers 414 from 32 KB on."""

_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{0,5}))?")
MAX_PORT = 65_535

Refusal = tuple[HTTPStatus, str]

LONG_TARGET: Refusal = (
    HTTPStatus.REQUEST_URI_TOO_LONG,
    f"the URL is longer than {MAX_TARGET_BYTES} bytes",
)
LONG_HEADERS: Refusal = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"there are more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of them",
)


def find_fault(method: bytes, target: bytes, version: str, headers: Pairs) -> Refusal | None:
    """Return why a head is refused; None where it is not.

    Args:
        method: as it was sent.
        target: path and query.
        version: `1.1`, say.
        headers: names in lower case.
    """
    if version not in ("1.0", "1.1"):
        return HTTPStatus.BAD_REQUEST, "HTTP/1.1 is what is spoken here"
    if method == b"CONNECT":
        return HTTPStatus.BAD_REQUEST, "this is no proxy"
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return HTTPStatus.BAD_REQUEST, "there is not one Host header"  # RFC 9112, 3.2
    if hosts and not _is_host(headers[names.index(b"host")][1]):
        return HTTPStatus.BAD_REQUEST, "the Host header names no host"
    if b"transfer-encoding" in names:
        # What a proxy decodes and the parser does not, it would take the length of from elsewhere (6.1).
        codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
        if codings != [b"chunked"] or version == "1.0":
            return HTTPStatus.BAD_REQUEST, "a body comes with its length, or chunked and not coded otherwise"
    if len(target) > MAX_TARGET_BYTES:
        return LONG_TARGET
    # Here and not header by header, which took a twentieth of what the service adds to a suggest.
    size_bytes = sum([len(name) + len(value) + len(": \r\n") for name, value in headers])
    if len(headers) > MAX_HEADERS or size_bytes > MAX_HEADER_BYTES:
        return LONG_HEADERS
    return None


@lru_cache(maxsize=1024)
def _is_host(value: bytes) -> bool:
    found = _HOST.fullmatch(value.strip())
    return found is not None and int(found["port"] or 0) <= MAX_PORT


def encode_without_upgrade(method: bytes, target: bytes, version: str, headers: Pairs) -> bytes:
    """Return a head that asks for another protocol as one that does not.

    The service speaks no other, and may go on as if it had not been asked (RFC 9110, 7.8); the parser, which
    takes the body for bytes of that protocol, has to be given the head anew.
    """
    lines = []
    for name, value in headers:
        if name == b"connection":
            value = b"close" if b"close" in value.lower() else b"keep-alive"
        if name not in (b"upgrade", b"http2-settings"):
            lines.append(name + b": " + value)
    start = b"%s %s HTTP/%s" % (method, target, version.encode())
    return b"\r\n".join([start, *lines, b"", b""])
