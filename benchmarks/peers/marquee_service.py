"""Marquee as it is deployed: `marquee reindex`, then `marquee serve` over HTTP, without its cache."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote

import msgspec
import psutil

from benchmarks.peers.engine_node import count_index_bytes, find_node_pids, open_engine, remove_indexes
from benchmarks.peers.http import JsonClient
from benchmarks.peers.protocol import Built, Corpus, PeerError
from benchmarks.processes import run_service
from benchmarks.subject import SearchReply, SuggestReply


class MarqueeService:
    """The service, with everybody of the files indexed."""

    def __init__(self, prefix: str) -> None:
        """Take the prefix of its indexes; engine and home come from the environment."""
        self._prefix, self._engine = prefix, open_engine()
        shell = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
        given = ("MARQUEE_ELASTICSEARCH_URL", "MARQUEE_HOME", "MARQUEE_SCHEDULE")
        self._environ = shell | {
            **{name: os.environ[name] for name in given},
            "MARQUEE_INDEX_PREFIX": prefix,
            "MARQUEE_PEOPLE": "everyone",
            "MARQUEE_CACHE_SIZE_MB": "0",  # what a cache answers says nothing of the search
        }
        self._running = contextlib.ExitStack()
        self._client: JsonClient | None = None

    def build(self, corpus: Corpus) -> Built:
        self._running.close()
        remove_indexes(self._engine, f"{self._prefix}-*")
        started = time.perf_counter()
        command = [sys.executable, "-m", "marquee", "reindex", "--data", corpus.folder]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError(f"marquee reindex failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        seconds = time.perf_counter() - started
        try:
            self._client = JsonClient(self._running.enter_context(run_service(self._environ)))
        except (AssertionError, OSError) as error:
            raise PeerError(str(error)) from error
        return Built(seconds, count_index_bytes(self._engine, f"{self._prefix}-*"))

    def search(self, q: str, limit: int) -> SearchReply:
        return msgspec.convert(self._ask("search", q, limit) or {}, SearchReply)

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        return msgspec.convert(self._ask("suggest", prefix, limit) or {}, SuggestReply)

    def server_pids(self) -> list[int]:
        service = [child.pid for child in psutil.Process().children(recursive=True)]
        return service + find_node_pids(self._engine)

    def close(self) -> None:
        self._running.close()
        remove_indexes(self._engine, f"{self._prefix}-*")

    def _ask(self, what: str, q: str, limit: int) -> Any:
        if self._client is None:
            raise PeerError("has no index yet")
        if not any(map(str.isalnum, q)):
            return None  # refused as unusable
        return self._client.ask("GET", f"/v1/actors/{what}?q={quote(q)}&limit={limit}")
