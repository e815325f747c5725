"""From four files to documents: exact documents of hand-made catalogues, every row accounted for."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from marquee.catalog import assemble as assemble_module
from marquee.catalog import quality as quality_module
from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.documents import CastEntry, Credit, read_entries
from marquee.catalog.encoding import encode_actors, encode_titles, encode_tokens
from marquee.catalog.files import TABLES
from marquee.catalog.quality import FileQuality, Quality, expect_rows
from marquee.catalog.rules import CREW_SHARE, DIRECTOR_SHARE, Basis, Rules, popularity
from marquee.catalog.sources import open_sample
from marquee.catalog.staging import Result, bucket_count
from marquee.errors import SourceDamagedError, SourceError, SourceMissingError
from marquee.settings import Settings

Document = dict[str, Any]
Write = Callable[..., Path]

PEOPLE = [
    "nm0350453\tJake Gyllenhaal\t1980\t\\N\tactor,producer\ttt0246578,tt7777777,tt0388795",
    "nm0000005\tIngmar Bergman\t1918\t2007\twriter,director\ttt0050976",
    "nm0000006\tDavid Bowie\t1947\t2016\tsoundtrack\t\\N",
    "nm0000007\t!!!\t\\N\t\\N\tactor\t\\N",
]
MOVIES = [
    "tt0246578\tmovie\tDonnie Darko\tDonnie Darko\t0\t2001\t\\N\t113\tDrama,Sci-Fi",
    "tt0388795\tmovie\tBrokeback Mountain\t\\N\t0\t2005\t\\N\t134\tDrama",
    "tt0050976\tmovie\tThe Seventh Seal\tDet sjunde inseglet\t0\t1957\t\\N\t96\tDrama",
    "tt0900001\ttvEpisode\tPilot\tPilot\t0\t2010\t\\N\t30\t\\N",
    "tt0900002\t\\N\tUntyped\tUntyped\t\\N\t\\N\t\\N\t\\N\t\\N",
]
CREDITS = [
    'tt0246578\t1\tnm0350453\tactor\t\\N\t["Donnie Darko"]',
    'tt0388795\t2\tnm0350453\tactor\t\\N\t["Jack Twist"]',
    "tt0246578\t2\tnm0000005\tarchive_footage\t\\N\t\\N",
    "tt0050976\t1\tnm0000005\tdirector\t\\N\t\\N",
    "tt0900001\t1\tnm0000006\tself\t\\N\t\\N",
    "tt0900002\t1\tnm0350453\tproducer\t\\N\t\\N",
]
RATINGS = ["tt0246578\t8.0\t860000", "tt0388795\t7.7\t380000", "tt0900001\t7.0\t99"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a source; files that are not given hold the small catalogue above."""

    def write_source(
        people: list[str] = PEOPLE,
        movies: list[str] = MOVIES,
        principals: list[str] = CREDITS,
        ratings: list[str] = RATINGS,
    ) -> Path:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for table, rows in zip(TABLES, (people, movies, principals, ratings), strict=True):
            text = "\n".join(["\t".join(table.columns), *rows, ""])
            (folder / f"{table.name}.tsv.gz").write_bytes(gzip.compress(text.encode()))
        return folder

    return write_source


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Assembly]:
    def run(folder: Path, **settings: Any) -> Assembly:
        return assemble(folder, Settings(**settings), tmp_path / "work", this_year=2026)

    return run


def decode(chunks: Any) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for body, count in chunks:
        lines = body.splitlines()
        assert len(lines) == 2 * count
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            identifier = msgspec.json.decode(action)["index"]["_id"]
            assert identifier not in documents
            documents[identifier] = msgspec.json.decode(document)
            for field, entry in (("credits", Credit), ("cast", CastEntry)):
                if field in documents[identifier]:
                    entries = read_entries(entry, documents[identifier][field])
                    documents[identifier][field] = msgspec.json.decode(msgspec.json.encode(entries))
    return documents


def actors(assembly: Assembly) -> dict[str, Document]:
    documents = decode(encode_actors(assembly.actor_files))
    assert len(documents) == assembly.actors
    return documents


def titles(assembly: Assembly) -> dict[str, Document]:
    documents = decode(encode_titles(assembly.title_files))
    assert len(documents) == assembly.titles
    return documents


def tokens(assembly: Assembly) -> dict[str, Document]:
    documents = decode(encode_tokens(assembly.token_files))
    assert len(documents) == assembly.tokens
    return documents


def worth(votes: float) -> float:
    return round(min(1, math.log10(1 + votes) / 7), 4)


def test_the_documents_of_people_who_act(write: Write, build: Callable[..., Assembly]) -> None:
    documents = actors(build(write()))
    assert list(documents) == ["nm0000006", "nm0000007", "nm0350453"]
    assert documents["nm0350453"] == {
        "nconst": "nm0350453",
        "name": "Jake Gyllenhaal",
        "birth_year": 1980,
        "professions": ["actor", "producer"],
        "known_for": [
            {"tconst": "tt0246578", "title": "Donnie Darko", "year": 2001},
            {"tconst": "tt0388795", "title": "Brokeback Mountain", "year": 2005},
        ],
        "popularity": worth(860_000 + 380_000 + 1),
        "credits_count": 3,
        "name_key": "jake gyllenhaal",
        "name_joined": "jakegyllenhaal",
        "name_completion": [
            {"input": "jake gyllenhaal", "weight": 8705},
            {"input": "gyllenhaal jake", "weight": 5705},
        ],
        "credits": [
            {
                "tconst": "tt0388795",
                "title": "Brokeback Mountain",
                "year": 2005,
                "title_type": "movie",
                "category": "actor",
                "characters": ["Jack Twist"],
            },
            {
                "tconst": "tt0246578",
                "title": "Donnie Darko",
                "year": 2001,
                "title_type": "movie",
                "category": "actor",
                "characters": ["Donnie Darko"],
            },
            {
                "tconst": "tt0900002",
                "title": "Untyped",
                "year": None,
                "title_type": None,
                "category": "producer",
                "characters": [],
            },
        ],
    }


def test_the_documents_of_tokens(write: Write, build: Callable[..., Assembly]) -> None:
    documents = tokens(build(write()))
    assert list(documents) == ["bowie", "david", "gyllenhaal", "jake"]
    assert documents["gyllenhaal"] == {
        "token": "gyllenhaal",
        "popularity": worth(860_000 + 380_000 + 1),
        "grams": "_gy gyl yll lle len enh nha haa aal al_",
        "sounds": "KLNL JLNL",
        "respelling": "gilenal",
        "skeleton": "galanal",
    }


def test_a_name_without_a_key_is_not_completed(write: Write, build: Callable[..., Assembly]) -> None:
    symbols = actors(build(write()))["nm0000007"]
    assert (symbols["name_key"], symbols["name_joined"]) == ("", "")
    assert "name_completion" not in symbols


@pytest.mark.parametrize(
    ("professions", "categories", "share"),
    [
        ("actor,director", ["director"], 1.0),
        ("director", ["self"], 1.0),
        ("\\N", ["editor"], 1.0),
        ("writer,director", ["writer"], DIRECTOR_SHARE),
        ("director", ["archive_footage", "director"], DIRECTOR_SHARE),
        ("editor", ["editor", "director"], CREW_SHARE),
        ("soundtrack", ["archive_footage", "composer"], CREW_SHARE),
    ],
)
def test_the_part_of_fame_that_crew_has(
    write: Write, build: Callable[..., Assembly], professions: str, categories: list[str], share: float
) -> None:
    people = [f"nm0000001\tAda Crew\t\\N\t\\N\t{professions}\t\\N"]
    principals = [
        f"tt0246578\t{ordering}\tnm0000001\t{category}\t\\N\t\\N"
        for ordering, category in enumerate(categories, 1)
    ]
    source = write(people=people, principals=principals)
    ada = actors(build(source, people="everyone"))["nm0000001"]
    assert ada["popularity"] == worth(860_000 * share)


def test_an_actor_has_all_of_the_fame_where_only_actors_are_indexed(
    write: Write, build: Callable[..., Assembly]
) -> None:
    principals = ["tt0246578\t1\tnm0350453\tproducer\t\\N\t\\N"]
    source = write(principals=principals)
    jake = actors(build(source, people="actors"))["nm0350453"]
    assert jake["popularity"] == worth(860_000 + 380_000)


@pytest.mark.parametrize(
    ("basis", "people", "popularity", "completed"),
    [
        ("votes", 200_000, 0.0, True),
        ("votes", 200_001, 0.4299, False),
        ("votes", 200_001, 0.43, True),
        ("credits", 200_000, 0.0, True),
        ("credits", 200_001, 0.5699, False),
        ("credits", 200_001, 0.57, True),
    ],
)
def test_who_is_completed(basis: Basis, people: int, popularity: float, completed: bool) -> None:
    rules = Rules.of(Settings(), basis)
    frame = pl.DataFrame({"popularity": [popularity]})
    assert frame.select(rules.is_completed(people)).item() is completed


def test_the_documents_of_titles(write: Write, build: Callable[..., Assembly]) -> None:
    documents = titles(build(write()))
    assert list(documents) == ["tt0050976", "tt0246578", "tt0388795", "tt0900002"]
    assert documents["tt0246578"] == {
        "tconst": "tt0246578",
        "title": "Donnie Darko",
        "original_title": "Donnie Darko",
        "title_type": "movie",
        "year": 2001,
        "runtime_minutes": 113,
        "genres": ["Drama", "Sci-Fi"],
        "rating": 8.0,
        "votes": 860_000,
        "title_key": "donnie darko",
        "popularity": worth(860_000),
        "cast": [
            {
                "nconst": "nm0350453",
                "name": "Jake Gyllenhaal",
                "category": "actor",
                "characters": ["Donnie Darko"],
                "ordering": 1,
            },
            {
                "nconst": "nm0000005",
                "name": "Ingmar Bergman",
                "category": "archive_footage",
                "characters": [],
                "ordering": 2,
            },
        ],
    }
    unrated = documents["tt0050976"]
    assert "rating" not in unrated
    assert (unrated["votes"], unrated["popularity"]) == (0, 0)
    assert (unrated["title_key"], unrated["original_key"]) == ("the seventh seal", "det sjunde inseglet")
    assert documents["tt0388795"]["original_title"] == "Brokeback Mountain"


def test_every_row_of_every_file_is_accounted_for(write: Write, build: Callable[..., Assembly]) -> None:
    assembly = build(write())
    assert assembly.basis == "votes"
    assert assembly.quality == Quality(
        names=FileQuality(file="name.basics.tsv.gz", rows=4, kept=4, left_out={"does not act": 1}, used=3),
        titles=FileQuality(file="title.basics.tsv.gz", rows=5, kept=5, left_out={"title type": 1}, used=4),
        principals=FileQuality(file="title.principals.tsv.gz", rows=6, kept=6, used=6),
        ratings=FileQuality(file="title.ratings.tsv.gz", rows=3, kept=3, used=3),
        known_for=4,
        known_for_unresolved=1,
        unsearchable_names=1,
    )


def test_acting_is_a_profession_or_a_credit_but_not_archive_footage(
    write: Write, build: Callable[..., Assembly]
) -> None:
    people = [f"nm000000{number}\tPerson\t\\N\t\\N\t{job}\t\\N" for number, job in enumerate(
        ["actress", "actor", "director", "stunts", "\\N", "casting_director", "actors"]
    )]  # fmt: skip
    principals = [
        "tt0246578\t1\tnm0000002\tactress\t\\N\t\\N",
        "tt0246578\t2\tnm0000003\tarchive_footage\t\\N\t\\N",
        "tt0246578\t3\tnm0000004\tself\t\\N\t\\N",
        "tt0246578\t4\tnm0000005\t\\N\t\\N\t\\N",
    ]
    source = write(people=people, principals=principals)
    assert list(actors(build(source))) == ["nm0000000", "nm0000001", "nm0000002", "nm0000004"]
    assert len(actors(build(source, people="everyone"))) == 7


def test_archive_footage_is_a_credit_that_counts_for_nothing(
    write: Write, build: Callable[..., Assembly]
) -> None:
    bergman = actors(build(write(), people="everyone"))["nm0000005"]
    assert bergman["credits_count"] == 1
    assert [credit["category"] for credit in bergman["credits"]] == ["archive_footage", "director"]
    assert bergman["popularity"] == worth(1 * DIRECTOR_SHARE)


def test_a_title_counts_once_however_often_somebody_is_credited(
    write: Write, build: Callable[..., Assembly]
) -> None:
    principals = [
        f"tt0246578\t{ordering}\tnm0350453\t{category}\t\\N\t\\N"
        for ordering, category in enumerate(["actor", "producer", "writer"])
    ]
    jake = actors(build(write(principals=principals)))["nm0350453"]
    assert (jake["credits_count"], len(jake["credits"])) == (1, 3)
    assert jake["popularity"] == worth(860_000 + 380_000)


def test_popularity_without_ratings_counts_credits(write: Write, build: Callable[..., Assembly]) -> None:
    assembly = build(write(ratings=[]))
    assert assembly.basis == "credits"
    documents = actors(assembly)
    assert documents["nm0350453"]["popularity"] == worth(3000)
    assert documents["nm0000006"]["popularity"] == worth(1000)
    assert documents["nm0000007"]["popularity"] == 0
    assert {title["popularity"] for title in titles(assembly).values()} == {0}


def test_popularity_is_damped_and_ends_at_one() -> None:
    votes = [0, 1, 9, 999, 860_000, 9_999_999, 10**9]
    frame = pl.DataFrame({"votes": votes}).select(popularity(pl.col("votes")))
    assert frame.to_series().to_list() == [0, 0.043, 0.1429, 0.4286, 0.8478, 1, 1]


def test_same_named_people_stay_apart(write: Write, build: Callable[..., Assembly]) -> None:
    people = [
        "nm0000001\tJames Smith\t1950\t\\N\tactor\ttt0246578",
        "nm0000002\tJames Smith\t1980\t\\N\tactor\ttt0388795",
    ]
    principals = ["tt0246578\t1\tnm0000001\tactor\t\\N\t\\N", "tt0388795\t1\tnm0000002\tactor\t\\N\t\\N"]
    documents = actors(build(write(people=people, principals=principals)))
    assert [
        (nconst, document["birth_year"], document["known_for"][0]["title"], document["credits"][0]["title"])
        for nconst, document in documents.items()
    ] == [
        ("nm0000001", 1950, "Donnie Darko", "Donnie Darko"),
        ("nm0000002", 1980, "Brokeback Mountain", "Brokeback Mountain"),
    ]


def test_ids_that_differ_only_in_length_stay_apart(write: Write, build: Callable[..., Assembly]) -> None:
    numbers = ["0000012", "1000012", "10000012", "100000012", "00000012"]
    people = [f"nm{number}\tPerson {number}\t\\N\t\\N\tactor\ttt{number}" for number in numbers]
    movies = [f"tt{number}\tmovie\tFilm {number}\t\\N\t0\t2001\t\\N\t\\N\t\\N" for number in numbers]
    principals = [f"tt{number}\t1\tnm{number}\tactor\t\\N\t\\N" for number in numbers]
    assembly = build(write(people, movies, principals, []))
    documents = actors(assembly)
    assert {identifier: document["name"] for identifier, document in documents.items()} == {
        f"nm{number}": f"Person {number}" for number in numbers
    }
    for number in numbers:
        document = documents[f"nm{number}"]
        assert document["known_for"] == [{"tconst": f"tt{number}", "title": f"Film {number}", "year": 2001}]
        assert [credit["title"] for credit in document["credits"]] == [f"Film {number}"]


def test_the_first_of_duplicates_wins(write: Write, build: Callable[..., Assembly]) -> None:
    people = [
        "nm0000001\tFirst\t1950\t\\N\tactor\ttt0246578",
        "nm0000001\tSecond\t1960\t\\N\tactor\ttt0388795",
    ]
    movies = [*MOVIES, "tt0246578\tmovie\tAnother\tAnother\t0\t1990\t\\N\t1\t\\N"]
    principals = ["tt0246578\t1\tnm0000001\tactor\t\\N\t\\N"] * 3 + [
        "tt0246578\t1\tnm0000001\tproducer\t\\N\t\\N"
    ]
    assembly = build(write(people, movies, principals, [*RATINGS, "tt0246578\t1.0\t5"]))
    person = actors(assembly)["nm0000001"]
    assert (person["name"], person["birth_year"]) == ("First", 1950)
    assert [title["title"] for title in person["known_for"]] == ["Donnie Darko"]
    assert [credit["category"] for credit in person["credits"]] == ["actor", "producer"]
    assert titles(assembly)["tt0246578"]["votes"] == 860_000
    quality = assembly.quality
    files = (quality.names, quality.titles, quality.principals, quality.ratings)
    assert [file.duplicates for file in files] == [1, 1, 2, 1]


def test_orphans_are_counted_and_dropped(write: Write, build: Callable[..., Assembly]) -> None:
    principals = [
        *CREDITS,
        "tt5555555\t1\tnm0350453\tactor\t\\N\t\\N",
        "tt0246578\t9\tnm5555555\tactor\t\\N\t\\N",
        "tt5555555\t9\tnm5555555\tactor\t\\N\t\\N",
    ]
    assembly = build(write(principals=principals, ratings=[*RATINGS, "tt5555555\t5.0\t5"]))
    assert assembly.quality.principals.orphans == {"title": 2, "person": 1}
    assert assembly.quality.ratings.orphans == {"title": 1}
    assert actors(assembly)["nm0350453"]["credits_count"] == 3
    assert len(titles(assembly)["tt0246578"]["cast"]) == 2


def test_known_for_references_that_are_no_ids_are_dropped_and_counted(
    write: Write, build: Callable[..., Assembly]
) -> None:
    people = ["nm0000001\tA\t\\N\t\\N\tactor\tjunk,tt0388795,,tt0246578,tt0388795,nm0000001"]
    assembly = build(write(people=people))
    known_for = actors(assembly)["nm0000001"]["known_for"]
    assert [title["tconst"] for title in known_for] == ["tt0388795", "tt0246578"]
    assert assembly.quality.names.nulled == {"knownForTitles": 2}
    assert (assembly.quality.known_for, assembly.quality.known_for_unresolved) == (5, 2)


ADULT = [*MOVIES, "tt0800000\tmovie\tPrivate\tPrivate\t1\t2003\t\\N\t80\tAdult"]


def test_adult_titles_are_left_out_everywhere(write: Write, build: Callable[..., Assembly]) -> None:
    people = ["nm0000001\tA\t\\N\t\\N\tactor\ttt0800000,tt0388795"]
    principals = ["tt0800000\t1\tnm0000001\tactor\t\\N\t\\N", "tt0388795\t3\tnm0000001\tactor\t\\N\t\\N"]
    source = write(people, ADULT, principals, [*RATINGS, "tt0800000\t5.0\t900000"])
    assembly = build(source)
    person = actors(assembly)["nm0000001"]
    assert [title["title"] for title in person["known_for"]] == ["Brokeback Mountain"]
    assert [credit["title"] for credit in person["credits"]] == ["Brokeback Mountain"]
    assert (person["credits_count"], person["popularity"]) == (1, worth(380_000))
    assert "tt0800000" not in titles(assembly)
    quality = assembly.quality
    assert quality.titles.left_out == {"adult title": 1, "title type": 1}
    assert (quality.principals.left_out, quality.known_for_left_out) == ({"adult title": 1}, 1)

    assembly = build(source, adult=True)
    person = actors(assembly)["nm0000001"]
    assert [title["title"] for title in person["known_for"]] == ["Private", "Brokeback Mountain"]
    assert person["popularity"] == worth(1_280_000)
    assert titles(assembly)["tt0800000"]["cast"][0]["name"] == "A"


def test_title_types_are_chosen_by_a_setting_and_untyped_titles_always_stay(
    write: Write, build: Callable[..., Assembly]
) -> None:
    assert list(titles(build(write(), title_types=("tvEpisode",)))) == ["tt0900001", "tt0900002"]
    assembly = build(write(), title_types=("movie", "tvEpisode"))
    assert assembly.titles == 5
    assert titles(assembly)["tt0900001"]["cast"][0]["name"] == "David Bowie"


def test_credits_and_casts_are_capped(write: Write, build: Callable[..., Assembly]) -> None:
    movies = [f"tt{n:07}\tmovie\tFilm {n}\t\\N\t0\t{1900 + n % 120}\t\\N\t\\N\t\\N" for n in range(1, 251)]
    people = [f"nm{n:07}\tPerson {n}\t\\N\t\\N\tactor\t\\N" for n in range(1, 71)]
    filmography = [f"tt{n:07}\t99\tnm0000001\tactor\t\\N\t\\N" for n in range(2, 251)]
    crowd = [f"tt0000001\t{100 - n}\tnm{n:07}\tactor\t\\N\t\\N" for n in range(1, 71)]
    assembly = build(write(people, movies, filmography + crowd, []))
    person = actors(assembly)["nm0000001"]
    assert (person["credits_count"], len(person["credits"])) == (250, 200)
    years = [credit["year"] for credit in person["credits"]]
    assert years == sorted((1900 + n % 120 for n in range(1, 251)), reverse=True)[:200]
    cast = titles(assembly)["tt0000001"]["cast"]
    assert [entry["ordering"] for entry in cast] == list(range(30, 80))


def test_rejects_and_documents_add_up(write: Write, build: Callable[..., Assembly]) -> None:
    people = [*PEOPLE, "junk", "nm1\t\\N\t\\N\t\\N\tactor\t\\N", "xx1\tA\t\\N\t\\N\tactor\t\\N", PEOPLE[0]]
    assembly = build(write(people=people))
    names = assembly.quality.names
    assert {reason: reject.count for reason, reject in names.rejects.items()} == {
        "wrong field count": 1,
        "missing name": 1,
        "malformed id": 1,
    }
    assert names.rejects["malformed id"].examples[0].line == 8
    assert (
        names.rows
        == 8
        == assembly.actors + names.rejected + names.duplicates + names.left_out["does not act"]
    )


def test_quotes_and_other_scripts_survive_the_way_into_json(
    write: Write, build: Callable[..., Assembly]
) -> None:
    person, film, role = 'Sammo "Fatty" Hung \\ 洪金寶', '"Quoted" \\ {Film}\u2028,', 'The "One" \\ é'
    people = [f"nm0000001\t{person}\t\\N\t\\N\tactor\ttt0000001"]
    movies = [f"tt0000001\t\\N\t{film}\t\\N\t0\t\\N\t\\N\t\\N\t\\N"]
    characters = msgspec.json.encode([role, ""]).decode().replace(",", ", ")
    principals = [f"tt0000001\t\\N\tnm0000001\t\\N\t\\N\t{characters}"]
    assembly = build(write(people, movies, principals, []))
    actor, title = actors(assembly)["nm0000001"], titles(assembly)["tt0000001"]
    assert (actor["name"], title["title"]) == (person, film)
    assert actor["known_for"] == [{"tconst": "tt0000001", "title": film, "year": None}]
    assert actor["credits"] == [
        {
            "tconst": "tt0000001",
            "title": film,
            "year": None,
            "title_type": None,
            "category": None,
            "characters": [role, ""],
        }
    ]
    assert title["cast"] == [
        {
            "nconst": "nm0000001",
            "name": person,
            "category": None,
            "characters": [role, ""],
            "ordering": None,
        }
    ]


def test_credits_of_ids_too_long_for_one_sort_key_are_in_order(
    write: Write, build: Callable[..., Assembly]
) -> None:
    numbers = ["9" * 17 + "1", "9" * 17 + "2", "0000003"]
    movies = [
        f"tt{number}\tmovie\tFilm\t\\N\t0\t{2000 + index}\t\\N\t\\N\t\\N"
        for index, number in enumerate(numbers)
    ]
    people = [f"nm{number}\tPerson\t\\N\t\\N\tactor\t\\N" for number in numbers]
    principals = [f"tt{title}\t1\tnm{person}\tactor\t\\N\t\\N" for title in numbers for person in numbers]
    documents = actors(build(write(people, movies, principals, [])))
    assert len(documents) == 3
    for document in documents.values():
        assert [credit["year"] for credit in document["credits"]] == [2002, 2001, 2000]


def documents_of(assembly: Assembly) -> list[bytes]:
    chunks = [*encode_actors(assembly.actor_files), *encode_titles(assembly.title_files)]
    return sorted(line for body, _ in chunks for line in body.splitlines())


def test_many_buckets_on_disk_make_the_same_documents_as_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = open_sample().folder
    whole = assemble(sample, Settings(), tmp_path / "whole")
    monkeypatch.setattr(assemble_module, "bucket_count", lambda *_: 7)
    monkeypatch.setattr(assemble_module, "HELD_SHARE", 10**6)
    split = assemble(sample, Settings(), tmp_path / "split")
    assert len(split.actor_files) == len(split.title_files) == 7
    assert documents_of(split) == documents_of(whole)
    assert split.quality == whole.quality
    assert not (tmp_path / "split" / "staging").exists()


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    first = assemble(open_sample().folder, Settings(), tmp_path / "first")
    second = assemble(open_sample().folder, Settings(), tmp_path / "second")
    assert list(encode_actors(first.actor_files)) == list(encode_actors(second.actor_files))
    assert list(encode_titles(first.title_files)) == list(encode_titles(second.title_files))


def test_the_sample_is_complete(tmp_path: Path) -> None:
    assembly = assemble(open_sample().folder, Settings(), tmp_path)
    assert (assembly.actors, assembly.titles, assembly.basis) == (28_079, 35_250, "credits")
    quality = assembly.quality
    assert quality.principals.used == 132_135
    assert (quality.names.rejected, quality.known_for_unresolved, quality.unsearchable_names) == (0, 0, 0)


def test_the_number_of_buckets_follows_the_size_and_the_memory(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a.tsv.gz", "b.tsv")}
    (tmp_path / "a.tsv.gz").write_bytes(bytes(1000))
    (tmp_path / "b.tsv").write_bytes(bytes(1000))
    assert bucket_count(paths, 512) == 1
    with (tmp_path / "b.tsv").open("r+b") as file:
        file.truncate(4 << 30)
    assert bucket_count(paths, 4096) < bucket_count(paths, 2048) < bucket_count(paths, 512)


def test_a_missing_file_is_found_before_anything_is_written(write: Write, tmp_path: Path) -> None:
    source = write()
    (source / "title.ratings.tsv.gz").unlink()
    with pytest.raises(SourceMissingError, match=r"lacks title\.ratings\.tsv\.gz"):
        assemble(source, Settings(), tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_truncated_file_ends_the_assembly_and_leaves_nothing_behind(write: Write, tmp_path: Path) -> None:
    source = write(principals=CREDITS * 1000)
    path = source / "title.principals.tsv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceDamagedError, match=r"title\.principals\.tsv\.gz is truncated"):
        assemble(source, Settings(), tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_without_people_is_refused(write: Write, build: Callable[..., Assembly]) -> None:
    with pytest.raises(SourceDamagedError, match="holds no people, only its header"):
        build(write(people=[]))


def test_titles_principals_and_ratings_may_be_empty(write: Write, build: Callable[..., Assembly]) -> None:
    assembly = build(write(movies=[], principals=[], ratings=[]))
    assert (assembly.actors, assembly.titles, assembly.title_files) == (2, 0, ())
    assert actors(assembly)["nm0350453"]["known_for"] == []
    assert assembly.quality.known_for_unresolved == 4


def test_a_full_disk_is_one_clear_line(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise pl.exceptions.ComputeError(
            "parquet: File out of specification: underlying IO error: No space left on device (os error 28)"
        )

    monkeypatch.setattr(Result, "write", fail)
    with pytest.raises(SourceError, match=r"work cannot hold the .*: No space left on device$"):
        assemble(write(), Settings(), tmp_path / "work")
    assert not (tmp_path / "work" / "staging").exists()


def test_a_work_folder_that_cannot_be_made_is_named(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match=r"work cannot hold the temporary data.*: .*Not a dir"):
        assemble(write(), Settings(), tmp_path / "file" / "work")


def test_what_is_left_of_an_earlier_run_is_replaced(write: Write, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "staging" / "people").mkdir(parents=True)
    (work / "staging" / "people" / "0000-0001.parquet").write_bytes(b"junk")
    (work / "actors").mkdir()
    (work / "actors" / "0009.parquet").write_bytes(b"junk")
    assembly = assemble(write(), Settings(), work)
    assert [path.name for path in (work / "actors").iterdir()] == ["0000.parquet"]
    assert assembly.actors == 3


class Cancelled(Exception):  # noqa: N818 - not an error of ours
    """Stands for what a cancelled job raises from its progress."""


class Recorder:
    """Remembers stages and amounts; raises when told to."""

    def __init__(self, cancel_in: str = "") -> None:
        self.stages: dict[str, tuple[int | None, str]] = {}
        self.done: dict[str, int] = {}
        self.current = ""
        self.cancel_in = cancel_in

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        self.current = stage
        self.stages[stage] = (total, unit)
        self.done[stage] = 0

    def advance(self, amount: int) -> None:
        if self.current == self.cancel_in:
            raise Cancelled
        self.done[self.current] += amount

    def finish(self) -> None:
        self.current = ""


STAGES = [
    "reading name.basics", "reading title.basics", "reading title.ratings", "reading title.principals",
    "joining titles", "joining people", "joining casts",
]  # fmt: skip


def test_every_stage_tells_its_size_and_reaches_it(write: Write, tmp_path: Path) -> None:
    recorder = Recorder()
    assemble(write(), Settings(), tmp_path / "work", recorder)
    assert list(recorder.stages) == [*STAGES, "keys of tokens"]
    sized = {stage: recorder.stages[stage] for stage in STAGES}
    assert {stage: total for stage, (total, _) in sized.items()} == {s: recorder.done[s] for s in STAGES}
    assert [unit for _, unit in sized.values()] == ["bytes"] * 4 + ["rows"] * 3


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_in_any_stage_leaves_no_staging_behind(write: Write, tmp_path: Path, stage: str) -> None:
    with pytest.raises(Cancelled):
        assemble(write(), Settings(), tmp_path / "work", Recorder(cancel_in=stage))
    assert not (tmp_path / "work" / "staging").exists()


def test_lost_rows_stop_an_assembly() -> None:
    with pytest.raises(SourceError, match=r"name\.basics: 3 rows, but 1 kept \+ 1 rejected"):
        FileQuality(
            file="name.basics", rows=3, kept=1, rejects={"malformed id": quality_module.Reject(1)}
        ).check()
    with pytest.raises(SourceError, match=r"name\.basics: 3 rows kept, but 2 accounted for"):
        FileQuality(file="name.basics", rows=3, kept=3, used=1, duplicates=1).check()
    nothing = FileQuality(file="any")
    empty = Quality(names=nothing, titles=nothing, principals=nothing, ratings=nothing)
    with pytest.raises(SourceError, match="1 actors and 0 titles written, but 0 and 0 counted"):
        empty.check(1, 0)
    with pytest.raises(SourceError, match="joining these made 1 rows of 2"):
        expect_rows(pl.DataFrame({"a": [1]}), 2, "these")
