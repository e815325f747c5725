"""The joins around people, each on the rows of one bucket of person ids."""

from __future__ import annotations

import polars as pl

from marquee.catalog.quality import Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import (
    ACTING_CATEGORIES,
    ACTING_PROFESSIONS,
    MOST_CREDITS,
    Rules,
    is_archive,
    popularity,
)


def distinct_people(people: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """Return the first row of each person, ordered by id; count the duplicates."""
    distinct = people.unique("nconst", keep="first", maintain_order=True)
    quality.names.duplicates += people.height - distinct.height
    return distinct.sort("nconst")


def name_credits(resolved: pl.DataFrame, people: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """Add the person's name to each credit; count those of unknown people, and drop them."""
    named = resolved.join(people.select("nconst", "name"), on="nconst", how="inner")
    file = quality.principals
    file.add(file.orphans, "person", resolved.height - named.height)
    file.used += named.height
    return named


def build_actors(
    people: pl.DataFrame, named: pl.DataFrame, known_for: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Return the rows of the actor documents, without search keys, in the order of `people`.

    Args:
        people: distinct ones (`PERSON`).
        named: their credits (`CREDIT`), of known people only.
        known_for: their references (`KNOWN_FOR`), those of duplicate rows included.
        rules: who counts as an actor.
        quality: where those who don't are counted.
    """
    if rules.people == "actors":
        everyone = people.height
        people = people.filter(_is_actor(named))
        quality.names.add(quality.names.left_out, "does not act", everyone - people.height)
        named = named.join(people, on="nconst", how="semi")
    quality.names.used += people.height
    known_for = known_for.join(people, on=["nconst", "row"], how="semi")

    credited = named.filter(~is_archive()).select("nconst", "tconst", "votes").unique(["nconst", "tconst"])
    votes = (
        pl.concat([credited, known_for.select("nconst", "tconst", "votes")])
        .unique(["nconst", "tconst"])
        .group_by("nconst")
        .agg(pl.col("votes").sum())
    )
    counts = credited.group_by("nconst").agg(pl.len().cast(pl.Int64).alias("credits_count"))
    actors = people
    for part in (votes, counts, _list_credits(named), _list_known_for(known_for)):
        actors = actors.join(part, on="nconst", how="left", maintain_order="left")
    expect_rows(actors, people.height, "people with credits")
    return actors.with_columns(
        text_of(pl.col("nconst"), "nm").alias("nconst"),
        popularity(pl.col("votes").fill_null(0)).alias("popularity"),
        pl.col("credits_count").fill_null(0),
        pl.col("credits").fill_null([]),
        pl.col("known_for").fill_null([]),
    )


def _is_actor(named: pl.DataFrame) -> pl.Expr:
    acting = named.filter(pl.col("category").is_in(ACTING_CATEGORIES))["nconst"].unique()
    by_profession = pl.any_horizontal(
        pl.col("professions").list.contains(profession) for profession in ACTING_PROFESSIONS
    )
    return by_profession | pl.col("nconst").is_in(acting.implode())


def _list_credits(named: pl.DataFrame) -> pl.DataFrame:
    """Return each person's credits as a list, newest first, those without a year last."""
    return (
        named.sort(
            "nconst", "year", "tconst", "ordering", "category",
            descending=[False, True, False, False, False], nulls_last=True,
        )
        .with_columns(text_of(pl.col("tconst"), "tt").alias("tconst"), pl.col("characters").fill_null([]))
        .group_by("nconst", maintain_order=True)
        .agg(
            pl.struct("tconst", "title", "year", "title_type", "category", "characters")
            .head(MOST_CREDITS)
            .alias("credits")
        )
    )  # fmt: skip


def _list_known_for(known_for: pl.DataFrame) -> pl.DataFrame:
    """Return each person's known-for titles as a list, in the file's order."""
    return (
        known_for.sort("nconst", "position")
        .unique(["nconst", "tconst"], keep="first", maintain_order=True)
        .with_columns(text_of(pl.col("tconst"), "tt").alias("tconst"))
        .group_by("nconst", maintain_order=True)
        .agg(pl.struct("tconst", "title", "year").alias("known_for"))
    )
