"""What Elasticsearch tutorials show: `match` with fuzziness AUTO, and the completion suggester, fuzzy too."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import msgspec

from benchmarks.peers.engine_node import count_index_bytes, find_node_pids, open_engine, remove_indexes
from benchmarks.peers.protocol import Built, Corpus, PeerError, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

BULK = 5_000
_INDEX = {
    "settings": {
        "number_of_replicas": 0,
        "refresh_interval": -1,
        "analysis": {
            "analyzer": {"folded": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]}}
        },
    },
    "mappings": {
        "properties": {
            "name": {"type": "text", "analyzer": "folded"},
            "suggest": {"type": "completion", "analyzer": "folded"},
        }
    },
}


class Tutorial:
    """An index of its own on Marquee's node: the name as text, and as a completion weighed by popularity."""

    def __init__(self, index: str) -> None:
        self._index, self._engine = index, open_engine()

    def build(self, corpus: Corpus) -> Built:
        remove_indexes(self._engine, self._index)
        started = time.perf_counter()
        self._engine.ask("PUT", f"/{self._index}", _INDEX)
        people, encoder = read_people(corpus), msgspec.json.Encoder()
        while block := list(islice(people, BULK)):
            lines: list[Any] = []
            for nconst, name, count in block:
                suggest = {"input": name, "weight": count}
                lines += [{"index": {"_id": nconst}}, {"name": name, "suggest": suggest}]
            body = encoder.encode_lines(lines)
            taken = self._engine.ask(
                "POST", f"/{self._index}/_bulk?filter_path=errors", body, "application/x-ndjson"
            )
            if taken["errors"]:
                raise PeerError("Elasticsearch did not take all people")
        self._engine.ask("POST", f"/{self._index}/_refresh")
        seconds = time.perf_counter() - started
        return Built(seconds, count_index_bytes(self._engine, self._index))

    def search(self, q: str, limit: int) -> SearchReply:
        match = {"name": {"query": q, "fuzziness": "AUTO"}}
        answer = self._ask({"query": {"match": match}, "size": limit, "track_total_hits": False})
        return SearchReply(
            [Person(hit["_id"], hit["_source"]["name"], hit["_score"]) for hit in answer["hits"]["hits"]]
        )

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        completion = {"field": "suggest", "size": limit, "fuzzy": {"fuzziness": "AUTO"}}
        body = {"suggest": {"people": {"prefix": prefix, "completion": completion}}}
        (found,) = self._ask(body)["suggest"]["people"]
        return SuggestReply([Person(each["_id"], each["_source"]["name"]) for each in found["options"]])

    def server_pids(self) -> list[int]:
        return find_node_pids(self._engine)

    def close(self) -> None:
        remove_indexes(self._engine, self._index)

    def _ask(self, body: dict[str, Any]) -> Any:
        return self._engine.ask("POST", f"/{self._index}/_search", body | {"_source": ["name"]})
