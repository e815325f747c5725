"""Trouble to put into rows: each kind that was seen in the wild, planted in a known number."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from marquee.catalog.files import NAMES, PRINCIPALS, RATINGS, TITLES, Table
from marquee.catalog.synth.vocabulary import random

NOT_UTF8 = "\ufdd1"
"""Stands for a byte that is not UTF-8 until the rows are bytes."""
NOT_UTF8_BYTES = b"\xe9"

Lines = pl.Expr


def _line(*changes: pl.Expr) -> Callable[[Table], Lines]:
    """Return a maker of lines in which some columns are other than they were."""

    def make(table: Table) -> Lines:
        changed = {change.meta.output_name(): change for change in changes}
        columns = [changed.get(name, pl.col(name)).fill_null("\\N") for name in table.columns]
        return pl.concat_str(columns, separator="\t")

    return make


def _inside(column: str, mark: str) -> pl.Expr:
    return pl.concat_str(
        pl.col(column).fill_null("\\N").str.slice(0, 2),
        pl.lit(mark),
        pl.col(column).fill_null("\\N").str.slice(2),
    ).alias(column)


def _as(column: str, value: str) -> pl.Expr:
    return pl.lit(value).alias(column)


def _unknown(column: str) -> pl.Expr:
    # far beyond the ids in use, and as different among each other as those were
    return pl.concat_str(pl.col(column).str.slice(0, 2), pl.lit("9"), pl.col(column).str.slice(2)).alias(
        column
    )


def _ended_by(mark: str) -> Callable[[Table], Lines]:
    return lambda table: _line()(table) + mark


def _twice(table: Table) -> Lines:
    return _line()(table) + "\n" + _line()(table)


def _short(table: Table) -> Lines:
    return pl.concat_str([pl.col(name).fill_null("\\N") for name in table.columns[:-1]], separator="\t")


_EVERYWHERE: dict[str, Callable[[Table], Lines]] = {
    "carriage return": _ended_by("\r"),
    "duplicate": _twice,
    "field missing": _short,
}
KINDS: dict[str, dict[str, Callable[[Table], Lines]]] = {
    NAMES.name: _EVERYWHERE
    | {
        "malformed id": _line(_inside("nconst", "x")),
        "no name": _line(_as("primaryName", "\\N")),
        "tab inside": _line(_inside("primaryName", "\t")),
        "line feed inside": _line(_inside("primaryName", "\n")),
        "quote inside": _line(_inside("primaryName", '"')),
        "not UTF-8": _line(_inside("primaryName", NOT_UTF8)),
        "year 3000": _line(_as("birthYear", "3000")),
        "unknown title": _line(_as("knownForTitles", "tt90000000")),
    },
    TITLES.name: _EVERYWHERE
    | {
        "malformed id": _line(_inside("tconst", "x")),
        "no title": _line(_as("primaryTitle", "")),
        "tab inside": _line(_inside("primaryTitle", "\t")),
        "line feed inside": _line(_inside("primaryTitle", "\n")),
        "quote inside": _line(_inside("primaryTitle", '"')),
        "not UTF-8": _line(_inside("primaryTitle", NOT_UTF8)),
        "year 3000": _line(_as("startYear", "3000")),
        "flag 2019": _line(_as("isAdult", "2019")),
    },
    PRINCIPALS.name: _EVERYWHERE
    | {
        "malformed id": _line(_inside("nconst", "x")),
        "broken JSON": _line(_as("characters", '["Donnie"')),
        "not UTF-8": _line(_as("characters", f'["Ren{NOT_UTF8}"]')),
        "unknown person": _line(_unknown("nconst")),
        "unknown title": _line(_unknown("tconst")),
    },
    RATINGS.name: _EVERYWHERE
    | {
        "malformed id": _line(_inside("tconst", "x")),
        "rating high": _line(_as("averageRating", "high")),
        "unknown title": _line(_unknown("tconst")),
    },
}


def clean_lines(rows: pl.DataFrame, table: Table) -> pl.Series:
    """Return the rows as lines, without line feeds."""
    return rows.select(_line()(table).alias("line"))["line"]


def dirty_lines(
    rows: pl.DataFrame, table: Table, share: float, seed: int, start: int, planted: dict[str, int]
) -> pl.Series:
    """Return the rows as lines, about `share` of them (0 to 1) with trouble; count each kind in `planted`.

    Args:
        rows: text columns, named as in the table's header.
        table: which file they are for.
        share: of the rows.
        seed: decides which rows, together with `start`.
        start: number of the first row within the file.
        planted: kind to number of rows.
    """
    kinds = list(KINDS[table.name].items())
    number = pl.int_range(start, start + pl.len(), dtype=pl.UInt64)
    chosen = rows.select(
        pl.when(random(number, seed, 95) % 1_000_000 < int(share * 1_000_000))
        .then(random(number, seed, 96) % len(kinds))
        .alias("kind")
    )["kind"]
    lines = clean_lines(rows, table)
    for index, (kind, make) in enumerate(kinds):
        places = (chosen == index).fill_null(value=False).arg_true()
        if len(places):
            planted[kind] = planted.get(kind, 0) + len(places)
            lines = lines.scatter(places, rows[places].select(make(table).alias("line"))["line"])
    return lines
