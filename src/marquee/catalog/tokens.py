"""The distinct tokens of the indexed people's names, with the keys each is found by.

First names and surnames repeat, so a catalogue has far fewer tokens than people (71 k for 138 k people).
What makes a misspelt token findable (grams, sounds, skeleton) is indexed once per token instead of once per
person: a third less work for the engine at a reindex, and a search that hardly grows with the people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from marquee import names
from marquee.progress import Progress

MAX_TOKEN_LETTERS = 64
"""Longer ones, which are no names, can be found by the name as a whole; the engine's ids end at 512 bytes."""

_MERGE_ROWS = 1 << 20
KEYED_ROWS = 20_000
"""Rows between two signs of progress."""


class Tokens:
    """Collects the tokens of people's names, bucket by bucket."""

    def __init__(self) -> None:
        self._tokens = pl.DataFrame(schema={"token": pl.String, "popularity": pl.Float64})
        self._pending: list[pl.DataFrame] = []

    def add(self, people: pl.DataFrame) -> None:
        """Add the people of a bucket (columns `name_key`, `popularity`)."""
        tokens = people.select(
            pl.col("name_key").str.split(" ").alias("token"), pl.col("popularity")
        ).explode("token")
        length = pl.col("token").str.len_bytes()
        tokens = tokens.filter((length > 0) & (length <= MAX_TOKEN_LETTERS))
        self._pending.append(_distinct(tokens))
        if sum(frame.height for frame in self._pending) > max(_MERGE_ROWS, self._tokens.height):
            self._merge()

    def write(self, path: Path, progress: Progress) -> int:
        """Write the rows of the token documents to a Parquet file; return how many they are."""
        self._merge()
        progress.start("keys of tokens", self._tokens.height)
        parts = []
        for part in self._tokens.sort("token").iter_slices(KEYED_ROWS):
            parts.append(_with_keys(part))
            progress.advance(part.height)
        (pl.concat(parts) if parts else _with_keys(self._tokens)).write_parquet(path, compression="lz4")
        progress.finish()
        return self._tokens.height

    def _merge(self) -> None:
        self._tokens = _distinct(pl.concat([self._tokens, *self._pending]))
        self._pending.clear()


def _with_keys(tokens: pl.DataFrame) -> pl.DataFrame:
    respelt = _map(tokens["token"], names.respell)
    return tokens.with_columns(
        _map(tokens["token"], lambda token: " ".join(names.grams(token))).alias("grams"),
        _map(tokens["token"], lambda token: " ".join(names.sounds(token))).alias("sounds"),
        respelt.alias("respelling"),
        _map(respelt, names.skeleton).alias("skeleton"),
    )


def _distinct(tokens: pl.DataFrame) -> pl.DataFrame:
    return tokens.group_by("token").agg(pl.col("popularity").max())


def _map(values: pl.Series, key: Callable[[str], str]) -> pl.Series:
    return pl.Series([key(value) for value in values], dtype=pl.String)
