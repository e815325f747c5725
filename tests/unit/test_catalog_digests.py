"""Digests: documents equal, different, unknown and unmet, however their JSON is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from marquee.catalog.digests import Digests
from marquee.catalog.encoding import TITLE_COLUMNS, TITLE_JSON_COLUMNS, encode_titles, read_titles


def person(number: int, popularity: float = 0.5, **fields: Any) -> dict[str, Any]:
    return {"nconst": f"nm{number:07}", "name": f"Person {number}", "popularity": popularity, **fields}


def body_of(documents: Sequence[dict[str, Any]]) -> bytes:
    lines: list[Any] = []
    for each in documents:
        lines += [{"index": {"_id": each["nconst"]}}, each]
    return msgspec.json.Encoder().encode_lines(lines)


def digests_of(*documents: dict[str, Any]) -> Digests:
    digests = Digests("nconst", "nm")
    digests.add(body_of(documents))
    return digests


def page_of(*documents: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(each["nconst"], each) for each in documents]


def test_documents_are_told_apart_by_their_position() -> None:
    digests = digests_of(person(3), person(1), person(2), person(12345678))
    matches = digests.compare(page_of(person(9), person(1), person(2, 0.6), person(12345678), person(0)))
    assert (matches.unknown, matches.different) == ([0, 4], [2])
    assert digests.find_unmet(10) == (1, ["nm0000003"])


@pytest.mark.parametrize("run_rows", [1, 300, 10_000])
def test_bodies_and_pages_add_up(run_rows: int) -> None:
    digests = Digests("nconst", "nm", run_rows)
    for start in range(0, 1000, 100):
        # neither in order nor in one range, like the buckets they come from
        digests.add(body_of([person(n * 7919 % 1000, n / 1000) for n in range(start, start + 100)]))
    for start in range(990, 90, -10):
        numbers = range(start, start + 10)
        page = page_of(*(person(n * 7919 % 1000, (n if n % 10 else n + 1) / 1000) for n in numbers))
        matches = digests.compare(page)
        assert (matches.unknown, matches.different) == ([], [0])
    unmet = [f"nm{n * 7919 % 1000:07}" for n in range(99, 96, -1)]
    assert digests.find_unmet(3) == (100, unmet)


def test_the_spelling_of_json_makes_no_difference() -> None:
    digests = Digests("nconst", "nm")
    written = b'{"nconst":"nm1","popularity":1e-1,"name":"Zo\\u00eb","credits":[{"b":2.50,"a":null}]}'
    digests.add(b'{"index":{"_id":"nm1"}}\n' + written + b"\n")
    live = {"credits": [{"a": None, "b": 2.5}], "name": "Zoë", "nconst": "nm1", "popularity": 0.1}
    assert digests.compare([("nm1", live)]).different == []


def test_the_order_of_a_list_makes_a_difference() -> None:
    digests = digests_of(person(1, professions=["actor", "writer"]))
    assert digests.compare(page_of(person(1, professions=["writer", "actor"]))).different == [0]


def test_ids_differ_by_their_leading_zeros_and_foreign_ones_are_unknown() -> None:
    digests = digests_of(person(1))
    others = [("nm1", person(1)), ("tt0000001", person(1)), ("anything", person(1))]
    assert digests.compare(others).unknown == [0, 1, 2]


def test_unmet_documents_come_by_popularity_then_id() -> None:
    digests = digests_of(person(1, 0.1), person(2, 0.9), person(4, 0.3), person(3, 0.3), person(5, 0.2))
    digests.compare(page_of(person(2, 0.9)))
    assert digests.find_unmet(3) == (4, ["nm0000003", "nm0000004", "nm0000005"])


def test_nothing_kept_and_nothing_compared() -> None:
    assert Digests("nconst", "nm").compare(page_of(person(1))).unknown == [0]
    assert Digests("nconst", "nm").find_unmet(10) == (0, [])
    assert digests_of(person(1)).compare([]).unknown == []


def test_what_is_read_is_what_is_encoded(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    columns: dict[str, list[Any]] = {name: ["x", "y"] for name in TITLE_COLUMNS}
    columns |= {name: ["null", "[1,[2]]"] for name in TITLE_JSON_COLUMNS}
    columns |= {"tconst": ["tt1", "tt2"], "popularity": [0.25, 0.5], "year": [None, 2001]}
    pl.DataFrame(columns).write_parquet(path)
    [(body, count)] = encode_titles([path])
    assert count == 2
    encoded = [msgspec.json.decode(line) for line in body.split(b"\n")[1::2]]
    assert read_titles([path], ["tt2", "tt1", "tt9"]) == {"tt1": encoded[0], "tt2": encoded[1]}
    assert read_titles([path], []) == {}
    assert read_titles([], []) == {}, "a catalogue without titles has no file"
