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

# Digests that are sorted together. To sort 14 M at once takes a gigabyte, in runs of four million 540 MB in
# all; more runs make each page's search longer.
RUN_ROWS = 4_000_000

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

    def __init__(self, id_field: str, prefix: str, run_rows: int = RUN_ROWS) -> None:
        """Begin with none. `id_field` is the field of the id, and `prefix` what ids begin with: "nm" say."""
        self._id_field = id_field
        self._prefix = prefix
        self._run_rows = run_rows
        self._runs: list[_Run] = []
        self._unsorted: list[pl.DataFrame] = []

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
        digests = self._digest(ids, texts)
        self._unsorted.append(digests.with_columns(pl.Series("popularity", popularity, pl.Float32)))
        if sum(part.height for part in self._unsorted) >= self._run_rows:
            self._sort()

    def compare(self, page: Sequence[tuple[str, Document]]) -> Matches:
        """Compare documents, each with its id, with those kept.

        Every id is compared once, and after the last `add`.
        """
        self._sort()
        others = self._digest([each for each, _ in page], [_encoder.encode(document) for _, document in page])
        is_known = is_same = pl.repeat(False, len(page), eager=True)
        for run in self._runs:
            known, same = run.find(others)
            is_known, is_same = is_known | known, is_same | same
        return Matches((~is_known).arg_true().to_list(), (is_known & ~is_same).arg_true().to_list())

    def find_unmet(self, most: int) -> tuple[int, list[str]]:
        """Return how many of the kept were not compared with any, and the ids of the most popular of them."""
        self._sort()
        count = 0
        ids = pl.DataFrame(schema={"popularity": pl.Float32, "key": pl.Int64})
        for run in self._runs:
            unmet = run.unmet()
            count += unmet.height
            every = pl.concat([ids, unmet])
            ids = every.sort("popularity", "key", descending=[True, False]).head(most)
        return count, ids.select(text_of(pl.col("key"), self._prefix)).to_series().to_list()

    def _digest(self, ids: list[str], texts: list[bytes]) -> pl.DataFrame:
        key = id_of(self._prefix)(pl.col("id")).alias("key")
        digest = pl.Series(texts, dtype=pl.Binary).hash()
        return pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), "digest": digest}).select(key, "digest")

    def _sort(self) -> None:
        if self._unsorted:
            self._runs.append(_Run(pl.concat(self._unsorted).sort("key")))
            self._unsorted.clear()


class _Run:
    """Digests in the order of their keys, and which of them were met."""

    def __init__(self, kept: pl.DataFrame) -> None:
        self._kept = kept
        self._met: list[pl.Series] = []

    def find(self, others: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Return which of other digests have a key of this run, and which are the same."""
        row = self._kept["key"].search_sorted(others["key"]).clip(0, self._kept.height - 1)
        # An id that is none of ours has no key
        is_known = (self._kept["key"].gather(row) == others["key"]).fill_null(value=False)
        self._met.append(row.filter(is_known))
        return is_known, is_known & (self._kept["digest"].gather(row) == others["digest"])

    def unmet(self) -> pl.DataFrame:
        """Return popularity and key of those that were not met."""
        is_met = pl.repeat(False, self._kept.height, eager=True)
        if self._met:
            is_met = is_met.scatter(pl.concat(self._met), True)
        return self._kept.filter(~is_met).select("popularity", "key")
