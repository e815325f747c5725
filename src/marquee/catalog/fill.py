"""Fill rates: which share of the documents has a field. A column that an upstream change emptied shows here.

Counted while the rows are written: they are at hand then, whereas reading 14 M of them back would unpack
gigabytes of JSON for a handful of figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def _has_items(column: str) -> pl.Expr:
    return pl.col(column).list.len() > 0


def _has_json_items(column: str) -> pl.Expr:
    return pl.col(column) != "[]"


# The fields that a file, or a column of it, fills alone: it can't get lost unnoticed. No death years: so few
# people have one that their share says nothing.
ACTOR_FIELDS: Mapping[str, pl.Expr] = {
    "birth_year": pl.col("birth_year").is_not_null(),
    "professions": _has_items("professions"),
    "known_for": _has_json_items("known_for"),
    "credits": _has_json_items("credits"),
}
TITLE_FIELDS: Mapping[str, pl.Expr] = {
    "title_type": pl.col("title_type").is_not_null(),
    "year": pl.col("year").is_not_null(),
    "runtime_minutes": pl.col("runtime_minutes").is_not_null(),
    "genres": _has_items("genres"),
    "rating": pl.col("rating").is_not_null(),
    "cast": _has_json_items("cast"),
}


class Fill:
    """Counts, over all rows of one kind of document, those that have each field."""

    def __init__(self, fields: Mapping[str, pl.Expr]) -> None:
        self._fields = fields
        self._filled = dict.fromkeys(fields, 0)
        self._rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Count finished rows, columns as in the document."""
        self._rows += rows.height
        # sum() passes over nulls: a list that is null has no items
        sums = rows.select(has.sum().alias(field) for field, has in self._fields.items()).row(0, named=True)
        for field, count in sums.items():
            self._filled[field] += count

    @property
    def shares(self) -> dict[str, float]:
        """By field: the share, 0 to 1, of rows that have it; 0 where there are no rows."""
        return {field: count / max(1, self._rows) for field, count in self._filled.items()}
