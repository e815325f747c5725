"""Keys of many names at once equal the keys of each."""

from __future__ import annotations

import gzip
import random
from importlib import resources

import msgspec
import polars as pl
import pytest

from marquee import names
from marquee.catalog.keys import LATER_START_COST, MAX_WEIGHT, normalise_all, with_name_keys


def sample_texts(file: str, column: int) -> list[str]:
    packed = (resources.files("marquee.catalog") / "sample" / file).read_bytes()
    return [line.split("\t")[column] for line in gzip.decompress(packed).decode().splitlines()[1:]]


def random_texts(alphabet: str, count: int) -> list[str]:
    randomness = random.Random(7)
    return ["".join(randomness.choices(alphabet, k=randomness.randint(0, 14))) for _ in range(count)]


ALL_ASCII = "".join(map(chr, range(128)))
MIXED = "abz AZ09'`´’-._\"éßøłЖω周İıſK\u200d\u00a0\u2028😀ǅﬁ"


@pytest.mark.parametrize(
    "texts",
    [
        sample_texts("name.basics.tsv.gz", 1),
        sample_texts("title.basics.tsv.gz", 2),
        random_texts(ALL_ASCII, 20_000),
        random_texts(MIXED, 5_000),
        ["", " ", "!!!", "Conan O'Brien", "J.K. Simmons", "周星驰"],
    ],
    ids=["sample names", "sample titles", "random ASCII", "random mixed", "chosen"],
)
def test_normalised_at_once_as_one_by_one(texts: list[str]) -> None:
    assert normalise_all(pl.Series(texts, dtype=pl.String)).to_list() == [*map(names.normalise, texts)]


def test_null_has_no_key() -> None:
    assert normalise_all(pl.Series([None, "A", None, "é"])).to_list() == [None, "a", None, "e"]


def expected_keys(name: str, popularity: float, completed: bool = True) -> dict[str, object]:
    tokens = names.normalise(name).split()
    starts = dict.fromkeys([0, *(start for start in (1, 2, len(tokens) - 1) if 0 < start < len(tokens))])
    weight = int(popularity * MAX_WEIGHT)
    later = max(0, weight - LATER_START_COST)
    completion = [
        {"input": " ".join(tokens[start:] + tokens[:start]), "weight": later if start else weight}
        for start in starts
    ]
    return {
        "name": name,
        "popularity": popularity,
        "name_key": " ".join(tokens),
        "name_joined": "".join(tokens),
        "name_completion": completion if tokens and completed else None,
    }


def keys_of(people: list[str], popularity: list[float]) -> list[dict[str, object]]:
    frame = pl.DataFrame({"name": people, "popularity": popularity})
    rows = with_name_keys(frame, pl.lit(True)).to_dicts()
    return [{**row, "name_completion": msgspec.json.decode(row["name_completion"])} for row in rows]


def test_keys_of_all_sample_names_equal_those_made_one_by_one() -> None:
    people = sample_texts("name.basics.tsv.gz", 1)
    popularity = [at % 10_001 / 10_000 for at in range(len(people))]
    assert keys_of(people, popularity) == [*map(expected_keys, people, popularity)]


def test_keys_of_odd_names() -> None:
    people = ["John Johnson", "50 Cent", "...", "Bo Bo", "X", "Sacha Baron Cohen", "周星驰", "1", "A 1"]
    assert keys_of(people, [0.5] * len(people)) == [expected_keys(name, 0.5) for name in people]


def test_a_name_is_completed_from_its_first_second_third_and_last_token() -> None:
    (row,) = keys_of(["Ana de la Reguera Cruz"], [0.6])
    assert row["name_completion"] == [
        {"input": "ana de la reguera cruz", "weight": 6000},
        {"input": "de la reguera cruz ana", "weight": 3000},
        {"input": "la reguera cruz ana de", "weight": 3000},
        {"input": "cruz ana de la reguera", "weight": 3000},
    ]


def test_no_weight_is_negative() -> None:
    (row,) = keys_of(["Ana Cruz"], [0.1])
    assert row["name_completion"] == [
        {"input": "ana cruz", "weight": 1000},
        {"input": "cruz ana", "weight": 0},
    ]


def test_who_is_not_to_be_completed_has_no_inputs() -> None:
    people = pl.DataFrame({"name": ["Ana Cruz", "Bo Lee"], "popularity": [0.1, 0.9]})
    rows = with_name_keys(people, pl.col("popularity") > 0.5)
    assert rows["name_completion"].to_list() == [
        "null",
        '[{"input":"bo lee","weight":9000},{"input":"lee bo","weight":6000}]',
    ]


def test_keys_of_nobody() -> None:
    people = pl.DataFrame(schema={"name": pl.String, "popularity": pl.Float64})
    assert with_name_keys(people, pl.lit(True)).schema == pl.Schema(
        {
            "name": pl.String(),
            "popularity": pl.Float64(),
            "name_key": pl.String(),
            "name_joined": pl.String(),
            "name_completion": pl.String(),
        }
    )
