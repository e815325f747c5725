"""From lines to typed rows: what is used, what becomes unknown, what is rejected, each counted."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest

from marquee.catalog.files import NAMES, PRINCIPALS, RATINGS, TITLES, Block, Table
from marquee.catalog.quality import EXAMPLES, Example, FileQuality
from marquee.catalog.rows import characters, id_of, read_rows, text_of
from marquee.catalog.tables import columns_of


def read(table: Table, *lines: bytes | str, first_line: int = 2) -> tuple[pl.DataFrame, FileQuality]:
    data = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    quality = FileQuality(file=table.name)
    block = Block(data, first_line, len(data))
    rows = read_rows(block, table, columns_of(table, this_year=2026), quality)
    assert quality.rows == len(lines) == quality.kept + quality.rejected
    assert quality.kept == rows.height
    return rows, quality


def reasons(quality: FileQuality) -> dict[str, int]:
    return {reason: reject.count for reason, reject in quality.rejects.items()}


def test_a_person() -> None:
    rows, quality = read(NAMES, "nm0350453\tJake Gyllenhaal\t1980\t\\N\tactor,producer\ttt0246578,tt0388795")
    assert rows.to_dicts() == [
        {
            "nconst": 10350453,
            "name": "Jake Gyllenhaal",
            "birth_year": 1980,
            "death_year": None,
            "professions": ["actor", "producer"],
            "known_for": ["tt0246578", "tt0388795"],
        }
    ]
    assert quality == FileQuality(file="name.basics", rows=1, kept=1)


def test_a_title_and_one_of_which_only_the_name_is_known() -> None:
    rows, quality = read(
        TITLES,
        "tt0246578\tmovie\tDonnie Darko\tDonnie Darko\t0\t2001\t\\N\t113\tDrama,Sci-Fi",
        "tt0000009\t\\N\tMiss Jerry\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N",
    )
    first, second = rows.to_dicts()
    assert first == {
        "tconst": 10246578,
        "title_type": "movie",
        "title": "Donnie Darko",
        "original_title": "Donnie Darko",
        "is_adult": False,
        "year": 2001,
        "end_year": None,
        "runtime_minutes": 113,
        "genres": ["Drama", "Sci-Fi"],
    }
    assert second == dict.fromkeys(first) | {"tconst": 10000009, "title": "Miss Jerry", "genres": []}
    assert quality.nulled == {}


def test_a_principal_and_a_rating() -> None:
    rows, _ = read(PRINCIPALS, 'tt0246578\t1\tnm0350453\tactor\t\\N\t["Donnie Darko"]')
    assert rows.to_dicts() == [
        {
            "tconst": 10246578,
            "nconst": 10350453,
            "ordering": 1,
            "category": "actor",
            "characters": '["Donnie Darko"]',
        }
    ]
    rows, _ = read(RATINGS, "tt0246578\t8.0\t860123")
    assert rows.rows() == [(10246578, 8.0, 860123)]


@pytest.mark.parametrize(
    "text", ["nm1", "nm01", "nm0000001", "nm9999999", "nm10000000", "nm123456789", "nm" + "9" * 18, "nm0"]
)
def test_ids_of_any_length_survive_the_way_through_integers(text: str) -> None:
    frame = pl.DataFrame({"id": [text]}).select(id_of("nm")(pl.col("id")).alias("key"))
    assert frame.select(text_of(pl.col("key"), "nm")).item() == text


@pytest.mark.parametrize(
    "bad",
    [
        "", "\\N", "nm", "tt0000001", "nm+5", "nm-5", "nm 5", "nm5.0", "nm1e3", "nm٣", "NM0000001",
        " nm0000001", "nm" + "1" * 19, "0000001", "nm0000001x", "xnm0000001",
    ],
)  # fmt: skip
def test_a_malformed_id_rejects_the_row(bad: str) -> None:
    rows, quality = read(NAMES, f"{bad}\tSomebody\t\\N\t\\N\t\\N\t\\N", "nm0000002\tB\t\\N\t\\N\t\\N\t\\N")
    assert rows["name"].to_list() == ["B"]
    assert reasons(quality) == {"malformed id": 1}


@pytest.mark.parametrize("side", ["tt1\t1\tx1\tactor\t\\N\t\\N", "x1\t1\tnm1\tactor\t\\N\t\\N"])
def test_a_principal_needs_both_ids(side: str) -> None:
    _, quality = read(PRINCIPALS, side)
    assert reasons(quality) == {"malformed id": 1}


@pytest.mark.parametrize("bad", ["", "\\N", "   "])
def test_a_missing_name_or_title_rejects_the_row(bad: str) -> None:
    _, quality = read(NAMES, f"nm0000001\t{bad}\t1980\t\\N\tactor\t\\N")
    assert reasons(quality) == {"missing name": 1}
    _, quality = read(TITLES, f"tt0000001\tmovie\t{bad}\tX\t0\t2001\t\\N\t1\tDrama")
    assert reasons(quality) == {"missing title": 1}


def test_a_row_is_rejected_for_one_reason_only() -> None:
    _, quality = read(NAMES, "x\t\\N\t\\N\t\\N\t\\N\t\\N")
    assert reasons(quality) == {"malformed id": 1}


@pytest.mark.parametrize(
    "lines",
    [
        ["tt1\t5.0", "tt0000002\t5.0\t10"],
        ["tt1\t5.0\t10\t", "tt0000002\t5.0\t10"],
        ["", "tt0000002\t5.0\t10"],
        ["tt0000002\t5.0\t10", ""],
    ],
)
def test_a_wrong_field_count_rejects_the_row(lines: list[str]) -> None:
    rows, quality = read(RATINGS, *lines)
    assert rows["tconst"].to_list() == [10000002]
    assert reasons(quality) == {"wrong field count": 1}


def test_one_field_too_few_and_one_too_many_do_not_cancel_out() -> None:
    good = ["tt0000001\t5.0\t10"] * 50_000
    rows, quality = read(RATINGS, *good, "tt0000002\t5.0", *good, "tt0000003\t5.0\t10\t11", *good)
    assert rows.height == 150_000
    assert reasons(quality) == {"wrong field count": 2}
    assert [example.line for example in quality.rejects["wrong field count"].examples] == [50_002, 100_003]


def test_a_line_feed_inside_a_field_costs_two_rows_and_a_tab_one() -> None:
    _, quality = read(
        NAMES, "nm0000001\tJake", "Gyllenhaal\t\\N\t\\N\t\\N\t\\N", "nm2\tA\tB\t\\N\t\\N\t\\N\t\\N"
    )
    assert reasons(quality) == {"wrong field count": 3}


def test_quotes_are_letters() -> None:
    rows, quality = read(
        NAMES, 'nm0000001\t"Weird Al" Yankovic\t\\N\t\\N\t\\N\t\\N', 'nm0000002\t"\t\\N\t\\N\t\\N\t\\N'
    )
    assert rows["name"].to_list() == ['"Weird Al" Yankovic', '"']
    assert quality.rejected == 0


def test_carriage_returns_are_put_right_and_counted() -> None:
    rows, quality = read(RATINGS, "tt0000001\t5.0\t10\r", "tt0000002\t6.0\t20", "tt0000003\t7.0\t\\N\r")
    assert rows.rows() == [(10000001, 5.0, 10), (10000002, 6.0, 20), (10000003, 7.0, None)]
    assert quality.repaired == {"carriage return before the line end": 2}
    rows, quality = read(NAMES, "nm0000001\tJake\rGyllenhaal\t\\N\t\\N\t\\N\t\\N")
    assert rows["name"].to_list() == ["Jake Gyllenhaal"]
    assert quality.repaired == {"carriage return inside a field": 1}


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("0", 0), ("1564", 1564), ("2027", 2027), ("2028", None), ("3000", None), ("-1", None),
        ("1980.5", None), ("198O", None), ("99999999999999999999", None),
    ],
)  # fmt: skip
def test_person_years(value: str, year: int | None) -> None:
    rows, quality = read(NAMES, f"nm0000001\tA\t{value}\t\\N\t\\N\t\\N")
    assert rows["birth_year"].to_list() == [year]
    assert quality.nulled == ({} if year is not None else {"birthYear": 1})


@pytest.mark.parametrize(
    ("value", "year"), [("1869", None), ("1870", 1870), ("2036", 2036), ("2037", None), ("0", None)]
)
def test_title_years(value: str, year: int | None) -> None:
    rows, quality = read(TITLES, f"tt0000001\tmovie\tA\tA\t0\t{value}\t{value}\t\\N\t\\N")
    assert rows.select("year", "end_year").row(0) == (year, year)
    assert quality.nulled == ({} if year is not None else {"startYear": 1, "endYear": 1})


def test_bad_optional_values_are_unknown_and_counted_by_column() -> None:
    rows, quality = read(TITLES, "tt0000001\tmovie\tA\tA\t2019\t2001\t\\N\tReality-TV\tDrama")
    assert rows.select("is_adult", "runtime_minutes").row(0) == (None, None)
    assert quality.nulled == {"isAdult": 1, "runtimeMinutes": 1}
    rows, quality = read(RATINGS, "tt0000001\tgood\t-5", "tt0000002\t10.1\t1e3", "tt0000003\tNaN\t3")
    assert rows.rows() == [(10000001, None, None), (10000002, None, None), (10000003, None, 3)]
    assert quality.nulled == {"averageRating": 3, "numVotes": 2}
    _, quality = read(PRINCIPALS, "tt0000001\tfirst\tnm0000001\tactor\t\\N\tDonnie")
    assert quality.nulled == {"ordering": 1, "characters": 1}


def test_an_empty_optional_field_reads_like_the_null_mark() -> None:
    rows, quality = read(NAMES, "nm0000001\tA\t\t\t\t")
    assert rows.row(0) == (10000001, "A", None, None, [], [])
    assert quality.nulled == {}


def test_bytes_that_are_not_utf8() -> None:
    rows, quality = read(
        NAMES,
        b"nm0000001\tJos\xe9\t\\N\t\\N\tactor\t\\N",
        "nm0000002\tJosé\t\\N\t\\N\tactor\t\\N",
        b"nm0000003\tA\t19\xff80\t\\N\tact\xffor\t\\N",
        b"nm\xff0000004\tB\t\\N\t\\N\tactor\t\\N",
        "nm0000005\t\ufffd\t\\N\t\\N\t\\N\t\\N",
        first_line=100,
    )
    assert rows.select("name", "birth_year", "professions").rows() == [
        ("José", None, ["actor"]),
        ("A", None, []),
        ("\ufffd", None, []),
    ]
    assert reasons(quality) == {"name is not UTF-8": 1, "malformed id": 1}
    assert quality.rejects["name is not UTF-8"].examples == [
        Example(100, "nm0000001\tJos\\xe9\t\\N\t\\N\tactor\t\\N")
    ]
    assert quality.nulled == {"birthYear": 1, "primaryProfession": 1}


def test_the_first_examples_are_kept_with_line_number_and_text() -> None:
    lines = [f"bad{number}\tA\t\\N\t\\N\t\\N\t\\N" for number in range(20)]
    _, quality = read(NAMES, "one field", *lines, "nm0000001\t" + "x" * 1000, first_line=1001)
    malformed = quality.rejects["malformed id"]
    assert malformed.count == 20
    assert malformed.examples == [Example(1002 + index, lines[index]) for index in range(EXAMPLES)]
    counted = quality.rejects["wrong field count"].examples
    assert counted == [Example(1001, "one field"), Example(1022, "nm0000001\t" + "x" * 290)]


def read_characters(*values: str | None) -> list[list[str] | None]:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
    texts = frame.select(characters(pl.col("value")))["value"]
    return [None if text is None else json.loads(text) for text in texts]


def test_characters_are_a_json_array_of_strings() -> None:
    assert read_characters(
        '["Donnie"]', '["A","B"]', '["A", "B"]', '["Self - \\"Foo\\""]', '["\\u00e9"]', "[]", '[""]',
        '["a,b"]', None,
    ) == [["Donnie"], ["A", "B"], ["A", "B"], ['Self - "Foo"'], ["é"], [], [""], ["a,b"], None]  # fmt: skip
    assert read_characters(
        "Donnie", '["Donnie"', "[1]", '"x"', "null", '{"a": "b"}', '["a""b"]', '["\\x"]', '["\x01"]',
        '["\\ud800"]',
    ) == [None] * 10  # fmt: skip


def test_characters_agree_with_json_on_random_arrays() -> None:
    randomness = random.Random(1)
    alphabet = 'ab"\\,[] é😀\n\t\x01\x1f'
    lists = [
        ["".join(randomness.choices(alphabet, k=length)) for length in randomness.choices(range(7), k=count)]
        for count in randomness.choices(range(5), k=3000)
    ]
    texts = [json.dumps(value, ensure_ascii=randomness.random() < 0.5) for value in lists]
    compact = [json.dumps(value, separators=(",", ":")) for value in lists]
    assert read_characters(*texts, *compact) == lists * 2
