"""What a search finds, decoded straight into the type of its documents.

By way of dictionaries it took three times as long: 63 instead of 21 µs for the 22 hits of a suggest.
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


class _Answer(msgspec.Struct, Generic[Document], frozen=True):
    """One of the answers of a `_msearch`."""

    hits: _Hits[Document] | None = None
    suggest: dict[str, list[_Suggested[Document]]] = {}
    timed_out: bool = False
    shards: dict[str, Any] = msgspec.field(name="_shards", default={})
    status: int = 500
    error: Any = None


def decode_hits(answer: msgspec.Raw, document: type[Document]) -> list[Hit[Document]]:
    """Return the hits of one answer of a `_msearch`, and the options of its suggesters.

    Raises:
        EngineError: it was refused, timed out or misses a shard.
        msgspec.ValidationError: a source is no such document.
    """
    decoded: _Answer[Document] = _decoder(document).decode(answer)  # type: ignore[arg-type]
    if decoded.error is not None:
        raise classify(decoded.status, decoded.error)
    check_complete(decoded.timed_out, decoded.shards)
    hits = decoded.hits.hits if decoded.hits else []
    for (suggested,) in decoded.suggest.values():
        hits += suggested.options
    return hits


@cache
def _decoder(document: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_Answer[document])
