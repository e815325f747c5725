"""Rows spread over buckets by their id, in memory as long as they are few, then in Parquet.

Every join here is between rows of one id, so it can be done bucket by bucket, and memory is bounded by the
largest bucket instead of by the catalogue.
"""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from marquee.catalog.encoding import ROW_GROUP

HELD_SHARE = 10
"""Each kind of rows holds at most this part of the memory limit before it goes to disk."""
_GZIP_RATIO = 4
_JOIN_FACTOR = 40
"""Buckets per memory limit of unpacked files. Joining one takes at most 20 times its share; buckets of half
that size keep 1 M people at 0.8 GB instead of 1.0. Some hundred more buckets (the catalogue in full has 126)
would cost more CPU for their number than they save by their size."""


def bucket_count(paths: dict[str, Path], memory_limit_mb: int) -> int:
    """Return how many buckets keep each join of these files within the memory limit."""
    unpacked = sum(
        path.stat().st_size * (_GZIP_RATIO if path.suffix == ".gz" else 1) for path in paths.values()
    )
    return max(1, math.ceil(unpacked * _JOIN_FACTOR / (memory_limit_mb << 20)))


class Buckets:
    """Rows of one kind, spread over `count` buckets by the integer in column `key`, in order of arrival.

    At most about `limit_bytes` of rows are held in memory; the rest lies in `folder`.
    """

    def __init__(self, folder: Path, key: str, count: int, limit_bytes: int, schema: pl.Schema) -> None:
        self.rows = 0
        self._folder = folder
        self._key = key
        self._count = count
        self._limit_bytes = limit_bytes
        self._schema = schema
        self._frames: list[list[pl.DataFrame]] = [[] for _ in range(count)]
        self._files: list[list[Path]] = [[] for _ in range(count)]
        self._held_bytes = 0
        self._waves = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows with the columns of the schema, in any order."""
        if frame.is_empty():
            return
        frame = frame.select(self._schema.names())
        self.rows += frame.height
        if self._count == 1:
            self._frames[0].append(frame)
        else:
            # mixed: ids may have gaps at regular distances, which a bare remainder makes empty buckets of
            mixed = pl.col(self._key).cast(pl.UInt64) * pl.lit(0x9E3779B97F4A7C15, pl.UInt64) // 2**40
            parts = frame.with_columns((mixed % self._count).alias("_bucket")).partition_by(
                "_bucket", as_dict=True, include_key=False
            )
            for (index,), part in parts.items():
                self._frames[index].append(part)
        self._held_bytes += int(frame.estimated_size())
        if self._held_bytes > self._limit_bytes:
            self.flush()

    def flush(self) -> None:
        """Move what is held in memory to disk."""
        self._waves += 1
        for index, frames in enumerate(self._frames):
            if frames:
                path = self._folder / f"{index:04}-{self._waves:04}.parquet"
                pl.concat(frames, rechunk=False).write_parquet(path, compression="lz4", statistics=False)
                self._files[index].append(path)
                frames.clear()
        self._held_bytes = 0

    def take(self, index: int) -> pl.DataFrame:
        """Return the rows of a bucket, in order of arrival, and forget them."""
        frames = [pl.read_parquet(path) for path in self._files[index]] + self._frames[index]
        for path in self._files[index]:
            path.unlink()
        self._files[index], self._frames[index] = [], []
        return pl.concat(frames) if frames else pl.DataFrame(schema=self._schema)


class Result:
    """Parquet files of finished rows, one per bucket that has any."""

    def __init__(self, folder: Path, columns: tuple[str, ...]) -> None:
        self.files: list[Path] = []
        self.rows = 0
        self._folder = folder
        self._columns = columns
        folder.mkdir(parents=True)

    def write(self, bucket: int, rows: pl.DataFrame) -> None:
        """Write the rows of a bucket."""
        if rows.is_empty():
            return
        path = self._folder / f"{bucket:04}.parquet"
        rows.select(self._columns).write_parquet(
            path, compression="lz4", row_group_size=ROW_GROUP, statistics=False
        )
        self.files.append(path)
        self.rows += rows.height
