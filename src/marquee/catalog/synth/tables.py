"""The rows of made-up files, as text columns; each row depends on its number and the seed alone.

Person number i has the id nm(1 + i + i/4), title number t the id tt(1 + t + t/4): every fifth id is free, to
point at nobody with, and large catalogues have ids of 8 digits, as IMDb has. Of every hundred titles the
first 23 are films and such, the rest episodes, 40 of which in a row share a cast.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import polars as pl

from marquee.catalog.synth.vocabulary import (
    Vocabulary,
    is_male_person,
    person_names,
    random,
    title_names,
    uniform,
)

TITLES_PER_PERSON = 0.8
NON_EPISODES = 23
"""Of every hundred titles."""
MEAN_CAST = 8.5
"""Principals per title: 6.8 per person."""
_RATED_PERCENT = 15
_CHARACTER_POOL = 65_536

_TYPES = pl.Series(
    ["movie"] * 28
    + ["short"] * 40
    + ["tvSeries"] * 11
    + ["video"] * 11
    + ["tvMovie"] * 6
    + ["tvMiniSeries"] * 4
)
_GENRES = pl.Series(
    [
        "Drama",
        "Comedy",
        "Short",
        "Documentary",
        "Romance",
        "Talk-Show",
        "Action",
        "Crime",
        "Thriller",
        "Horror",
    ]
)
_CREW = pl.Series(["director", "writer", "producer", "composer", "cinematographer", "editor"])
_PROFESSIONS = pl.Series(
    ["producer", "writer", "director", "camera_department", "editor", "sound_department", "miscellaneous"]
)


class World(msgspec.Struct, frozen=True):
    """What all rows of one set of files have in common."""

    people: int
    seed: int
    vocabulary: Vocabulary
    characters: pl.Series
    """Names of roles, to draw from."""

    @classmethod
    def of(cls, people: int, seed: int, vocabulary: Vocabulary) -> World:
        """Return the world of `people` people."""
        pool = pl.Series(range(_CHARACTER_POOL))
        roles = person_names(pool, vocabulary, seed + 1).str.replace_all('"', "'", literal=True)
        return cls(people, seed, vocabulary, roles)

    @property
    def titles(self) -> int:
        """Number of titles."""
        return max(1, round(self.people * TITLES_PER_PERSON))

    def spread(self, rank: pl.Expr) -> pl.Expr:
        """Return which person has a rank of fame: all over the ids, and each rank another."""
        factor = 2_654_435_761 % self.people or 1
        while math.gcd(factor, self.people) != 1:
            factor += 1
        return (rank * factor) % self.people


def person_id(index: pl.Expr) -> pl.Expr:
    """Return the id of the person with a number."""
    return "nm" + (1 + index + index // 4).cast(pl.String).str.zfill(7)


def title_id(index: pl.Expr) -> pl.Expr:
    """Return the id of the title with a number."""
    return "tt" + (1 + index + index // 4).cast(pl.String).str.zfill(7)


def people_rows(start: int, stop: int, world: World) -> pl.DataFrame:
    """Return rows of name.basics for person numbers from `start` up to `stop`."""
    seed = world.seed
    frame = pl.DataFrame({"i": pl.int_range(start, stop, eager=True, dtype=pl.UInt64)})
    i = pl.col("i")
    birth = 2010 - (110 * uniform(i, seed, 31) ** 2).cast(pl.Int64)
    death = birth + 40 + (random(i, seed, 32) % 55).cast(pl.Int64)
    acts = pl.when(is_male_person(i, seed)).then(pl.lit("actor")).otherwise(pl.lit("actress"))
    craft = pl.lit(_PROFESSIONS).gather(random(i, seed, 34) % len(_PROFESSIONS))
    job = random(i, seed, 33) % 20
    known = random(i, seed, 35) % 20
    references = [_known_title(i, world, 36 + 2 * turn) for turn in range(4)]
    return frame.select(
        person_id(i).alias("nconst"),
        person_names(frame["i"], world.vocabulary, seed).alias("primaryName"),
        pl.when(random(i, seed, 30) % 12 == 0).then(birth.cast(pl.String)).alias("birthYear"),
        pl.when((random(i, seed, 30) % 36 == 0) & (death < 2026)).then(death.cast(pl.String))
        .alias("deathYear"),
        pl.when(job < 7).then(acts).when(job < 9).then(acts + "," + craft).when(job < 16).then(craft)
        .alias("primaryProfession"),
        pl.when(known < 3).then(pl.lit(None, pl.String))
        .when(known < 11).then(references[0])
        .when(known < 15).then(pl.concat_str(references[:2], separator=","))
        .otherwise(pl.concat_str(references, separator=","))
        .alias("knownForTitles"),
    )  # fmt: skip


def title_rows(start: int, stop: int, world: World) -> pl.DataFrame:
    """Return rows of title.basics for title numbers from `start` up to `stop`."""
    seed = world.seed + 2
    frame = pl.DataFrame({"i": pl.int_range(start, stop, eager=True, dtype=pl.UInt64)})
    i = pl.col("i")
    episode = i % 100 >= NON_EPISODES
    numbered = pl.format("Episode #{}.{}", 1 + i % 9, 1 + random(i, seed, 51) % 60)
    frame = frame.with_columns(
        pl.when(~episode).then(pl.lit(_TYPES).gather(random(i, seed, 50) % len(_TYPES)))
        .otherwise(pl.lit("tvEpisode")).alias("type"),
        pl.when(episode & (random(i, seed, 52) % 5 < 2)).then(numbered)
        .otherwise(title_names(frame["i"], world.vocabulary.words, seed)).alias("title"),
        (2026 - (120 * uniform(i, seed, 53) ** 2).cast(pl.Int64)).alias("year"),
        title_names(frame["i"], world.vocabulary.foreign_words, seed).alias("foreign"),
    )  # fmt: skip
    kind, year = pl.col("type"), pl.col("year")
    end = pl.min_horizontal(year + (random(i, seed, 54) % 12).cast(pl.Int64), 2026)
    genre = [pl.lit(_GENRES).gather(random(i, seed, turn) % len(_GENRES)) for turn in (55, 56)]
    return frame.select(
        title_id(i).alias("tconst"),
        kind.alias("titleType"),
        pl.col("title").alias("primaryTitle"),
        pl.when(~episode & (random(i, seed, 57) % 8 == 0)).then(pl.col("foreign")).otherwise(pl.col("title"))
        .alias("originalTitle"),
        pl.when((kind == "video") & (random(i, seed, 58) % 4 == 0)).then(pl.lit("1")).otherwise(pl.lit("0"))
        .alias("isAdult"),
        pl.when(random(i, seed, 59) % 9 != 0).then(year.cast(pl.String)).alias("startYear"),
        pl.when((kind == "tvSeries") & (random(i, seed, 60) % 2 == 0)).then(end.cast(pl.String))
        .alias("endYear"),
        pl.when(random(i, seed, 61) % 3 == 0).then((1 + random(i, seed, 62) % 150).cast(pl.String))
        .alias("runtimeMinutes"),
        pl.when(genre[0] == genre[1]).then(genre[0]).otherwise(pl.concat_str(genre, separator=","))
        .alias("genres"),
    )  # fmt: skip


def principal_rows(start: int, stop: int, world: World) -> pl.DataFrame:
    """Return rows of title.principals for title numbers from `start` up to `stop`."""
    seed = world.seed + 3
    frame = pl.DataFrame({"t": pl.int_range(start, stop, eager=True, dtype=pl.UInt64)})
    t, o = pl.col("t"), pl.col("ordering")
    cast = 1 + random(t, seed, 70) % int(2 * MEAN_CAST - 1)
    frame = frame.with_columns(pl.int_ranges(1, cast.cast(pl.Int64) + 1, dtype=pl.UInt64).alias("ordering"))
    frame = frame.explode("ordering").with_columns((t * 64 + o).alias("row"))
    row = pl.col("row")
    # What is drawn for an episode is mostly drawn once for its series, so that people have many episodes.
    regular = (t % 100 >= NON_EPISODES) & (random(row, seed, 71) % 10 < 8)
    frame = frame.with_columns(
        pl.when(regular)
        .then((t // 40) * 64 + random(row, seed, 72) % 14)
        .otherwise(row + 2**40)
        .alias("role")
    )
    role = pl.col("role")
    chance = uniform(role, seed, 73)
    rank = (
        pl.when(random(role, seed, 74) % 2 == 0)
        .then((chance * world.people).cast(pl.UInt64))
        .otherwise((chance**2 * 0.2 * world.people).cast(pl.UInt64))
    )
    frame = frame.with_columns(world.spread(rank).alias("person"))
    kind = random(row, seed, 75) % 100
    acting = (o <= 5) | (kind < 20)
    plays = (
        pl.when(is_male_person(pl.col("person"), world.seed))
        .then(pl.lit("actor"))
        .otherwise(pl.lit("actress"))
    )
    frame = frame.with_columns(
        pl.when(acting & (kind >= 85)).then(pl.lit("self"))
        .when(acting & (kind == 84)).then(pl.lit("archive_footage"))
        .when(acting).then(plays)
        .otherwise(pl.lit(_CREW).gather(random(row, seed, 76) % len(_CREW)))
        .alias("category")
    )  # fmt: skip
    category = pl.col("category")
    role_name = pl.lit(world.characters).gather(random(role, seed, 77) % len(world.characters))
    return frame.select(
        title_id(t).alias("tconst"),
        o.cast(pl.String).alias("ordering"),
        person_id(pl.col("person")).alias("nconst"),
        category,
        pl.when((category == "producer") & (kind % 2 == 0)).then(pl.lit("producer")).alias("job"),
        pl.when(category == "self").then(pl.lit('["Self"]'))
        .when(category.is_in(["actor", "actress"]) & (random(row, seed, 78) % 10 < 7))
        .then(pl.format('["{}"]', role_name))
        .alias("characters"),
    )  # fmt: skip


def rating_rows(start: int, stop: int, world: World) -> pl.DataFrame:
    """Return rows of title.ratings for those of the title numbers from `start` up to `stop` that have any."""
    seed = world.seed + 4
    i = pl.col("i")
    frame = pl.DataFrame({"i": pl.int_range(start, stop, eager=True, dtype=pl.UInt64)})
    rating = 10 + ((uniform(i, seed, 91) + uniform(i, seed, 92) + uniform(i, seed, 93)) * 29.9).cast(pl.Int64)
    votes = 5 + pl.lit(10.0).pow(6.4 * uniform(i, seed, 94) ** 4).cast(pl.Int64)
    return frame.filter(random(i, seed, 90) % 100 < _RATED_PERCENT).select(
        title_id(i).alias("tconst"),
        pl.format("{}.{}", rating // 10, rating % 10).alias("averageRating"),
        votes.cast(pl.String).alias("numVotes"),
    )


def _known_title(index: pl.Expr, world: World, turn: int) -> pl.Expr:
    """Return the id of a title that is no episode, one in a hundred an unknown one."""
    hundreds = max(1, world.titles // 100)
    block, place = random(index, world.seed, turn) % hundreds, random(index, world.seed, turn + 1) % 2300
    number = block * 100 + place % min(NON_EPISODES, world.titles)
    return pl.when(place == 0).then(pl.lit("tt0000005")).otherwise(title_id(number))


RowMaker = Callable[[int, int, World], pl.DataFrame]
