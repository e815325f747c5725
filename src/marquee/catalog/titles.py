"""The joins around titles, each on the rows of one bucket of title ids."""

from __future__ import annotations

import json

import polars as pl

from marquee.catalog.json_text import json_list, json_object, json_values
from marquee.catalog.quality import FileQuality, Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import MOST_CAST, Rules, is_acting, is_archive, popularity
from marquee.catalog.schemas import CREDIT, KNOWN_FOR


def rate_titles(titles: pl.DataFrame, ratings: pl.DataFrame, rules: Rules, quality: Quality) -> pl.DataFrame:
    """Join titles with their ratings, the first of duplicates winning; count duplicates and orphans.

    Returns one row per title, `is_left_out` (adult) and `is_indexed` beside the columns of `RATED`.
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
    return rated


def resolve_credits(
    principals: pl.DataFrame, rated: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Give each principal its title's data (`CREDIT`); count duplicates, orphans and adult titles."""
    file = quality.principals
    principals = _first_of_each(principals, ["tconst", "ordering", "nconst", "category"], file)
    shown_titles = rated.with_columns(text_of(pl.col("tconst"), "tt").alias("id"))
    title = shown_titles.select(json_values("id", "title", "year", "title_type").alias("title_json"))
    data = _title_data(rated, rules, pl.lit(title["title_json"]).alias("title_json"))
    resolved = principals.join(data, on="tconst", how="inner", maintain_order="left")
    file.add(file.orphans, "title", principals.height - resolved.height)
    shown = resolved.filter(~pl.col("is_left_out"))
    file.add(file.left_out, "adult title", resolved.height - shown.height)
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
    data = _title_data(rated, rules, json_object(*_TITLE_MEMBERS).alias("known_for"))
    resolved = references.join(data, on="tconst", how="inner", maintain_order="left")
    quality.known_for_unresolved += references.height - resolved.height
    shown = resolved.filter(~pl.col("is_left_out"))
    quality.known_for_left_out += resolved.height - shown.height
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


_TITLE_MEMBERS = (text_of(pl.col("tconst"), "tt").alias("tconst"), pl.col("title"), pl.col("year"))


def _title_data(rated: pl.DataFrame, rules: Rules, data: pl.Expr) -> pl.DataFrame:
    return rated.select(
        "tconst",
        "year",
        pl.col("votes").fill_null(rules.votes_of_unrated),
        pl.col("is_indexed").alias("in_cast"),
        "is_left_out",
        data,
    )


def _first_of_each(rows: pl.DataFrame, identity: list[str], file: FileQuality) -> pl.DataFrame:
    """Return the first row of each identity, in order; count the others.

    There are next to none, and one number per row, in which only very few others fall together, tells most
    rows apart at a tenth of the price.
    """
    number = pl.sum_horizontal(
        pl.col(name).fill_null(-1) * 1_048_583**power
        for power, name in enumerate(name for name in identity if rows.schema[name].is_integer())
    )
    maybe = rows.select(number.is_duplicated().alias("maybe"))["maybe"]
    if not maybe.any():
        return rows
    numbered = rows.with_row_index("_place")
    suspects = numbered.filter(maybe)
    others = suspects.join(suspects.unique(identity, keep="first"), on="_place", how="anti")["_place"]
    file.duplicates += len(others)
    return numbered.filter(~pl.col("_place").is_in(others.implode())).drop("_place")
