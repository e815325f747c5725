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


def json_value(name: str) -> pl.Expr:
    """Return a column as JSON."""
    return json_object(pl.col(name)).str.strip_prefix(f'{{"{name}":').str.strip_suffix("}")


def json_list(items: str, of: str, rows: pl.DataFrame, most: int | None = None) -> pl.DataFrame:
    """Return the texts in column `items` as one JSON array per value of column `of`.

    Args:
        items: the column with the items, each JSON; it becomes the array.
        of: what the rows are grouped by.
        rows: ordered by `of`, and within one value of it in the order the array is to have.
        most: items per array; what comes after them is left out.
    """
    # Sorted, groups are found without hashing; and lists are joined in a third of the time of groups.
    lists = rows.select(pl.col(of).set_sorted(), items).group_by(of, maintain_order=True).agg(items)
    listed = pl.col(items) if most is None else pl.col(items).list.head(most)
    return lists.with_columns(pl.concat_str(pl.lit("["), listed.list.join(","), pl.lit("]")).alias(items))


def json_document(plain: Sequence[str], ready: Sequence[str]) -> pl.Expr:
    """Return objects of the columns in `plain`, followed by those in `ready`, which hold JSON already.

    Fields that are null are left out: most people's years and completion, a tenth of all that is sent. The
    first column of `plain` and the last must not be null.
    """
    # within a text, the quotes of what looks like a field are escaped
    parts = [json_object(*map(pl.col, plain)).str.strip_suffix("}").str.replace_all('"[a-z_]+":null,', "")]
    for name in ready:
        field = pl.concat_str(pl.lit(f',"{name}":'), pl.col(name))
        parts.append(pl.when(pl.col(name) == "null").then(pl.lit("")).otherwise(field))
    return pl.concat_str(*parts, pl.lit("}"))
