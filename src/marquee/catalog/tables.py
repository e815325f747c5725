"""The typed form of each of the four files, and reading one from beginning to end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl

from marquee.catalog.files import NAMES, PRINCIPALS, RATINGS, TITLES, Block, Table, read_blocks
from marquee.catalog.quality import FileQuality
from marquee.catalog.rows import (
    Column,
    between,
    characters,
    decimal,
    flag,
    id_of,
    read_rows,
    text,
    texts,
)
from marquee.progress import Progress

Columns = dict[str, Column]


def columns_of(table: Table, this_year: int) -> Columns:
    """Return how a table's columns are read. Years that cannot be, seen from `this_year`, are unknown."""
    person_year = between(0, this_year + 1)
    title_year = between(1870, this_year + 10)
    columns: dict[str, Columns] = {
        NAMES.name: {
            "nconst": Column("nconst", id_of("nm"), missing="malformed id"),
            "name": Column("primaryName", text, missing="missing name"),
            "birth_year": Column("birthYear", person_year),
            "death_year": Column("deathYear", person_year),
            "professions": Column("primaryProfession", texts),
            "known_for": Column("knownForTitles", texts),
        },
        TITLES.name: {
            "tconst": Column("tconst", id_of("tt"), missing="malformed id"),
            "title_type": Column("titleType", text),
            "title": Column("primaryTitle", text, missing="missing title"),
            "original_title": Column("originalTitle", text),
            "is_adult": Column("isAdult", flag),
            "year": Column("startYear", title_year),
            "end_year": Column("endYear", title_year),
            "runtime_minutes": Column("runtimeMinutes", between(0, 1_000_000)),
            "genres": Column("genres", texts),
        },
        PRINCIPALS.name: {
            "tconst": Column("tconst", id_of("tt"), missing="malformed id"),
            "nconst": Column("nconst", id_of("nm"), missing="malformed id"),
            "ordering": Column("ordering", between(0, 1_000_000)),
            "category": Column("category", text),
            "characters": Column("characters", characters),
        },
        RATINGS.name: {
            "tconst": Column("tconst", id_of("tt"), missing="malformed id"),
            "rating": Column("averageRating", decimal(0, 10)),
            "votes": Column("numVotes", between(0, 2**31 - 1)),
        },
    }
    return columns[table.name]


def read_table(
    path: Path, table: Table, this_year: int, quality: FileQuality, progress: Progress
) -> Iterator[pl.DataFrame]:
    """Yield the usable rows of a file in frames of some MB, counting everything in `quality`.

    Decompression runs one block ahead in a thread of its own. The caller has started a progress stage in
    bytes of the file as it lies on disk.

    Raises:
        SourceDamagedError, SourceMissingError: see `read_blocks`.
    """
    columns = columns_of(table, this_year)
    with closing(_ahead(read_blocks(path, table))) as blocks:
        for block in blocks:
            yield read_rows(block, table, columns, quality)
            progress.advance(block.read_bytes)


def _ahead(blocks: Iterator[Block]) -> Generator[Block]:
    """Yield `blocks`, two of which are prepared while the caller works on one."""
    ready: queue.Queue[Block | BaseException | None] = queue.Queue(maxsize=2)
    given_up = threading.Event()

    def produce() -> None:
        last: BaseException | None = None
        try:
            for block in blocks:
                ready.put(block)
                if given_up.is_set():
                    return
        except BaseException as error:  # handed to the consumer, which raises it
            last = error
        ready.put(last)

    thread = threading.Thread(target=produce, name="marquee-read", daemon=True)
    thread.start()
    try:
        while isinstance(item := ready.get(), Block):
            yield item
        if item is not None:
            raise item
    finally:
        given_up.set()
        while thread.is_alive():
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                thread.join(timeout=0.05)
