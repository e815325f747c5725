"""The distinct tokens of people's names, collected bucket by bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from marquee import names
from marquee.catalog import tokens as tokens_module
from marquee.catalog.tokens import MAX_TOKEN_LETTERS, Tokens
from marquee.progress import SILENT


def people(*rows: tuple[str, float]) -> pl.DataFrame:
    schema = {"name_key": pl.String, "popularity": pl.Float64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def write(tokens: Tokens, folder: Path) -> list[dict[str, Any]]:
    count = tokens.write(folder / "tokens.parquet", SILENT)
    rows = pl.read_parquet(folder / "tokens.parquet").to_dicts()
    assert count == len(rows)
    return rows


def popularity_of(tokens: Tokens, folder: Path) -> dict[str, float]:
    return {row["token"]: row["popularity"] for row in write(tokens, folder)}


def test_a_token_is_as_popular_as_its_most_popular_bearer(tmp_path: Path) -> None:
    tokens = Tokens()
    tokens.add(people(("jake gyllenhaal", 0.9), ("maggie gyllenhaal", 0.7), ("jake weber", 0.5)))
    assert popularity_of(tokens, tmp_path) == {"gyllenhaal": 0.9, "jake": 0.9, "maggie": 0.7, "weber": 0.5}


@pytest.mark.parametrize("merge_rows", [0, 1 << 20])
def test_buckets_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merge_rows: int) -> None:
    monkeypatch.setattr(tokens_module, "_MERGE_ROWS", merge_rows)
    tokens = Tokens()
    for bucket in ([("ann lee", 0.2)], [("ann cole", 0.8), ("bo lee", 0.1)], [], [("ann", 0.4)]):
        tokens.add(people(*bucket))
    assert popularity_of(tokens, tmp_path) == {"ann": 0.8, "bo": 0.1, "cole": 0.8, "lee": 0.2}


def test_tokens_are_ordered_by_their_letters(tmp_path: Path) -> None:
    tokens = Tokens()
    tokens.add(people(("zoe adams", 0.5), ("50 cent", 0.5)))
    assert list(popularity_of(tokens, tmp_path)) == ["50", "adams", "cent", "zoe"]


def test_a_token_too_long_for_an_id_is_left_out(tmp_path: Path) -> None:
    longest = "x" * MAX_TOKEN_LETTERS
    tokens = Tokens()
    tokens.add(people((f"{longest} {longest}x ann", 0.5)))
    assert list(popularity_of(tokens, tmp_path)) == ["ann", longest]


def test_a_name_without_a_key_has_no_tokens(tmp_path: Path) -> None:
    tokens = Tokens()
    tokens.add(people(("", 0.5)))
    assert popularity_of(tokens, tmp_path) == {}


def test_nobody_has_no_tokens(tmp_path: Path) -> None:
    assert write(Tokens(), tmp_path) == []


@pytest.mark.parametrize("token", ["gyllenhaal", "phoenix", "mcconaughey", "o", "50", "xing", "hh", "2pac"])
def test_keys_are_those_of_the_token(tmp_path: Path, token: str) -> None:
    tokens = Tokens()
    tokens.add(people((token, 0.5)))
    assert write(tokens, tmp_path) == [
        {
            "token": token,
            "popularity": 0.5,
            "grams": " ".join(names.grams(token)),
            "sounds": " ".join(names.sounds(token)),
            "respelling": names.respell(token),
            "skeleton": names.skeleton(names.respell(token)),
        }
    ]
