"""The Elasticsearch that Marquee and the tutorial's queries share: indexes' bytes, and its process."""

from __future__ import annotations

import contextlib
import os

import psutil

from benchmarks.peers.http import JsonClient

URL_VARIABLE = "SCORECARD_ENGINE_URL"
"""Environment variable with the engine's address, user and password included: not for the command line, which
other users can read."""


def open_engine() -> JsonClient:
    """Return a client of the engine that the environment names."""
    return JsonClient(os.environ[URL_VARIABLE])


def count_index_bytes(engine: JsonClient, pattern: str) -> int:
    """Return the bytes on disk of the indexes of a pattern, once all is written."""
    engine.ask("POST", f"/{pattern}/_flush")
    answer = engine.ask("GET", f"/{pattern}/_stats/store,translog")
    total = answer["_all"]["total"]
    return int(total["store"]["size_in_bytes"] + total["translog"]["uncommitted_size_in_bytes"])


def remove_indexes(engine: JsonClient, pattern: str) -> None:
    """Delete the indexes of a pattern."""
    for index in engine.ask("GET", f"/{pattern}?ignore_unavailable=true&filter_path=*.aliases") or {}:
        engine.ask("DELETE", f"/{index}")


def find_node_pids(engine: JsonClient) -> list[int]:
    """Return the engine's processes as far as they run here, under the ids that it names itself."""
    answer = engine.ask("GET", "/_nodes/process?filter_path=nodes.*.process.id")
    found: list[int] = []
    for node in (answer or {}).get("nodes", {}).values():
        with contextlib.suppress(psutil.Error):
            if "java" in psutil.Process(node["process"]["id"]).name():
                found.append(int(node["process"]["id"]))
    return found
