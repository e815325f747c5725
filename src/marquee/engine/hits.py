"""What searches find, decoded straight into the type of their documents.

By way of dictionaries it took four times as long: 63 instead of 16 µs for the 22 hits of a suggest.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from marquee.engine.refusals import check_complete, classify

Document = TypeVar("Document")


class Hit(msgspec.Struct, Generic[Document], frozen=True):
    """A document that was found, in its index."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    source: Document = msgspec.field(name="_source")
    sort: list[Any] = []
    """Its values of what a search sorts by."""
    seq_no: int = msgspec.field(name="_seq_no", default=0)
    primary_term: int = msgspec.field(name="_primary_term", default=0)


class _Hits(msgspec.Struct, Generic[Document], frozen=True):
    hits: list[Hit[Document]]


class _Suggested(msgspec.Struct, Generic[Document], frozen=True):
    options: list[Hit[Document]]


class Found(msgspec.Struct, Generic[Document], frozen=True):
    """What Elasticsearch answers to one search of several."""

    hits: _Hits[Document] | None = None
    suggest: dict[str, list[_Suggested[Document]]] = {}
    timed_out: bool = False
    shards: dict[str, Any] = msgspec.field(name="_shards", default={})
    status: int = 500
    error: Any = None

    def list_hits(self) -> list[Hit[Document]]:
        """Return the hits, and the options of suggesters.

        Raises:
            EngineError: the search was refused, timed out or misses a shard.
        """
        if self.error is not None:
            raise classify(self.status, self.error)
        check_complete(self.timed_out, self.shards)
        hits = self.hits.hits if self.hits else []
        for (suggested,) in self.suggest.values():
            hits = hits + suggested.options  # a new list: it may be asked for again
        return hits


class FoundAll(msgspec.Struct, Generic[Document], frozen=True):
    """What it answers to all of them."""

    responses: list[Found[Document]]


def decoder_of(document: type[Document]) -> msgspec.json.Decoder[FoundAll[Document]]:
    """Return what decodes an answer of `_msearch` whose sources are such documents."""
    return _decoder(document)  # type: ignore[arg-type]  # a class is hashable


@cache
def _decoder(document: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(FoundAll[document])
