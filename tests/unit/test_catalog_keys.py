"""Keys of many names at once equal the keys of each."""

from __future__ import annotations

import gzip
import random
from importlib import resources

import polars as pl
import pytest

from marquee import names
from marquee.catalog.keys import normalise_all, with_name_keys


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


def expected_keys(name: str) -> dict[str, object]:
    tokens = names.normalise(name).split()
    return {
        "name": name,
        "name_key": " ".join(tokens),
        "name_joined": "".join(tokens),
        "name_grams": list(dict.fromkeys(gram for token in tokens for gram in names.grams(token))),
        "name_sounds": list(dict.fromkeys(sound for token in tokens for sound in names.sounds(token))),
    }


def test_keys_of_all_sample_names_equal_those_made_one_by_one() -> None:
    people = sample_texts("name.basics.tsv.gz", 1)
    rows = with_name_keys(pl.DataFrame({"name": people})).to_dicts()
    assert rows == [expected_keys(name) for name in people]


def test_keys_of_odd_names() -> None:
    people = ["John Johnson", "50 Cent", "...", "Bo Bo", "X", "Sacha Baron Cohen", "周星驰", "1", "A 1"]
    rows = with_name_keys(pl.DataFrame({"name": people})).to_dicts()
    assert rows == [expected_keys(name) for name in people]
    nothing = next(row for row in rows if row["name"] == "...")
    assert (nothing["name_key"], nothing["name_grams"], nothing["name_sounds"]) == ("", [], [])


def test_keys_of_nobody() -> None:
    people = pl.DataFrame({"name": []}, schema={"name": pl.String})
    assert with_name_keys(people).schema == pl.Schema(
        {
            "name": pl.String(),
            "name_key": pl.String(),
            "name_joined": pl.String(),
            "name_grams": pl.List(pl.String()),
            "name_sounds": pl.List(pl.String()),
        }
    )
