"""Fill rates: what share of the documents has a field, however its lack is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from marquee.catalog.assemble import assemble
from marquee.catalog.fill import ACTOR_FIELDS, TITLE_FIELDS, Fill
from marquee.settings import Settings
from tests.conftest import write_tsv

ACTOR: dict[str, Any] = {
    "birth_year": 1980, "professions": ["actor"], "known_for": '[{"tconst":"tt1"}]', "credits": '[["tt1"]]'
}  # fmt: skip
SCHEMA = {
    "birth_year": pl.Int32(), "professions": pl.List(pl.String()),
    "known_for": pl.String(), "credits": pl.String(),
}  # fmt: skip


def actors(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([ACTOR | row for row in rows], schema=SCHEMA)


@pytest.mark.parametrize(
    ("field", "lack"),
    [
        ("birth_year", None),
        ("professions", []),
        ("professions", None),
        ("known_for", "[]"),
        ("credits", "[]"),
    ],
)
def test_a_field_that_is_null_or_an_empty_list_is_not_filled(field: str, lack: Any) -> None:
    fill = Fill(ACTOR_FIELDS)
    fill.add(actors({}, {field: lack}))
    assert fill.shares == {**dict.fromkeys(ACTOR_FIELDS, 1.0), field: 0.5}


def test_all_blocks_of_rows_count_alike() -> None:
    fill = Fill(ACTOR_FIELDS)
    fill.add(actors({}, {}, {}))
    fill.add(actors({"birth_year": None}))
    assert fill.shares["birth_year"] == 0.75


def test_nothing_is_filled_where_there_are_no_rows() -> None:
    fill = Fill(TITLE_FIELDS)
    assert fill.shares == dict.fromkeys(TITLE_FIELDS, 0.0)
    empty = Fill(ACTOR_FIELDS)
    empty.add(actors())
    assert empty.shares == dict.fromkeys(ACTOR_FIELDS, 0.0)


def test_an_assembly_says_how_filled_its_documents_are(tmp_path: Path) -> None:
    write_tsv(
        tmp_path,
        "name.basics",
        [
            ("nm0000001", "Jake Gyllenhaal", "1980", r"\N", "actor", "tt0246578"),
            ("nm0000002", "Nobody Known", r"\N", r"\N", "actor", r"\N"),
        ],
    )
    write_tsv(
        tmp_path,
        "title.basics",
        [
            ("tt0246578", "movie", "Donnie Darko", "Donnie Darko", "0", "2001", r"\N", r"\N", "Drama"),
            ("tt0000002", r"\N", "Untyped", "Untyped", "0", r"\N", r"\N", r"\N", r"\N"),
        ],
    )
    write_tsv(tmp_path, "title.principals", [("tt0246578", "1", "nm0000001", "actor", r"\N", r"\N")])
    write_tsv(tmp_path, "title.ratings", [("tt0246578", "8.0", "800000")])
    assembly = assemble(tmp_path, Settings(), tmp_path / "work")
    assert assembly.fill == {
        "actors": {"birth_year": 0.5, "professions": 1.0, "known_for": 0.5, "credits": 0.5},
        "titles": {
            "title_type": 0.5, "year": 0.5, "runtime_minutes": 0.0, "genres": 0.5, "rating": 0.5, "cast": 0.5
        },
    }  # fmt: skip
