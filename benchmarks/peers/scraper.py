"""What a program does that has no dataset: fetch a search page and a person's page, and parse them.

A server of its own plays the pages, since nobody else's server is to be measured. What it plays is an
assumption, so it stands here and in the report: a page of results and a person's page of PAGE_BYTES bytes of
markup, in which a scraper's usual parser (Beautiful Soup on lxml) finds the links and the titles, each after
LATENCY_S of the network and of the server together. With a latency of 0, transfer and parsing remain.
"""

from __future__ import annotations

import html
import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from benchmarks.peers.http import TIMEOUT_S
from benchmarks.peers.protocol import Built, Corpus, PeerError, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

LATENCY_S = 0.25
PAGE_BYTES = {"find": 200_000, "name": 400_000}
RESULTS = 10
_FILLER = (
    '<li class="item"><div class="card"><a class="link" href="/title/tt{0:07}/"><img alt="" '
    'src="/images/{0}.jpg" srcset="/images/{0}@2x.jpg 2x"><span class="label">Something else {0}</span></a>'
    '<ul class="meta"><li>2001</li><li>1h 41m</li><li>PG-13</li></ul></div></li>\n'
)


class Pages:
    """The pages, filled up to their size with markup that a page has beside what is looked for."""

    def __init__(self, people: list[tuple[str, str]]) -> None:
        self._people = dict(people)
        self._order = [nconst for nconst, _ in people]
        self._places = {fold(name): at for at, (_, name) in enumerate(people)}

    def find(self, q: str) -> bytes:
        """Return a page of results: who bears the name and whoever follows, or anybody."""
        first = self._places.get(fold(q), hash(q) % len(self._order))
        found = "".join(
            f'<li class="find-result"><a class="name-link" href="/name/{nconst}/">'
            f"{html.escape(self._people[nconst])}</a></li>"
            for nconst in self._order[first : first + RESULTS]
        )
        return self._fill(f'<ul class="find-results">{found}</ul>', PAGE_BYTES["find"])

    def name(self, nconst: str) -> bytes:
        """Return a person's page."""
        known = "".join(
            f'<div class="known-for"><a href="/title/tt{at:07}/">A title {at}</a></div>' for at in range(4)
        )
        title = html.escape(self._people.get(nconst, "?"))
        return self._fill(f'<h1 data-testid="name">{title}</h1>{known}', PAGE_BYTES["name"])

    @staticmethod
    def _fill(content: str, size: int) -> bytes:
        count = max(0, size - len(content)) // len(_FILLER.format(0))
        filler = "".join(map(_FILLER.format, range(count)))
        return f"<!doctype html><html><body>{content}<ul>{filler}</ul></body></html>".encode()


class Scraper:
    """Two pages for each person looked up, over a kept connection."""

    def __init__(self, latency_s: float = LATENCY_S) -> None:
        self._latency_s = latency_s
        self._server: ThreadingHTTPServer | None = None
        self._local = threading.local()

    def build(self, corpus: Corpus) -> Built:
        try:
            import bs4  # noqa: F401
            import lxml  # noqa: F401
        except ImportError as error:
            raise PeerError(f"the parser is not installed: {error}") from error
        pages = Pages([(nconst, name) for nconst, name, _ in read_people(corpus)])
        latency_s = self._latency_s

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path.startswith("/find"):
                    body = pages.find(parse_qs(parts.query)["q"][0])
                else:
                    body = pages.name(parts.path.split("/")[2])
                time.sleep(latency_s)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return Built(0.0, 0)

    def search(self, q: str, limit: int) -> SearchReply:
        """Return the first result with its page read: a name, and what they are known for."""
        from bs4 import BeautifulSoup

        results = BeautifulSoup(self._fetch(f"/find?q={quote(q)}"), "lxml").select("li.find-result a")
        if not results:
            raise PeerError("the page of results has none")
        nconst = str(results[0]["href"]).split("/")[2]
        page = BeautifulSoup(self._fetch(f"/name/{nconst}/"), "lxml")
        heading, known = page.select_one("h1"), page.select("div.known-for a")
        if heading is None or not known:
            raise PeerError("the person's page has no name or no titles")
        return SearchReply([Person(nconst, heading.text)][:limit])

    def suggest(self, prefix: str, limit: int) -> SuggestReply:  # noqa: ARG002
        raise PeerError("a scraper completes nothing")

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _fetch(self, target: str) -> bytes:
        assert self._server is not None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            port = self._server.server_address[1]
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", port, TIMEOUT_S)
        connection.request("GET", target)
        response = connection.getresponse()
        content: bytes = response.read()
        return content
