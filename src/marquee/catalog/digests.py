"""Digests of documents, to compare millions with millions: 20 bytes for each on one side, none on the other.

A document's digest is one of its JSON with sorted keys, made of the decoded document on either side. So it
does not matter how the writer or the engine spells a number, escapes a letter or orders the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from marquee.catalog.rows import id_of, text_of

Document = dict[str, Any]

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Document)


class Matches(msgspec.Struct, frozen=True):
    """What some documents are compared to those kept, by their positions; the rest is the same in both."""

    unknown: list[int]
    """Of an id that is not kept."""
    different: list[int]


class Digests:
    """Digests of a set of documents, with which others are compared and which then knows what was not met.

    Its methods compute, one at a time: in a thread, mostly, but never in two at once.
    """

    def __init__(self, id_field: str, prefix: str) -> None:
        """Begin with none. `id_field` is the field of the id, and `prefix` what ids begin with: "nm" say."""
        self._id_field = id_field
        self._prefix = prefix
        self._parts: list[pl.DataFrame] = []
        self._kept: pl.DataFrame | None = None
        self._met: list[pl.Series] = []

    def add(self, body: bytes) -> None:
        """Keep the digests of the documents in a `_bulk` body."""
        ids, texts, popularity = [], [], []
        # One after the other: thousands of decoded documents at once keep the garbage collector busy, and
        # decoding them takes nine times as long.
        for line in body.split(b"\n")[1::2]:
            document = _decoder.decode(line)
            ids.append(document[self._id_field])
            texts.append(_encoder.encode(document))
            popularity.append(document["popularity"])
        self._parts.append(
            self._digest(ids, texts).with_columns(pl.Series("popularity", popularity, pl.Float32))
        )

    def compare(self, page: Sequence[tuple[str, Document]]) -> Matches:
        """Compare documents, each with its id, with those kept.

        Every id is compared once, and after the last `add`.
        """
        kept = self._sorted()
        others = self._digest([each for each, _ in page], [_encoder.encode(document) for _, document in page])
        if kept.is_empty():
            return Matches(list(range(len(page))), [])
        row = kept["key"].search_sorted(others["key"]).clip(0, kept.height - 1)
        is_known = (kept["key"].gather(row) == others["key"]).fill_null(value=False)
        is_same = kept["digest"].gather(row) == others["digest"]
        self._met.append(row.filter(is_known))
        return Matches((~is_known).arg_true().to_list(), (is_known & ~is_same).arg_true().to_list())

    def find_unmet(self, most: int) -> tuple[int, list[str]]:
        """Return how many of the kept were not compared with any, and the ids of the most popular of them."""
        kept = self._sorted()
        is_met = pl.repeat(False, kept.height, eager=True)
        if self._met:
            is_met = is_met.scatter(pl.concat(self._met), True)
        unmet = kept.filter(~is_met)
        first = unmet.sort("popularity", "key", descending=[True, False]).head(most)
        return unmet.height, first.select(text_of(pl.col("key"), self._prefix)).to_series().to_list()

    def _digest(self, ids: list[str], texts: list[bytes]) -> pl.DataFrame:
        key = id_of(self._prefix)(pl.col("id")).alias("key")
        digest = pl.Series(texts, dtype=pl.Binary).hash()
        return pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), "digest": digest}).select(key, "digest")

    def _sorted(self) -> pl.DataFrame:
        if self._kept is None:
            schema = {"key": pl.Int64, "digest": pl.UInt64, "popularity": pl.Float32}
            self._kept = pl.concat([pl.DataFrame(schema=schema), *self._parts], rechunk=True).sort("key")
            self._parts.clear()
        return self._kept
