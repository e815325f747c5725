"""Made-up catalogues: reproducible, of the right proportions, with exactly the trouble that is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.files import TABLES, preflight
from marquee.catalog.quality import FileQuality
from marquee.catalog.synth import BREAKS, BreakKind, synthesise
from marquee.catalog.synth.dirt import KINDS
from marquee.errors import SourceDamagedError, SourceError, SourceMissingError
from marquee.settings import Settings

PEOPLE = 3000


def build(folder: Path, work: Path) -> Assembly:
    return assemble(folder, Settings(people="everyone"), work, this_year=2026)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth")
    assert synthesise(folder, PEOPLE) == {table.name: {} for table in TABLES}
    return folder


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(
        folder / f"{name}.tsv.gz", separator="\t", quote_char=None, null_values="\\N", infer_schema=False
    )


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(clean: Path, tmp_path: Path) -> None:
    synthesise(tmp_path / "same", PEOPLE, seed=1)
    synthesise(tmp_path / "other", PEOPLE, seed=2)
    for table in TABLES:
        file = f"{table.name}.tsv.gz"
        assert (tmp_path / "same" / file).read_bytes() == (clean / file).read_bytes()
        assert (tmp_path / "other" / file).read_bytes() != (clean / file).read_bytes()


def test_nothing_is_wrong_with_a_clean_catalogue(clean: Path, tmp_path: Path) -> None:
    assembly = build(clean, tmp_path)
    quality = assembly.quality
    assert assembly.actors == quality.names.rows == PEOPLE
    assert quality.titles.rows == 0.8 * PEOPLE
    for file in (quality.names, quality.titles, quality.principals, quality.ratings):
        assert (file.rejects, file.nulled, file.repaired, file.orphans, file.duplicates) == (
            {},
            {},
            {},
            {},
            0,
        )
    assert 0 < quality.known_for_unresolved < 0.02 * quality.known_for
    assert quality.unsearchable_names == 0


def test_proportions_are_imdbs(clean: Path) -> None:
    titles, principals = read(clean, "title.basics"), read(clean, "title.principals")
    episodes = titles.filter(pl.col("titleType") == "tvEpisode").height
    assert episodes / titles.height == pytest.approx(0.77, abs=0.01)
    assert principals.height / PEOPLE == pytest.approx(6.8, rel=0.05)
    assert read(clean, "title.ratings").height / titles.height == pytest.approx(0.145, abs=0.03)
    assert set(principals["category"]) > {"actor", "actress", "self", "director", "archive_footage"}


def test_credits_and_votes_are_skewed(clean: Path) -> None:
    credits_of = sorted(Counter(read(clean, "title.principals")["nconst"]).values(), reverse=True)
    assert sum(credits_of[: PEOPLE // 100]) > 0.1 * sum(credits_of)
    votes = sorted(map(int, read(clean, "title.ratings")["numVotes"]), reverse=True)
    assert votes[0] > 100 * votes[len(votes) // 2]


def test_names_look_like_names(clean: Path) -> None:
    people = read(clean, "name.basics")
    names = people["primaryName"].to_list()
    assert sum(not name.isascii() for name in names) > PEOPLE * 0.02
    assert sum("-" in name for name in names) > PEOPLE * 0.03
    assert sum(" " not in name for name in names) > PEOPLE * 0.005
    first_names = Counter(name.split()[0] for name in names)
    assert first_names.most_common(1)[0][1] > 5
    assert len({token for name in names for token in name.split()}) > PEOPLE * 0.8


def test_namesakes_have_different_years(tmp_path: Path) -> None:
    synthesise(tmp_path, 60_000)
    known = read(tmp_path, "name.basics").filter(pl.col("birthYear").is_not_null())
    years = known.group_by("primaryName").agg(pl.len(), pl.col("birthYear").n_unique().alias("years"))
    assert years.filter((pl.col("len") > 1) & (pl.col("years") > 1)).height > 5


def test_large_catalogues_have_ids_of_eight_digits() -> None:
    from marquee.catalog.synth.tables import person_id, title_id

    frame = pl.DataFrame({"i": [0, 3, 4, 7_999_999, 13_999_999]})
    assert frame.select(person_id(pl.col("i"))).to_series().to_list() == [
        "nm0000001", "nm0000004", "nm0000006", "nm9999999", "nm17499999"
    ]  # fmt: skip
    assert frame.select(title_id(pl.col("i"))).to_series().to_list()[-1] == "tt17499999"


def rejects(file: FileQuality) -> dict[str, int]:
    return {reason: reject.count for reason, reject in file.rejects.items()}


def test_dirt_is_found_to_the_last_row(tmp_path: Path) -> None:
    planted = synthesise(tmp_path / "dirty", 20_000, seed=3, dirt=0.05)
    clean_rows = {table.name: 0 for table in TABLES}
    synthesise(tmp_path / "clean", 20_000, seed=3)
    for name in clean_rows:
        clean_rows[name] = read(tmp_path / "clean", name).height
    assembly = build(tmp_path / "dirty", tmp_path / "work")
    quality = assembly.quality
    files = {
        "name.basics": quality.names,
        "title.basics": quality.titles,
        "title.principals": quality.principals,
        "title.ratings": quality.ratings,
    }
    for name, file in files.items():
        kinds = planted[name]
        assert set(kinds) == set(KINDS[name])
        assert sum(kinds.values()) == pytest.approx(0.05 * clean_rows[name], rel=0.2)
        assert file.rows == clean_rows[name] + kinds["duplicate"] + kinds.get("line feed inside", 0)
        assert file.duplicates == kinds["duplicate"]
        assert file.repaired == {"carriage return before the line end": kinds["carriage return"]}
        wrong_count = (
            kinds["field missing"] + kinds.get("tab inside", 0) + 2 * kinds.get("line feed inside", 0)
        )
        assert rejects(file)["wrong field count"] == wrong_count
        assert rejects(file)["malformed id"] == kinds["malformed id"]
    names, titles = planted["name.basics"], planted["title.basics"]
    assert rejects(quality.names)["missing name"] == names["no name"]
    assert rejects(quality.names)["name is not UTF-8"] == names["not UTF-8"]
    assert quality.names.nulled == {"birthYear": names["year 3000"]}
    assert rejects(quality.titles)["missing title"] == titles["no title"]
    assert rejects(quality.titles)["title is not UTF-8"] == titles["not UTF-8"]
    assert quality.titles.nulled == {"startYear": titles["year 3000"], "isAdult": titles["flag 2019"]}
    assert quality.ratings.nulled == {"averageRating": planted["title.ratings"]["rating high"]}
    principals = planted["title.principals"]
    assert quality.principals.nulled == {"characters": principals["broken JSON"] + principals["not UTF-8"]}
    assert quality.principals.orphans["title"] >= principals["unknown title"]
    assert quality.principals.orphans["person"] >= principals["unknown person"] * 0.9
    assert assembly.actors == quality.names.rows - quality.names.rejected - quality.names.duplicates
    assert assembly.actors == 20_000 - sum(rejects(quality.names).values()) + names["line feed inside"]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("truncated", SourceDamagedError, r"title\.principals\.tsv\.gz is truncated"),
        ("html", SourceDamagedError, r"name\.basics\.tsv\.gz is a web page, not gzip data"),
        ("header", SourceDamagedError, r"title\.basics\.tsv\.gz has the header 'tconst\\ttitleKind"),
        ("missing", SourceMissingError, r"lacks title\.ratings\.tsv\.gz"),
    ],
)
def test_each_break_is_refused(
    tmp_path: Path, kind: BreakKind, error: type[SourceError], message: str
) -> None:
    assert kind in BREAKS
    synthesise(tmp_path / "broken", 50, break_kind=kind)
    with pytest.raises(error, match=message):
        build(tmp_path / "broken", tmp_path / "work")


def test_a_tiny_catalogue_is_whole(tmp_path: Path) -> None:
    synthesise(tmp_path / "tiny", 1)
    preflight({table.name: tmp_path / "tiny" / f"{table.name}.tsv.gz" for table in TABLES})
    assert build(tmp_path / "tiny", tmp_path / "work").actors == 1


def test_importing_the_package_does_not_load_the_word_lists() -> None:
    code = (
        "import sys, marquee.catalog.synth; sys.exit(any(name.startswith('faker') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
