"""The joins around titles, each on the rows of one bucket of title ids."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from marquee.catalog.json_text import json_list, json_value
from marquee.catalog.quality import FileQuality, Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import MOST_CAST, Rules, is_acting, is_archive, popularity
from marquee.catalog.schemas import CREDIT, KNOWN_FOR


def rate_titles(titles: pl.DataFrame, ratings: pl.DataFrame, rules: Rules, quality: Quality) -> pl.DataFrame:
    """Join titles with their ratings, the first of duplicates winning; count duplicates and orphans.

    Returns one row per title, `is_left_out` (adult), `is_indexed`, `title_json` (the title's part of a
    `documents.Credit`) and `known_for` (a `documents.KnownFor`, both JSON) beside the columns of `RATED`.
    """
    titles = _first_of_each(titles, ["tconst"], quality.titles)
    ratings = _first_of_each(ratings, ["tconst"], quality.ratings)
    rated = titles.join(ratings, on="tconst", how="left", maintain_order="left").with_columns(
        pl.col("original_title").fill_null(pl.col("title")),
        pl.col("is_adult").fill_null(value=False),
        pl.col("votes").cast(pl.Int64),
    )
    expect_rows(rated, titles.height, "titles with ratings")
    matched = ratings.join(titles, on="tconst", how="semi").height
    quality.ratings.used += matched
    quality.ratings.add(quality.ratings.orphans, "title", ratings.height - matched)

    rated = rated.with_columns((pl.col("is_adult") & pl.lit(not rules.adult)).alias("is_left_out"))
    rated = rated.with_columns((rules.is_indexed() & ~pl.col("is_left_out")).alias("is_indexed"))
    adult = rated.filter("is_left_out").height
    indexed = rated.filter("is_indexed").height
    quality.titles.used += indexed
    quality.titles.add(quality.titles.left_out, "adult title", adult)
    quality.titles.add(quality.titles.left_out, "title type", rated.height - indexed - adult)
    return rated.with_columns(_as_json())


def resolve_credits(
    principals: pl.DataFrame, rated: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Give each principal its title's data (`CREDIT`); count duplicates, orphans and adult titles."""
    file = quality.principals
    principals = _first_of_each(principals, ["tconst", "ordering", "nconst", "category"], file)
    shown, orphans = _with_titles(principals, rated, rules, "title_json")
    file.add(file.orphans, "title", orphans)
    file.add(file.left_out, "adult title", principals.height - orphans - shown.height)
    # There are a dozen categories in 95 M rows: each is encoded once.
    categories = shown["category"].drop_nulls().unique().to_list()
    encoded = pl.col("category").replace_strict(
        categories, [f"{json.dumps(each)}," for each in categories], return_dtype=pl.String
    )
    role = pl.concat_str(encoded.fill_null("null,"), pl.col("characters").fill_null("[]"))
    return shown.with_columns(
        is_acting().alias("is_acting"), is_archive().alias("is_archive"), role.alias("role_json")
    ).select(CREDIT.names())


def resolve_known_for(
    references: pl.DataFrame, rated: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Give each known-for reference its title's data (`KNOWN_FOR`); count what doesn't resolve."""
    shown, orphans = _with_titles(references, rated, rules, "known_for")
    quality.known_for_unresolved += orphans
    quality.known_for_left_out += references.height - orphans - shown.height
    return shown.select(KNOWN_FOR.names())


def build_titles(rated: pl.DataFrame, cast: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the title documents, without search keys, ordered by id.

    Args:
        rated: the indexed titles (`RATED`).
        cast: their cast entries (`CAST`).
    """
    in_order = cast.sort("tconst", "ordering", "nconst", nulls_last=True, maintain_order=True)
    casts = json_list("cast", "tconst", in_order, MOST_CAST)
    rows = rated.sort("tconst").join(casts, on="tconst", how="left", maintain_order="left")
    expect_rows(rows, rated.height, "titles with casts")
    return rows.with_columns(
        text_of(pl.col("tconst"), "tt").alias("tconst"),
        pl.col("votes").fill_null(0),
        popularity(pl.col("votes").fill_null(0)).alias("popularity"),
        pl.col("cast").fill_null("[]"),
    )


def _as_json() -> Iterator[pl.Expr]:
    tconst, year = text_of(pl.col("tconst"), "tt"), pl.col("year").cast(pl.String).fill_null("null")
    title, kind = json_value("title"), json_value("title_type")
    texts = {
        "title_json": ('"', tconst, '",', title, ",", year, ",", kind),
        "known_for": ('{"tconst":"', tconst, '","title":', title, ',"year":', year, "}"),
    }
    for name, parts in texts.items():
        yield pl.concat_str(pl.lit(part) if isinstance(part, str) else part for part in parts).alias(name)


def _with_titles(
    rows: pl.DataFrame, rated: pl.DataFrame, rules: Rules, text: str
) -> tuple[pl.DataFrame, int]:
    """Return the rows whose title is there and not left out, with its data, and how many have no title."""
    data = rated.select(
        "tconst",
        "year",
        pl.col("votes").fill_null(rules.votes_of_unrated),
        pl.col("is_indexed").alias("in_cast"),
        "is_left_out",
        text,
    )
    # left: nearly all rows have their title, and a left join need not copy them, at half of the price
    resolved = rows.join(data, on="tconst", how="left", maintain_order="left")
    expect_rows(resolved, rows.height, "rows with titles")
    return resolved.filter(~pl.col("is_left_out")), resolved["is_left_out"].null_count()


def _first_of_each(rows: pl.DataFrame, identity: list[str], file: FileQuality) -> pl.DataFrame:
    """Return the first row of each identity, in order; count the others.

    There are next to none, and one number per row, in which only very few others fall together, tells most
    rows apart at a tenth of the price. Most buckets have none at all, and counting tells it at half of that.
    """
    number = pl.sum_horizontal(
        pl.col(name).fill_null(-1) * 1_048_583**power
        for power, name in enumerate(name for name in identity if rows.schema[name].is_integer())
    )
    numbers = rows.select(number).to_series()
    if numbers.n_unique() == rows.height:
        return rows
    maybe = numbers.is_duplicated()
    numbered = rows.with_row_index("_place")
    suspects = numbered.filter(maybe)
    others = suspects.join(suspects.unique(identity, keep="first"), on="_place", how="anti")["_place"]
    file.duplicates += len(others)
    return numbered.filter(~pl.col("_place").is_in(others.implode())).drop("_place")
