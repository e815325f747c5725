"""From the four files to actor and title rows: every join of the catalogue, out of core.

    read     each file, row by row checked, goes into buckets by id (principals by title)
    titles   bucket by bucket: titles + ratings; credits and known-for references learn their title's data
             and go into buckets by person
    people   bucket by bucket: people + credits + known-for = actor rows; cast entries learn their person's
             name and go back into buckets by title
    casts    bucket by bucket: titles + cast = title rows

Polars, because at full size (14 M people, 95 M principals) it did this in half of DuckDB's time and two
thirds of its memory (measured before this was written, see the design). One query over everything would
need the lists of 95 M credits at once; a bucket needs only its own.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl

from marquee.catalog import people as person_joins
from marquee.catalog import schemas
from marquee.catalog import titles as title_joins
from marquee.catalog.encoding import ACTOR_COLUMNS, ACTOR_JSON_COLUMNS, TITLE_COLUMNS, TITLE_JSON_COLUMNS
from marquee.catalog.files import NAMES, PRINCIPALS, RATINGS, TITLES, Table, locate, preflight
from marquee.catalog.fill import ACTOR_FIELDS, TITLE_FIELDS, Fill
from marquee.catalog.keys import normalise_all, with_name_keys
from marquee.catalog.quality import FileQuality, Quality
from marquee.catalog.rows import id_of
from marquee.catalog.rules import Basis, Rules
from marquee.catalog.staging import HELD_SHARE, Buckets, Result, bucket_count
from marquee.catalog.tables import read_table
from marquee.catalog.tokens import Tokens
from marquee.errors import SourceDamagedError, SourceError
from marquee.progress import SILENT, Progress
from marquee.settings import Settings


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue as rows ready to be encoded, and how it came about."""

    actor_files: tuple[Path, ...]
    """Parquet, one row per actor document, columns as in the document."""
    title_files: tuple[Path, ...]
    """Parquet, one row per title document, columns as in the document."""
    token_files: tuple[Path, ...]
    """Parquet, one row per distinct token of the actors' names, columns as in the document."""
    actors: int
    titles: int
    tokens: int
    basis: Basis
    """What popularity is made of."""
    quality: Quality
    fill: dict[str, dict[str, float]]
    """By kind ("actors", "titles") and field: the share, 0 to 1, of documents that have it."""


def assemble(
    folder: Path,
    settings: Settings,
    work: Path,
    progress: Progress = SILENT,
    this_year: int | None = None,
) -> Assembly:
    """Read, check and join the files in `folder` into actor and title rows.

    Args:
        folder: holds the four files.
        settings: people, title_types, adult and memory_limit_mb are used.
        work: a folder for the result and, on the way, for up to as much temporary data as the files hold
            unpacked. Created if missing; what an earlier call left in it is removed.
        progress: is told each stage.
        this_year: calendar year that decides which years are credible; today's (UTC) by default.

    Raises:
        SourceMissingError: the folder or a file is not there.
        SourceDamagedError: a file is not whole or not what it should be, or holds no people.
        SourceError: the work folder cannot be written, or is full.
    """
    paths = locate(folder)
    preflight(paths)
    staging = work / "staging"
    try:
        work.mkdir(parents=True, exist_ok=True)
        for leftover in (staging, work / "actors", work / "titles"):
            shutil.rmtree(leftover, ignore_errors=True)
        run = _Run(paths, settings, work, progress, this_year or datetime.now(UTC).year)
        return run.assemble()
    except (OSError, pl.exceptions.ComputeError) as error:
        # Polars has no class for a full disk, only the system's words inside its own
        reason = re.search(r"([^:]+) \(os error \d+\)", str(error))
        if reason is None and not isinstance(error, OSError):
            raise
        text = reason[1].strip() if reason else error
        raise SourceError(f"{work} cannot hold the temporary data of the assembly: {text}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Run:
    """One assembly: the buckets between the stages, and the counts."""

    def __init__(
        self,
        paths: dict[str, Path],
        settings: Settings,
        work: Path,
        progress: Progress,
        this_year: int,
    ) -> None:
        self.paths = paths
        self.settings = settings
        self.work = work
        self.progress = progress
        self.this_year = this_year
        self.count = bucket_count(paths, settings.memory_limit_mb)
        self.quality = Quality(
            names=FileQuality(file=paths[NAMES.name].name),
            titles=FileQuality(file=paths[TITLES.name].name),
            principals=FileQuality(file=paths[PRINCIPALS.name].name),
            ratings=FileQuality(file=paths[RATINGS.name].name),
        )
        limit = (settings.memory_limit_mb << 20) // HELD_SHARE

        def buckets(name: str, key: str, schema: pl.Schema) -> Buckets:
            return Buckets(work / "staging" / name, key, self.count, limit, schema)

        self.people = buckets("people", "nconst", schemas.PERSON)
        self.references = buckets("references", "tconst", schemas.REFERENCE)
        self.raw_titles = buckets("titles", "tconst", schemas.TITLE)
        self.principals = buckets("principals", "tconst", schemas.PRINCIPAL)
        self.ratings = buckets("ratings", "tconst", schemas.RATING)
        self.rated = buckets("rated", "tconst", schemas.RATED)
        self.credits = buckets("credits", "nconst", schemas.CREDIT)
        self.known_for = buckets("known_for", "nconst", schemas.KNOWN_FOR)
        self.cast = buckets("cast", "tconst", schemas.CAST)
        self.tokens = Tokens()
        self.actor_fill = Fill(ACTOR_FIELDS)
        self.title_fill = Fill(TITLE_FIELDS)

    def assemble(self) -> Assembly:
        self.read_people()
        self.read(TITLES, self.raw_titles, self.quality.titles)
        self.read(RATINGS, self.ratings, self.quality.ratings)
        self.read(PRINCIPALS, self.principals, self.quality.principals)
        rules = Rules.of(self.settings, "votes" if self.ratings.rows else "credits")
        self.join_titles(rules)
        actor_files, actors = self.join_people(rules)
        title_files, titles = self.join_casts()
        token_files, tokens = self.write_tokens()
        self.quality.check(actors, titles)
        return Assembly(
            actor_files=actor_files,
            title_files=title_files,
            token_files=token_files,
            actors=actors,
            titles=titles,
            tokens=tokens,
            basis=rules.basis,
            quality=self.quality,
            fill={"actors": self.actor_fill.shares, "titles": self.title_fill.shares},
        )

    def read_people(self) -> None:
        """Read people; their known-for references go their own way, to meet their titles."""
        file = self.quality.names
        row = 0
        for frame in self._frames(NAMES, file):
            numbered = frame.with_columns(pl.int_range(row, row + frame.height).alias("row"))
            row += frame.height
            self.people.add(numbered)
            references = (
                numbered.select(
                    "nconst", "row", "known_for",
                    pl.int_ranges(0, pl.col("known_for").list.len(), dtype=pl.Int32).alias("position"),
                )
                .filter(pl.col("known_for").list.len() > 0)
                .explode("known_for", "position")
                .with_columns(id_of("tt")(pl.col("known_for")).alias("tconst"))
            )  # fmt: skip
            self.quality.known_for += references.height
            file.add(file.nulled, "knownForTitles", references["tconst"].null_count())
            self.quality.known_for_unresolved += references["tconst"].null_count()
            self.references.add(references.filter(pl.col("tconst").is_not_null()))
        self._settle(self.people, self.references)
        if not file.rows:
            raise SourceDamagedError(f"{self.paths[NAMES.name]} holds no people, only its header")

    def read(self, table: Table, buckets: Buckets, file: FileQuality) -> None:
        """Read a table into its buckets."""
        for frame in self._frames(table, file):
            buckets.add(frame)
        self._settle(buckets)

    def _settle(self, *done: Buckets) -> None:
        # What is complete and waits for its stage gives its memory to the stages between.
        if self.count > 1:
            for buckets in done:
                buckets.flush()

    def _frames(self, table: Table, file: FileQuality) -> Iterator[pl.DataFrame]:
        path = self.paths[table.name]
        self.progress.start(f"reading {table.name}", path.stat().st_size, "bytes")
        yield from read_table(path, table, self.this_year, file, self.progress)
        self.progress.finish()

    # Each bucket has a function of its own, so that its rows are gone before the next one's are read.

    def join_titles(self, rules: Rules) -> None:
        """Rate titles; give credits and known-for references their title's data."""
        self.progress.start("joining titles", self.raw_titles.rows + self.principals.rows)
        for bucket in range(self.count):
            self.progress.advance(self._join_titles_of(bucket, rules))
        self._settle(self.rated, self.credits, self.known_for)
        self.progress.finish()

    def _join_titles_of(self, bucket: int, rules: Rules) -> int:
        raw_titles = self.raw_titles.take(bucket)
        rated = title_joins.rate_titles(raw_titles, self.ratings.take(bucket), rules, self.quality)
        self.rated.add(rated.filter("is_indexed"))
        references = self.references.take(bucket)
        self.known_for.add(title_joins.resolve_known_for(references, rated, rules, self.quality))
        principals = self.principals.take(bucket)
        self.credits.add(title_joins.resolve_credits(principals, rated, rules, self.quality))
        return raw_titles.height + principals.height

    def join_people(self, rules: Rules) -> tuple[tuple[Path, ...], int]:
        """Write the actor rows; give cast entries their person's name."""
        self.progress.start("joining people", self.people.rows + self.credits.rows)
        result = Result(self.work / "actors", ACTOR_COLUMNS + ACTOR_JSON_COLUMNS)
        for bucket in range(self.count):
            self.progress.advance(self._join_people_of(bucket, rules, result))
        self._settle(self.cast)
        self.progress.finish()
        return tuple(result.files), result.rows

    def _join_people_of(self, bucket: int, rules: Rules, result: Result) -> int:
        people = self.people.take(bucket)
        rows = people.height
        people = person_joins.distinct_people(people, self.quality)
        credits_of = self.credits.take(bucket)
        rows += credits_of.height
        credits_of = person_joins.name_credits(credits_of, people, self.quality)
        self.cast.add(person_joins.build_cast(credits_of, people))
        known_for = self.known_for.take(bucket)
        actors = person_joins.build_actors(people, credits_of, known_for, rules, self.quality)
        del credits_of, known_for
        actors = with_name_keys(actors, rules.is_completed(self.people.rows))
        self.tokens.add(actors)
        self.actor_fill.add(actors)
        self.quality.unsearchable_names += actors.filter(pl.col("name_key") == "").height
        result.write(bucket, actors)
        return rows

    def write_tokens(self) -> tuple[tuple[Path, ...], int]:
        """Write the token rows."""
        path = self.work / "tokens.parquet"
        return (path,), self.tokens.write(path, self.progress)

    def join_casts(self) -> tuple[tuple[Path, ...], int]:
        """Write the title rows."""
        self.progress.start("joining casts", self.rated.rows + self.cast.rows)
        result = Result(self.work / "titles", TITLE_COLUMNS + TITLE_JSON_COLUMNS)
        for bucket in range(self.count):
            self.progress.advance(self._join_casts_of(bucket, result))
        self.progress.finish()
        return tuple(result.files), result.rows

    def _join_casts_of(self, bucket: int, result: Result) -> int:
        rated, cast = self.rated.take(bucket), self.cast.take(bucket)
        key, original_key = normalise_all(rated["title"]), normalise_all(rated["original_title"])
        rated = rated.with_columns(
            key.alias("title_key"), pl.when(original_key != key).then(original_key).alias("original_key")
        )
        titles = title_joins.build_titles(rated, cast)
        self.title_fill.add(titles)
        result.write(bucket, titles)
        return rated.height + cast.height
