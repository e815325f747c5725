"""Buckets: nothing lost, order kept, ids of one kind together, memory bounded."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from marquee.catalog.staging import Buckets

SCHEMA = pl.Schema({"key": pl.Int64(), "text": pl.String()})


def rows_of(start: int, stop: int) -> pl.DataFrame:
    keys = [10_000_001 + number * 5 for number in range(start, stop)]
    return pl.DataFrame({"key": keys, "text": [f"row {key}" for key in keys]}, schema=SCHEMA)


@pytest.mark.parametrize("count", [1, 5, 8])
@pytest.mark.parametrize("limit_bytes", [0, 20_000, 1 << 30])
def test_every_row_comes_back_once_and_in_order(tmp_path: Path, count: int, limit_bytes: int) -> None:
    buckets = Buckets(tmp_path / "rows", "key", count, limit_bytes, SCHEMA)
    for start in range(0, 3000, 500):
        buckets.add(rows_of(start, start + 500).select("text", "key"))
    buckets.add(rows_of(0, 100))  # the same ids again, later
    assert buckets.rows == 3100
    taken = [buckets.take(index) for index in range(count)]
    assert pl.concat(taken).sort("key").equals(pl.concat([rows_of(0, 3000), rows_of(0, 100)]).sort("key"))
    for frame in taken:
        first_time = frame.unique("key", keep="first", maintain_order=True)
        assert first_time["key"].is_sorted()
        assert frame.height - first_time.height == frame.filter(pl.col("key") < 10_000_501).height / 2
    assert list((tmp_path / "rows").iterdir()) == []


def test_regular_gaps_between_ids_leave_no_bucket_empty(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path / "rows", "key", 10, 1 << 30, SCHEMA)
    buckets.add(rows_of(0, 10_000))  # every fifth id
    assert all(800 < buckets.take(index).height < 1200 for index in range(10))


def test_rows_beyond_the_limit_lie_on_disk(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path / "rows", "key", 2, 1000, SCHEMA)
    buckets.add(rows_of(0, 500))
    assert len(list((tmp_path / "rows").iterdir())) == 2
    buckets.add(rows_of(500, 503))
    assert len(list((tmp_path / "rows").iterdir())) == 2
    buckets.flush()
    assert len(list((tmp_path / "rows").iterdir())) == 4


def test_an_empty_bucket_has_the_schema(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path / "rows", "key", 3, 1000, SCHEMA)
    buckets.add(pl.DataFrame(schema=SCHEMA))
    assert [buckets.take(index).schema for index in range(3)] == [SCHEMA] * 3
