"""A running Meilisearch: `--meilisearch URL`, its key in MEILISEARCH_API_KEY.

Written by the manual, and tested against a server of our own that speaks as much of its API: no real one ran
where this was made.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import Any

from benchmarks.peers.http import JsonClient
from benchmarks.peers.protocol import Built, Corpus, PeerError, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

INDEX = "marquee-scorecard"
BATCH = 50_000
TASK_TIMEOUT_S = 1200.0
_RANKING = ["words", "typo", "proximity", "attribute", "sort", "exactness", "popularity:desc"]


class Meilisearch:
    """Its own typo tolerance and prefix search, popularity as the last ranking rule."""

    def __init__(self, url: str) -> None:
        key = os.environ.get("MEILISEARCH_API_KEY")
        self._client = JsonClient(url, {"Authorization": f"Bearer {key}"} if key else {})
        self._ready = False

    def build(self, corpus: Corpus) -> Built:
        self._delete()
        started = time.perf_counter()
        self._wait(self._client.ask("POST", "/indexes", {"uid": INDEX, "primaryKey": "nconst"}))
        settings = {"searchableAttributes": ["name"], "rankingRules": _RANKING}
        self._wait(self._client.ask("PATCH", f"/indexes/{INDEX}/settings", settings))
        self._ready = True
        people, tasks = read_people(corpus), list[Any]()
        while block := list(islice(people, BATCH)):
            documents = [
                {"nconst": nconst, "name": name, "popularity": count} for nconst, name, count in block
            ]
            tasks.append(self._client.ask("POST", f"/indexes/{INDEX}/documents", documents))
        for each in tasks:
            self._wait(each)
        seconds = time.perf_counter() - started
        size = self._client.ask("GET", "/stats").get("databaseSize", 0)
        return Built(seconds, int(size))

    def search(self, q: str, limit: int) -> SearchReply:
        return SearchReply(self._find(q, limit))

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        return SuggestReply(self._find(prefix, limit))

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        if self._ready:
            self._delete()

    def _find(self, q: str, limit: int) -> list[Person]:
        body = {"q": q, "limit": limit, "attributesToRetrieve": ["nconst", "name"]}
        found = self._client.ask("POST", f"/indexes/{INDEX}/search", body)
        return [Person(hit["nconst"], hit["name"]) for hit in found["hits"]]

    def _delete(self) -> None:
        task = self._client.ask("DELETE", f"/indexes/{INDEX}")
        self._wait(task, tolerate_failure=True)  # most often there is none

    def _wait(self, task: Any, tolerate_failure: bool = False) -> None:
        until = time.monotonic() + TASK_TIMEOUT_S
        while time.monotonic() < until:
            state = self._client.ask("GET", f"/tasks/{task['taskUid']}")
            if state["status"] == "succeeded" or (tolerate_failure and state["status"] == "failed"):
                return
            if state["status"] in ("failed", "canceled"):
                raise PeerError(f"Meilisearch: {(state.get('error') or {}).get('message', state['status'])}")
            time.sleep(0.05)
        raise PeerError(f"Meilisearch did not finish a task within {TASK_TIMEOUT_S:.0f} s")
