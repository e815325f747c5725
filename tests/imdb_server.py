"""A server of dataset files that does what servers do on bad days, on request."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marquee.catalog.files import TABLES

NAMES = "name.basics.tsv.gz"
Fault = Callable[["Handler", bytes], bool]


def packed(table: str, filler: str = "a") -> bytes:
    columns = next(each.columns for each in TABLES if each.name == table)
    row = "\t".join([filler * 9] * len(columns))
    lines = ["\t".join(columns), *[f"{row}{n * 7919 % 100_003}" for n in range(3000)]]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


class Source:
    """The server: files, and for each file a queue of faults, one for each request."""

    def __init__(self) -> None:
        self.files = {f"{table.name}.tsv.gz": packed(table.name) for table in TABLES}
        self.tags = dict.fromkeys(self.files, '"1"')
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.statuses: list[tuple[str, int]] = []
        source = self

        class Bound(Handler):
            serving = source

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def change(self, name: str, filler: str) -> bytes:
        self.files[name] = packed(name.removesuffix(".tsv.gz"), filler)
        self.tags[name] = f'"{filler}"'
        return self.files[name]

    def count(self, name: str = NAMES) -> int:
        return sum(1 for requested, _ in self.requests if requested == name)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with ETag, If-None-Match, Range and If-Range."""

    protocol_version = "HTTP/1.1"
    serving: Source

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.serving.requests.append((name, {key.lower(): value for key, value in self.headers.items()}))
        body = self.serving.files[name]
        faults = self.serving.faults.get(name, [])
        if faults and faults.pop(0)(self, body):
            return
        tag = self.serving.tags[name]
        if self.headers.get("If-None-Match") == tag:
            self.answer(304, b"", tag)
            return
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            offset = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.answer(206, body[offset:], tag, f"bytes {offset}-{len(body) - 1}/{len(body)}")
            return
        self.answer(200, body, tag)

    def answer(
        self,
        status: int,
        body: bytes,
        tag: str = "",
        span: str = "",
        *,
        length: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.serving.statuses.append((self.path.lstrip("/"), status))
        self.send_response(status)
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 03:00:00 GMT")
        headers = {"ETag": tag, "Content-Range": span, **(extra or {})}
        for key, value in headers.items():
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True


def cut_off(handler: Handler, body: bytes) -> bool:
    """Announce everything, send half, hang up."""
    tag = handler.serving.tags[handler.path.lstrip("/")]
    handler.answer(200, body[: len(body) // 2], tag, length=len(body))
    handler.hang_up()
    return True


def cut_off_without_tag(handler: Handler, body: bytes) -> bool:
    handler.answer(200, body[: len(body) // 2], length=len(body))
    handler.hang_up()
    return True


def truncate(handler: Handler, body: bytes) -> bool:
    """Announce and send half: only the gzip end tells."""
    handler.answer(200, body[: len(body) // 2], '"half"')
    return True


def stall(handler: Handler, body: bytes) -> bool:
    handler.answer(200, body[:1000], '"1"', length=len(body))
    time.sleep(1.5)
    handler.hang_up()
    return True


def close_early(handler: Handler, _: bytes) -> bool:
    handler.close_connection = True
    return True


def say(status: int, body: bytes = b"", retry_after: str = "", content_type: str = "") -> Fault:
    headers = {"Retry-After": retry_after, "Content-Type": content_type}

    def fault(handler: Handler, _: bytes) -> bool:
        handler.answer(status, body, extra=headers)
        return True

    return fault


def change_then_serve(filler: str) -> Fault:
    """The file is published anew between two requests."""

    def fault(handler: Handler, _: bytes) -> bool:
        name = handler.path.lstrip("/")
        body = handler.serving.change(name, filler)
        handler.answer(200, body, handler.serving.tags[name])
        return True

    return fault


def ignore_if_range(handler: Handler, body: bytes) -> bool:
    """A careless server: the rest of another state of the file."""
    name = handler.path.lstrip("/")
    body = handler.serving.change(name, "c")
    handler.answer(206, body[500:], handler.serving.tags[name], f"bytes 500-{len(body) - 1}/{len(body)}")
    return True
