"""The joins around people, each on the rows of one bucket of person ids."""

from __future__ import annotations

import polars as pl

from marquee.catalog.json_text import json_list, json_values
from marquee.catalog.quality import Quality, expect_rows
from marquee.catalog.rows import text_of
from marquee.catalog.rules import ACTING_PROFESSIONS, MOST_CREDITS, Rules, popularity


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
    member = people.select(text_of(pl.col("nconst"), "nm").alias("id"), pl.col("name")).select(
        json_values("id", "name").alias("member")
    )["member"]
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
    if rules.people == "actors":
        everyone = people.height
        people = people.filter(_is_actor(named))
        quality.names.add(quality.names.left_out, "does not act", everyone - people.height)
        named = named.join(people, on="nconst", how="semi", maintain_order="left")
    quality.names.used += people.height
    known_for = known_for.join(people, on=["nconst", "row"], how="semi", maintain_order="left")

    credited = named.filter(~pl.col("is_archive")).select("nconst", "tconst", "votes")
    credited = credited.unique(["nconst", "tconst"])
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
        pl.col("credits").fill_null("[]"),
        pl.col("known_for").fill_null("[]"),
    )


def _is_actor(named: pl.DataFrame) -> pl.Expr:
    acting = named.filter("is_acting")["nconst"].unique()
    by_profession = pl.any_horizontal(
        pl.col("professions").list.contains(profession) for profession in ACTING_PROFESSIONS
    )
    return by_profession | pl.col("nconst").is_in(acting.implode())


def _list_credits(named: pl.DataFrame) -> pl.DataFrame:
    """Return each person's credits, newest first, those without a year last."""
    newest_first = (4000 - pl.col("year")).fill_null(4095).cast(pl.Int64)
    order: list[pl.Expr] = [pl.col("person"), newest_first, pl.col("tconst")]
    if len(named) and named["person"].max() < 2**20 and named["tconst"].max() < 2**31:  # type: ignore[operator]
        # nearly always all of it fits into one number, which sorts four times as fast as three
        order = [pl.col("person").cast(pl.Int64) * 2**43 + newest_first * 2**31 + pl.col("tconst")]
    entry = pl.concat_str(pl.lit("["), pl.col("title_json"), pl.lit(","), pl.col("role_json"), pl.lit("]"))
    in_order = (
        named.select("person", "nconst", "year", "tconst", entry.alias("credits"))
        .sort(*order, maintain_order=True)  # of one title's the first in the file, which is by billing, first
        .select(pl.col("person").set_sorted(), "nconst", "credits")
    )
    people = in_order.group_by("person", maintain_order=True).agg(pl.col("nconst").first())
    return json_list("credits", "person", in_order, MOST_CREDITS).select(people["nconst"], "credits")


def _list_known_for(known_for: pl.DataFrame) -> pl.DataFrame:
    """Return each person's known-for titles, in the file's order."""
    in_order = known_for.sort("nconst", "position").unique(
        ["nconst", "tconst"], keep="first", maintain_order=True
    )
    return json_list("known_for", "nconst", in_order)
