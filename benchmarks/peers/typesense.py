"""A running Typesense: `--typesense URL`, its key in TYPESENSE_API_KEY.

Written by the manual, and tested against a server of our own that speaks as much of its API: no real one ran
where this was made.
"""

from __future__ import annotations

import contextlib
import os
import time
from itertools import islice
from urllib.parse import urlencode

import msgspec

from benchmarks.peers.http import JsonClient
from benchmarks.peers.protocol import Built, Corpus, PeerError, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

COLLECTION = "marquee-scorecard"
BATCH = 20_000


class Typesense:
    """Its own typo tolerance (two letters a word) and prefix search, ties by popularity."""

    def __init__(self, url: str) -> None:
        key = os.environ.get("TYPESENSE_API_KEY", "")
        self._client = JsonClient(url, {"X-TYPESENSE-API-KEY": key})
        self._ready = False

    def build(self, corpus: Corpus) -> Built:
        self._delete()
        started = time.perf_counter()
        fields = [{"name": "name", "type": "string"}, {"name": "popularity", "type": "int32"}]
        schema = {"name": COLLECTION, "fields": fields, "default_sorting_field": "popularity"}
        self._client.ask("POST", "/collections", schema)
        self._ready = True
        people, encoder = read_people(corpus), msgspec.json.Encoder()
        while block := list(islice(people, BATCH)):
            documents = [{"id": nconst, "name": name, "popularity": count} for nconst, name, count in block]
            self._client.ask(
                "POST",
                f"/collections/{COLLECTION}/documents/import?action=create&return_doc=false",
                encoder.encode_lines(documents),
                "text/plain",
                lines=True,
            )
        seconds = time.perf_counter() - started
        held = self._client.ask("GET", f"/collections/{COLLECTION}")["num_documents"]
        if held != corpus.people:
            raise PeerError(f"Typesense took {held:,} of {corpus.people:,} people")
        return Built(seconds, 0)

    def search(self, q: str, limit: int) -> SearchReply:
        return SearchReply(self._find(q, limit, prefix=False))

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        return SuggestReply(self._find(prefix, limit, prefix=True))

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        if self._ready:
            self._delete()

    def _find(self, q: str, limit: int, prefix: bool) -> list[Person]:
        asked = {
            "q": q, "query_by": "name", "per_page": limit, "prefix": str(prefix).lower(), "num_typos": 2,
            "include_fields": "id,name",
        }  # fmt: skip
        found = self._client.ask("GET", f"/collections/{COLLECTION}/documents/search?{urlencode(asked)}")
        return [Person(hit["document"]["id"], hit["document"]["name"]) for hit in found["hits"]]

    def _delete(self) -> None:
        with contextlib.suppress(PeerError):  # most often there is none
            self._client.ask("DELETE", f"/collections/{COLLECTION}")
