"""Which peers there are, how each is set up, and what it takes to start one."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.peers.engine_node import URL_VARIABLE
from benchmarks.peers.hosted import CHECKOUT, HostedPeer
from benchmarks.peers.pg_trgm import find_binaries
from benchmarks.peers.protocol import PeerError
from marquee.engine.cluster import Endpoint

MARQUEE = "marquee"
INSTALL_TIMEOUT_S = 600


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """A peer as the scorecard shows and starts it."""

    title: str
    factory: str
    setup: str
    """How it is configured, in one sentence."""
    options: dict[str, Any] = {}
    takes: tuple[str, ...] = ()
    """Further options that the run knows: prefix and index (of the engine), install."""
    packages: tuple[str, ...] = ()
    """What pip installs for it, under the names of constraints.txt."""
    imports: tuple[str, ...] = ()
    completes: bool = True
    url_flag: str | None = None
    """The command line's flag that says where it runs; without it, it is not measured."""


PEERS: dict[str, Spec] = {
    MARQUEE: Spec(
        title="Marquee",
        factory="benchmarks.peers.marquee_service:MarqueeService",
        takes=("prefix",),
        setup="`marquee serve` over HTTP without its cache, everybody of the files indexed.",
    ),
    "elasticsearch": Spec(
        title="Elasticsearch tutorial",
        factory="benchmarks.peers.tutorial:Tutorial",
        takes=("index",),
        setup="On the same node: `match` with fuzziness AUTO on an analysed name; the completion suggester, "
        "fuzzy, weighed by popularity.",
    ),
    "postgresql": Spec(
        title="PostgreSQL pg_trgm",
        factory="benchmarks.peers.pg_trgm:PgTrgm",
        takes=("install",),
        setup="GIN index of trigrams, `%` ordered by `<->` then popularity (one word: `<%` and `<<->`); "
        "completion by LIKE, then by word similarity.",
        packages=("psycopg[binary]",),
        imports=("psycopg",),
    ),
    "sqlite": Spec(
        title="SQLite FTS5 trigram",
        factory="benchmarks.peers.fts5:Fts5",
        setup="Any trigram of the query, ranked by bm25 then popularity; completion by a prefix index, "
        "then by trigrams.",
    ),
    "tantivy": Spec(
        title="tantivy",
        factory="benchmarks.peers.tantivy_fuzzy:Tantivy",
        setup="Each word exact, with one or with two letters wrong, in this order, ties by popularity; "
        "completion by fuzzy prefixes.",
        packages=("tantivy",),
        imports=("tantivy",),
    ),
    "cinemagoer": Spec(
        title="cinemagoer",
        factory="benchmarks.peers.cinemagoer_dataset:CinemagoerDataset",
        setup="Its own import of IMDb's file of names into SQLite, `search_person`; it completes nothing.",
        packages=("cinemagoer",),
        imports=("imdb",),
        completes=False,
    ),
    "rapidfuzz": Spec(
        title="rapidfuzz brute force",
        factory="benchmarks.peers.brute_force:BruteForce",
        setup="`process.extract` with WRatio over all names, ties by popularity; completion by edits to each "
        "name's start.",
    ),
    "meilisearch": Spec(
        title="Meilisearch",
        factory="benchmarks.peers.meilisearch:Meilisearch",
        setup="Its defaults, with popularity as the last ranking rule.",
        url_flag="--meilisearch",
    ),
    "typesense": Spec(
        title="Typesense",
        factory="benchmarks.peers.typesense:Typesense",
        setup="Two letters wrong in each word, prefixes when completing, ties by popularity.",
        url_flag="--typesense",
    ),
}

RETRIEVERS: dict[str, Spec] = {
    "scraper": Spec(
        title="scraping",
        factory="benchmarks.peers.scraper:Scraper",
        setup="A page of results (200 kB) and a person's page (400 kB) from a server on this machine, 250 ms "
        "each, parsed by Beautiful Soup on lxml.",
        packages=("beautifulsoup4", "lxml"),
        imports=("bs4", "lxml"),
        completes=False,
    ),
    "scraper without latency": Spec(
        title="scraping, no latency",
        factory="benchmarks.peers.scraper:Scraper",
        setup="The same pages at once: what transfer and parsing take.",
        options={"latency_s": 0.0},
        packages=("beautifulsoup4", "lxml"),
        imports=("bs4", "lxml"),
        completes=False,
    ),
    "cinemagoer": Spec(
        title="cinemagoer, all files",
        factory="benchmarks.peers.retrieving:RetrievingCinemagoer",
        setup="All of IMDb's files imported; `search_person`, then `update` of the first.",
        packages=("cinemagoer",),
        imports=("imdb",),
        completes=False,
    ),
}
"""What the promise of retrieval is held against, beside Marquee."""


class Starter:
    """Starts peers: where their packages go, which engine, which servers were named."""

    def __init__(
        self, endpoint: Endpoint, home: Path, prefix: str, urls: dict[str, str], install: bool = True
    ) -> None:
        """Take what all peers need.

        Args:
            endpoint: the engine that Marquee and the tutorial share.
            home: where packages are kept from run to run.
            prefix: of all indexes made here.
            urls: of the peers that run elsewhere, by name.
            install: whether packages that are missing may be installed.
        """
        url = endpoint.urls[0]
        if endpoint.username:
            url = url.replace("://", f"://{endpoint.username}:{endpoint.password}@")
        self._environ = {
            URL_VARIABLE: url,
            "MARQUEE_ELASTICSEARCH_URL": url,
            "MARQUEE_HOME": str(home),
            "MARQUEE_SCHEDULE": "off",
        }
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._site = home / "scorecard" / f"packages-{version}"
        self._known = {"prefix": f"{prefix}-own", "index": f"{prefix}-tutorial", "install": install}
        self._urls = urls
        self._install = install

    def start(self, name: str, spec: Spec) -> HostedPeer:
        """Start a peer's process.

        Raises:
            PeerError: it cannot be started here.
        """
        options = spec.options | {each: self._known[each] for each in spec.takes}
        if spec.url_flag:
            if name not in self._urls:
                raise PeerError(f"no {spec.url_flag} URL was given")
            options["url"] = self._urls[name]
        site = self._provide(spec)
        return HostedPeer(spec.factory, options, self._environ, site)

    def versions(self) -> dict[str, str]:
        """Return the versions of what peers are made of, as far as it is there."""
        found = {"SQLite": sqlite3.sqlite_version}
        if binaries := find_binaries():
            said = subprocess.run(
                [binaries / "postgres", "--version"], capture_output=True, text=True, check=False
            )
            if number := re.search(r"\d+(\.\d+)*", said.stdout):
                found["PostgreSQL"] = number[0]
        for package in ("rapidfuzz", "tantivy", "cinemagoer"):
            for folders in ([str(self._site)], sys.path):
                if distribution := next(iter(distributions(name=package, path=folders)), None):
                    found[package] = distribution.version
        return found

    def _provide(self, spec: Spec) -> Path | None:
        """Return the folder that holds what the peer imports; None where all is installed already."""
        if all(find_spec(each) for each in spec.imports):
            return None
        if all((self._site / each).exists() for each in spec.imports):
            return self._site
        missing = ", ".join(spec.packages)
        if not self._install:
            raise PeerError(f"{missing}: not installed (pip install -c constraints.txt '.[peers]')")
        command = [sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", str(self._site)]
        command += ["-c", str(CHECKOUT / "constraints.txt"), *spec.packages]
        try:
            done = subprocess.run(
                command,
                env=os.environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=INSTALL_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"{missing}: pip did not finish within {INSTALL_TIMEOUT_S} s") from None
        if done.returncode:
            raise PeerError(f"{missing}: pip failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
        return self._site
