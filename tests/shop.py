"""Somebody else's site, whose pages use the element from Marquee's host."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Shop</title>{head}</head>
<body><main><h1>Shop</h1>{body}</main></body></html>"""


class Shop:
    """A site on 127.0.0.1; a test writes its files."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.files: dict[str, tuple[str, Mapping[str, str]]] = {}

    def write(self, path: str, text: str, **headers: str) -> str:
        """Put a file there; its address. Underscores in the names of headers stand for hyphens."""
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        sent = {"Content-Type": f"{kind}; charset=utf-8"}
        self.files[path] = (text, sent | {name.replace("_", "-"): value for name, value in headers.items()})
        return self.origin + path

    def write_page(self, body: str, head: str, **headers: str) -> str:
        """Put a page there; its address."""
        return self.write("/", PAGE.format(head=head, body=body), **headers)


@contextmanager
def run_shop() -> Iterator[Shop]:
    """Run a site of one's own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text, headers = shop.files.get(self.path.split("?")[0], ("", {}))
            self.send_response(200 if headers else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop = Shop(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
