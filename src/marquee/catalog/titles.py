"""The joins around titles, each on the rows of one bucket of title ids."""

from __future__ import annotations

import polars as pl

from marquee.catalog.quality import FileQuality, Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import MOST_CAST, Rules, popularity
from marquee.catalog.schemas import CREDIT, KNOWN_FOR


def rate_titles(titles: pl.DataFrame, ratings: pl.DataFrame, rules: Rules, quality: Quality) -> pl.DataFrame:
    """Join titles with their ratings, the first of duplicates winning; count duplicates and orphans.

    Returns one row per title, `is_adult` and `is_indexed` beside the columns of `RATED`.
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

    is_left_out = pl.col("is_adult") & pl.lit(not rules.adult)
    rated = rated.with_columns((rules.is_indexed() & ~is_left_out).alias("is_indexed"))
    adult = rated.filter(is_left_out).height
    indexed = rated.filter("is_indexed").height
    quality.titles.used += indexed
    quality.titles.add(quality.titles.left_out, "adult title", adult)
    quality.titles.add(quality.titles.left_out, "title type", rated.height - indexed - adult)
    return rated


def resolve_credits(
    principals: pl.DataFrame, rated: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Give each principal its title's data (`CREDIT`); count duplicates, orphans and adult titles."""
    file = quality.principals
    principals = _first_of_each(principals, ["tconst", "ordering", "nconst", "category"], file)
    resolved = principals.join(_title_data(rated, rules), on="tconst", how="inner")
    file.add(file.orphans, "title", principals.height - resolved.height)
    if not rules.adult:
        everything = resolved.height
        resolved = resolved.filter(~pl.col("is_adult"))
        file.add(file.left_out, "adult title", everything - resolved.height)
    return resolved.select(CREDIT.names())


def resolve_known_for(
    references: pl.DataFrame, rated: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Give each known-for reference its title's data (`KNOWN_FOR`); count what doesn't resolve."""
    known_for = references.join(_title_data(rated, rules), on="tconst", how="inner")
    quality.known_for_unresolved += references.height - known_for.height
    if not rules.adult:
        resolved = known_for.height
        known_for = known_for.filter(~pl.col("is_adult"))
        quality.known_for_left_out += resolved - known_for.height
    return known_for.select(KNOWN_FOR.names())


def build_titles(rated: pl.DataFrame, cast: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the title documents, without search keys, ordered by id.

    Args:
        rated: the indexed titles (`RATED`).
        cast: their cast entries (`CAST`).
    """
    casts = (
        cast.sort("tconst", "ordering", "nconst", "category", nulls_last=True)
        .with_columns(text_of(pl.col("nconst"), "nm").alias("nconst"), pl.col("characters").fill_null([]))
        .group_by("tconst", maintain_order=True)
        .agg(pl.struct("nconst", "name", "category", "characters", "ordering").head(MOST_CAST).alias("cast"))
    )
    rows = rated.sort("tconst").join(casts, on="tconst", how="left", maintain_order="left")
    expect_rows(rows, rated.height, "titles with casts")
    return rows.with_columns(
        text_of(pl.col("tconst"), "tt").alias("tconst"),
        pl.col("votes").fill_null(0),
        popularity(pl.col("votes").fill_null(0)).alias("popularity"),
        pl.col("cast").fill_null([]),
    )


def _title_data(rated: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    return rated.select(
        "tconst",
        "title",
        "year",
        "title_type",
        "is_adult",
        pl.col("votes").fill_null(rules.votes_of_unrated),
        pl.col("is_indexed").alias("in_cast"),
    )


def _first_of_each(rows: pl.DataFrame, identity: list[str], file: FileQuality) -> pl.DataFrame:
    distinct = rows.unique(identity, keep="first", maintain_order=True)
    file.duplicates += rows.height - distinct.height
    return distinct
