"""The joins around people, each on the rows of one bucket of person ids."""

from __future__ import annotations

import polars as pl

from marquee.catalog.json_text import json_list, json_value
from marquee.catalog.quality import Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import (
    ACTING_PROFESSIONS,
    CREW_SHARE,
    DIRECTOR_SHARE,
    MOST_CREDITS,
    Rules,
    popularity,
)


def distinct_people(people: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """Return the first row of each person, ordered by id; count the duplicates."""
    distinct = people.unique("nconst", keep="first", maintain_order=True)
    quality.names.duplicates += people.height - distinct.height
    return distinct.sort("nconst")


def name_credits(resolved: pl.DataFrame, people: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """Return the credits of known people; count the others.

    `person` is added, the place in `people`.
    """
    places = people.select("nconst").with_row_index("person")
    named = resolved.join(places, on="nconst", how="inner", maintain_order="left")
    file = quality.principals
    file.add(file.orphans, "person", resolved.height - named.height)
    file.used += named.height
    return named


def build_cast(named: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Return the cast entries (`CAST`) among the credits."""
    member = people.select(
        pl.concat_str(pl.lit('"'), text_of(pl.col("nconst"), "nm"), pl.lit('",'), json_value("name"))
    ).to_series()
    entry = pl.concat_str(
        pl.lit("["), pl.lit(member).gather(pl.col("person")), pl.lit(","), pl.col("role_json"), pl.lit(","),
        pl.col("ordering").cast(pl.String).fill_null("null"), pl.lit("]"),
    )  # fmt: skip
    return named.filter("in_cast").select("tconst", "ordering", "nconst", entry.alias("cast"))


def build_actors(
    people: pl.DataFrame, named: pl.DataFrame, known_for: pl.DataFrame, rules: Rules, quality: Quality
) -> pl.DataFrame:
    """Return the rows of the actor documents, without search keys, in the order of `people`.

    Args:
        people: distinct ones (`PERSON`).
        named: their credits, as `name_credits` returns them.
        known_for: their references (`KNOWN_FOR`), those of duplicate rows included.
        rules: who counts as an actor.
        quality: where those who don't are counted.
    """
    if rules.people == "everyone":
        people = people.with_columns(_share_of_fame(named).alias("share"))
    else:
        everyone = people.height
        people = people.filter(_is_actor(named)).with_columns(pl.lit(1.0).alias("share"))
        quality.names.add(quality.names.left_out, "does not act", everyone - people.height)
        named = named.join(people, on="nconst", how="semi", maintain_order="left")
    quality.names.used += people.height
    known_for = (
        known_for.join(people, on=["nconst", "row"], how="semi", maintain_order="left")
        .sort("nconst", "position")
        .unique(["nconst", "tconst"], keep="first", maintain_order=True)
    )
    named = _newest_first(named)
    # One title's credits of one person are neighbours now: to count it once takes no hashing of them all.
    counted = named.filter(~pl.col("is_archive"))
    counted = counted.filter(_differs("nconst") | _differs("tconst"))
    known_alone = known_for.join(counted, on=["nconst", "tconst"], how="anti")
    totals = (
        pl.concat(
            part.select("nconst", "votes", pl.lit(count, pl.Int64).alias("credits_count"))
            for part, count in ((counted, 1), (known_alone, 0))
        )
        .group_by("nconst")
        .agg(pl.col("votes", "credits_count").sum())
    )
    actors = people
    for part in (
        totals,
        json_list("credits", "nconst", named, MOST_CREDITS),
        json_list("known_for", "nconst", known_for),
    ):
        actors = actors.join(part, on="nconst", how="left", maintain_order="left")
    expect_rows(actors, people.height, "people with credits")
    return actors.with_columns(
        text_of(pl.col("nconst"), "nm").alias("nconst"),
        popularity(pl.col("votes").fill_null(0) * pl.col("share")).alias("popularity"),
        pl.col("credits_count").fill_null(0),
        pl.col("credits").fill_null("[]"),
        pl.col("known_for").fill_null("[]"),
    )


def _is_actor(named: pl.DataFrame) -> pl.Expr:
    acting = named.filter("is_acting")["nconst"].unique()
    by_profession = pl.any_horizontal(
        pl.col("professions").list.contains(profession) for profession in ACTING_PROFESSIONS
    )
    return by_profession | pl.col("nconst").is_in(acting.implode())


def _share_of_fame(named: pl.DataFrame) -> pl.Expr:
    """Return the part of a title's votes that counts for a person in it: see CREW_SHARE."""
    directs = pl.col("professions").list.contains("director").fill_null(value=False)
    is_seen = _is_actor(named).fill_null(value=False) | (pl.col("professions").list.len().fill_null(0) == 0)
    return pl.when(is_seen).then(1.0).when(directs).then(DIRECTOR_SHARE).otherwise(CREW_SHARE)


def _newest_first(named: pl.DataFrame) -> pl.DataFrame:
    """Return the credits by person, each person's newest first, those without a year last.

    `credits` is added, the values of each as a JSON array.
    """
    newest_first = (4000 - pl.col("year")).fill_null(4095).cast(pl.Int64)
    order: list[pl.Expr] = [pl.col("person"), newest_first, pl.col("tconst")]
    if len(named) and named["person"].max() < 2**20 and named["tconst"].max() < 2**31:  # type: ignore[operator]
        # nearly always all of it fits into one number, which sorts four times as fast as three
        order = [pl.col("person").cast(pl.Int64) * 2**43 + newest_first * 2**31 + pl.col("tconst")]
    entry = pl.concat_str(pl.lit("["), pl.col("title_json"), pl.lit(","), pl.col("role_json"), pl.lit("]"))
    return (
        named.select("person", "nconst", "year", "tconst", "votes", "is_archive", entry.alias("credits"))
        .sort(*order, maintain_order=True)  # of one title's the first in the file, which is by billing, first
        .drop("person", "year")
    )


def _differs(name: str) -> pl.Expr:
    """Return whether a row differs from the one before."""
    return pl.col(name).ne_missing(pl.col(name).shift())
