"""JSON built as text, column by column.

A title's data stands in the documents of all its people, and a person's name in all their titles. Written as
JSON once per title and person, it is carried through the joins as one string, and a document is put together
from such strings: less than half of the work of nested columns that are encoded at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def json_object(*fields: pl.Expr) -> pl.Expr:
    """Return `{"name":value,…}` of columns."""
    return pl.struct(*fields).struct.json_encode()


def json_values(*names: str) -> pl.Expr:
    """Return `value,…` of columns: the inside of an array."""
    encoded = (json_object(pl.col(name)) for name in names)
    values = (
        text.str.strip_prefix(f'{{"{name}":').str.strip_suffix("}")
        for name, text in zip(names, encoded, strict=True)
    )
    return pl.concat_str(*values, separator=",")


def json_list(items: str, of: str, rows: pl.DataFrame, most: int | None = None) -> pl.DataFrame:
    """Return the texts in column `items` as one JSON array per value of column `of`.

    Args:
        items: the column with the items, each JSON; it becomes the array.
        of: what the rows are grouped by.
        rows: in the order the arrays are to have; rows of one group may be apart.
        most: items per array; what comes after them is left out.
    """
    item = pl.col(items) if most is None else pl.col(items).head(most)
    joined = rows.group_by(of, maintain_order=True).agg(item.str.join(","))
    return joined.with_columns(pl.concat_str(pl.lit("["), pl.col(items), pl.lit("]")).alias(items))


def json_document(plain: Sequence[str], ready: Sequence[str]) -> pl.Expr:
    """Return objects of the columns in `plain`, followed by those in `ready`, which hold JSON already."""
    parts = [json_object(*map(pl.col, plain)).str.strip_suffix("}")]
    for name in ready:
        parts += [pl.lit(f',"{name}":'), pl.col(name)]
    return pl.concat_str(*parts, pl.lit("}"))
