"""As much of Meilisearch's and Typesense's HTTP API as the scorecard asks; neither server can be had here.

Names are found by what they begin with. With `refuses`, documents are not taken.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]


class Server(ThreadingHTTPServer):
    """Holds one index."""

    def __init__(self, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.documents: dict[str, dict[str, Any]] | None = None
        self.refuses = False
        self.keys: set[str | None] = set()
        """The API keys that it was shown."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        """What it holds; nothing where there is no index."""
        return self.documents or {}

    def find(self, q: str, limit: int) -> list[dict[str, Any]]:
        """Return the documents whose name begins so, the most popular first."""
        found = [each for each in self.held.values() if each["name"].lower().startswith(q.lower())]
        return sorted(found, key=lambda each: -each["popularity"])[:limit]


class _Handler(BaseHTTPRequestHandler):
    server: Server
    key_header = ""
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.keys.add(self.headers.get(self.key_header))
        status, told = self.answer(urlsplit(self.path).path, body)
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def answer(self, path: str, body: bytes) -> Answer:
        """Return the status of an answer and what it says."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


class MeilisearchHandler(_Handler):
    """Whatever changes something is a task, which may fail."""

    key_header = "authorization"

    def answer(self, path: str, body: bytes) -> Answer:
        server, index = self.server, "/indexes/marquee-scorecard"
        match self.command, path:
            case "DELETE", each if each == index:
                known, server.documents = server.documents is not None, None
                return 202, {"taskUid": 1 if known else 2}
            case "POST", "/indexes":
                server.documents = {}
                return 202, {"taskUid": 1}
            case "PATCH", each if each == f"{index}/settings":
                assert "popularity:desc" in json.loads(body)["rankingRules"]
                return 202, {"taskUid": 1}
            case "POST", each if each == f"{index}/documents":
                assert server.documents is not None
                server.documents |= {one["nconst"]: one for one in json.loads(body)}
                return 202, {"taskUid": 2 if server.refuses else 1}
            case "POST", each if each == f"{index}/search":
                asked = json.loads(body)
                return 200, {"hits": server.find(asked["q"], asked["limit"])}
            case "GET", "/tasks/1":
                return 200, {"status": "succeeded"}
            case "GET", "/tasks/2":
                return 200, {"status": "failed", "error": {"message": "No space left on device"}}
            case "GET", "/stats":
                return 200, {"databaseSize": 4096}
        return 404, {"message": f"{self.command} {path}"}


class TypesenseHandler(_Handler):
    """Documents come as lines, and each is answered with a line."""

    key_header = "x-typesense-api-key"

    def answer(self, path: str, body: bytes) -> Answer:
        server, collection = self.server, "/collections/marquee-scorecard"
        match self.command, path:
            case "DELETE", each if each == collection:
                known, server.documents = server.documents is not None, None
                return (200, {}) if known else (404, {"message": "Not Found"})
            case "POST", "/collections":
                server.documents = {}
                return 201, {}
            case "POST", each if each == f"{collection}/documents/import":
                assert server.documents is not None
                rows = [json.loads(line) for line in body.splitlines()]
                if not server.refuses:
                    server.documents |= {row["id"]: row for row in rows}
                told = {"success": not server.refuses}
                return 200, b"\n".join(json.dumps(told).encode() for _ in rows)
            case "GET", each if each == collection:
                return 200, {"num_documents": len(server.held)}
            case "GET", each if each == f"{collection}/documents/search":
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                hits = server.find(asked["q"], int(asked["per_page"]))
                return 200, {"hits": [{"document": hit} for hit in hits]}
        return 404, {"message": f"{self.command} {path}"}


@contextmanager
def run_search_server(handler: type[_Handler]) -> Iterator[Server]:
    """Run one."""
    with Server(handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
