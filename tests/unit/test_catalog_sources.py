"""Sources: what tells one state from another, when it was made, whose data it is."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marquee.catalog.files import TABLES, preflight
from marquee.catalog.sources import IMDB_ATTRIBUTION, open_sample, open_source
from marquee.errors import SourceMissingError

EPOCH_2020 = 1_577_836_800


def write(folder: Path, content: bytes = b"x", mtime: int = 0) -> Path:
    for table in TABLES:
        path = folder / f"{table.name}.tsv.gz"
        path.write_bytes(gzip.compress(content, mtime=mtime))
        os.utime(path, (EPOCH_2020, EPOCH_2020))
    return folder


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = open_source(write(tmp_path / "a")), open_source(write(tmp_path / "b"))
    os.utime(tmp_path / "b" / "name.basics.tsv.gz")
    assert first.fingerprint == second.fingerprint == open_source(tmp_path / "b").fingerprint
    assert len(first.fingerprint) == 32


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_the_fingerprint_changes_with_any_file(tmp_path: Path, name: str) -> None:
    before = open_source(write(tmp_path)).fingerprint
    path = tmp_path / f"{name}.tsv.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # neither the size nor the checksum at the end tells
    path.write_bytes(bytes(data))
    assert open_source(tmp_path).fingerprint != before


def test_files_swapped_among_each_other_are_another_state(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "title.ratings.tsv.gz").write_bytes(b"y")
    before = open_source(tmp_path).fingerprint
    (tmp_path / "title.ratings.tsv.gz").rename(tmp_path / "kept")
    (tmp_path / "title.basics.tsv.gz").rename(tmp_path / "title.ratings.tsv.gz")
    (tmp_path / "kept").rename(tmp_path / "title.basics.tsv.gz")
    assert open_source(tmp_path).fingerprint != before


def test_published_is_when_the_newest_file_was_packed(tmp_path: Path) -> None:
    write(tmp_path, mtime=EPOCH_2020 + 100)
    (tmp_path / "title.ratings.tsv.gz").write_bytes(gzip.compress(b"x", mtime=EPOCH_2020 + 500))
    assert open_source(tmp_path).published_at == datetime.fromtimestamp(EPOCH_2020 + 500, UTC)


@pytest.mark.parametrize("mtime", [0, 4_000_000_000])
def test_without_a_credible_packing_time_the_files_own_counts(tmp_path: Path, mtime: int) -> None:
    assert open_source(write(tmp_path, mtime=mtime)).published_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_attribution_is_imdbs_unless_the_folder_says_otherwise(tmp_path: Path) -> None:
    write(tmp_path)
    assert open_source(tmp_path).attribution == IMDB_ATTRIBUTION
    (tmp_path / "ATTRIBUTION.txt").write_text("Data:\n  mine \n")
    assert open_source(tmp_path).attribution == "Data: mine"
    (tmp_path / "ATTRIBUTION.txt").write_text("\n")
    assert open_source(tmp_path).attribution == IMDB_ATTRIBUTION


def test_a_folder_without_files_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="lacks name"):
        open_source(tmp_path)


def test_the_packaged_sample_is_a_source_with_its_own_attribution() -> None:
    sample = open_sample()
    preflight({table.name: sample.folder / f"{table.name}.tsv.gz" for table in TABLES})
    assert sample.kind == "sample"
    assert "Peter Rust" in sample.attribution
    assert "IMDb" not in sample.attribution
