"""Writing made-up files: a block of rows at a time, compressed in parallel."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from marquee.catalog.files import NAMES, PRINCIPALS, RATINGS, TABLES, TITLES, Table
from marquee.catalog.synth.dirt import NOT_UTF8, NOT_UTF8_BYTES, clean_lines, dirty_lines
from marquee.catalog.synth.tables import (
    MEAN_CAST,
    RowMaker,
    World,
    people_rows,
    principal_rows,
    rating_rows,
    title_rows,
)
from marquee.catalog.synth.vocabulary import load_vocabulary
from marquee.progress import SILENT, Progress

BreakKind = Literal["truncated", "html", "header", "missing"]
BREAKS: tuple[BreakKind, ...] = get_args(BreakKind)

_BLOCK_ROWS = 200_000
_GZIP_LEVEL = 1  # three times as fast as 3 for files a twentieth larger
_MAKERS: dict[str, tuple[RowMaker, float]] = {
    NAMES.name: (people_rows, 1),
    TITLES.name: (title_rows, 1),
    PRINCIPALS.name: (principal_rows, MEAN_CAST),
    RATINGS.name: (rating_rows, 0.15),
}
"""For each file: what makes its rows, and how many there are for each person or title."""


def synthesise(
    out_dir: Path,
    people: int,
    seed: int = 1,
    dirt: float = 0.0,
    break_kind: BreakKind | None = None,
    progress: Progress = SILENT,
) -> dict[str, dict[str, int]]:
    """Write the four files of a made-up catalogue: 0.8 titles and 6.8 principals per person.

    The same arguments make the same bytes (with the same version of Polars, whose hash draws the lots).

    Args:
        out_dir: where to; created if missing, files in it are replaced.
        people: how many, at least 1.
        seed: any number from 0.
        dirt: share of rows with trouble, 0 to 1.
        break_kind: one whole-file fault: title.principals "truncated", name.basics a web page ("html"),
            title.basics with another "header", title.ratings "missing".
        progress: is told each file.

    Returns:
        For each file the number of rows with each kind of trouble (see `dirt.KINDS`), without `break_kind`.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    world = World.of(people, seed, load_vocabulary())
    planted: dict[str, dict[str, int]] = {}
    for table in TABLES:
        path = out_dir / f"{table.name}.tsv.gz"
        planted[table.name] = {}
        blocks = _blocks(table, world, dirt, planted[table.name], progress)
        with path.open("wb") as file:
            for packed in _compress(blocks):
                file.write(packed)
    if break_kind:
        _break(out_dir, break_kind)
    return planted


def _blocks(
    table: Table, world: World, dirt: float, planted: dict[str, int], progress: Progress
) -> Iterator[bytes]:
    make, rows_each = _MAKERS[table.name]
    total = world.people if table is NAMES else world.titles
    progress.start(f"writing {table.name}", round(total * rows_each), "rows")
    yield "\t".join(table.columns).encode() + b"\n"
    step = max(1, int(_BLOCK_ROWS / max(1, rows_each)))
    written = 0
    for start in range(0, total, step):
        rows = make(start, min(total, start + step), world)
        if dirt:
            lines = dirty_lines(rows, table, dirt, world.seed, written, planted)
        else:
            lines = clean_lines(rows, table)
        written += rows.height
        progress.advance(rows.height)
        if rows.height:
            text: str = pl.select(pl.lit(lines).str.join("\n")).item()
            yield text.encode().replace(NOT_UTF8.encode(), NOT_UTF8_BYTES) + b"\n"
    progress.finish()


def _compress(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each block as a gzip member; several are one gzip file. Two are compressed at a time."""
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for block in blocks:
            waiting.append(pool.submit(gzip.compress, block, _GZIP_LEVEL, mtime=0))
            if len(waiting) > 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _break(folder: Path, kind: BreakKind) -> None:
    if kind == "truncated":
        path = folder / f"{PRINCIPALS.name}.tsv.gz"
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size * 2 // 3)
    elif kind == "html":
        page = b"<!DOCTYPE html>\n<html><body><h1>503 Service Unavailable</h1></body></html>\n"
        (folder / f"{NAMES.name}.tsv.gz").write_bytes(page)
    elif kind == "header":
        path = folder / f"{TITLES.name}.tsv.gz"
        old = "\t".join(TITLES.columns).encode() + b"\n"
        header = gzip.compress(old.replace(b"titleType", b"titleKind"), _GZIP_LEVEL, mtime=0)
        rest = path.read_bytes()[len(gzip.compress(old, _GZIP_LEVEL, mtime=0)) :]
        path.write_bytes(header + rest)
    else:
        (folder / f"{RATINGS.name}.tsv.gz").unlink()
