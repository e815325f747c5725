"""The keys of many names at once: what `marquee.names` makes of one, for whole columns.

Plain ASCII names, nine in ten, are normalised by Polars; the rest, and everything that belongs to a token,
goes through `marquee.names` once per distinct value. A property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from marquee import names
from marquee.catalog.quality import expect_rows


def normalise_all(values: pl.Series) -> pl.Series:
    """Return `names.normalise` of every value; null stays null."""
    key = pl.col("name").str.to_lowercase().str.replace_all("['`]", "")
    frame = pl.DataFrame({"name": values})
    is_ascii = pl.col("name").str.len_bytes() == pl.col("name").str.len_chars()
    frame = frame.with_columns(
        pl.when(is_ascii).then(key.str.replace_all("[^a-z0-9]+", " ").str.strip_chars(" ")).alias("key")
    )
    rest = frame.select((pl.col("key").is_null() & pl.col("name").is_not_null()).alias("rest"))["rest"]
    if not rest.any():
        return frame["key"]
    normalised = pl.Series([names.normalise(name) for name in values.filter(rest)], dtype=pl.String)
    return frame["key"].scatter(rest.arg_true(), normalised)


def with_name_keys(people: pl.DataFrame) -> pl.DataFrame:
    """Add `name_key`, `name_joined`, `name_grams` and `name_sounds`, made of the column `name`.

    Grams and sounds are the distinct ones of all tokens, in order of first appearance.
    """
    people = people.with_columns(normalise_all(people["name"]).alias("name_key"))
    tokens = (
        people.select(pl.col("name_key").str.split(" ").alias("token")).with_row_index("row").explode("token")
    )
    distinct = tokens.select(pl.col("token").unique(maintain_order=True))
    distinct = distinct.with_columns(
        _per_value(distinct["token"], names.grams).alias("grams"),
        _per_value(distinct["token"], names.sounds).alias("sounds"),
    )
    per_person = (
        tokens.join(distinct, on="token", how="left", maintain_order="left")
        .group_by("row", maintain_order=True)
        .agg(pl.col("grams", "sounds").explode().drop_nulls().unique(maintain_order=True))
    )
    expect_rows(per_person, people.height, "names with the keys of their tokens")
    return people.with_columns(
        pl.col("name_key").str.replace_all(" ", "", literal=True).alias("name_joined"),
        per_person["grams"].alias("name_grams"),
        per_person["sounds"].alias("name_sounds"),
    )


def _per_value(tokens: pl.Series, key: Callable[[str], list[str]]) -> pl.Series:
    # Through one string per token, since Polars reads Python strings five times as fast as Python lists.
    joined = pl.Series([" ".join(key(token)) if token else "" for token in tokens], dtype=pl.String)
    return joined.str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
