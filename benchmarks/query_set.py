"""Queries with the name that was meant: files of them, what counts as right, and the committed set's making.

A file is tab-separated with a header: `query` and `correct_name`, and as far as known `count`, `kind` (full,
surname, firstname, mononym), `target_string` (the part of the name that was typed), `osa_distance`, `nconst`
and `source`.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from benchmarks.error_model import misspell, type_plainly
from marquee.catalog.sources import open_sample
from marquee.names import normalise
from marquee.search.similarity import count_edits

QUERIES = Path(__file__).parent / "queries"
MISSPELT, CORRECT = QUERIES / "sample-misspelt.tsv", QUERIES / "sample-correct.tsv"

SEED = 1
POPULAR_POOL = 1500
"""People with the most credits, from whom the popular names are drawn."""
POPULAR_NAMES = 500
QUERIES_PER_NAME = 3
SURNAME_ALONE = 0.25
"""Share of misspelt queries that are the surname alone, where it has five letters or more."""
CORRECT_POPULAR = CORRECT_ANYONE = 250
"""Correctly typed names: of the popular ones, and of everyone, most of whom are obscure."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed, and whom they meant."""

    query: str
    correct_name: str
    count: int = 1
    kind: str = "full"
    target_string: str = ""
    osa_distance: int = 0
    nconst: str = ""
    source: str = ""

    @property
    def name_key(self) -> str:
        """What queries of one name share."""
        return normalise(self.correct_name)


def read_queries(path: Path) -> list[Query]:
    """Read a query file; a distance that is not given is counted.

    Raises:
        ValueError: the file lacks `query` or `correct_name`.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found: list[Query] = []
    for number, row in enumerate(rows, start=2):
        if not row.get("query") or not row.get("correct_name"):
            raise ValueError(f"{path}, line {number}: query and correct_name are needed")
        given = {name: text for name in Query.__struct_fields__ if (text := row.get(name))}
        if "osa_distance" not in given:
            meant = given.get("target_string") or given["correct_name"]
            given["osa_distance"] = str(count_edits(normalise(given["query"]), normalise(meant)))
        found.append(msgspec.convert(given, Query, strict=False))
    return found


def write_queries(path: Path, queries: list[Query]) -> None:
    """Write a query file."""
    lines = ["\t".join(Query.__struct_fields__)]
    lines += ["\t".join(map(str, msgspec.structs.astuple(query))) for query in queries]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_right(query: Query, nconst: str, name: str) -> bool:
    """Say whether a person is a right answer: the one meant, a namesake, or any bearer of the part typed."""
    if query.nconst and nconst == query.nconst:
        return True
    if query.kind == "full":
        return normalise(name) == query.name_key
    part = normalise(query.target_string or query.query)
    return f" {part} " in f" {normalise(name)} "


_SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
_PARTICLES = {"da", "de", "del", "den", "der", "di", "du", "la", "le", "st", "van", "von"}


def surname_of(name: str) -> str:
    """Return a name's last part with its particles: "Robert De Niro Jr." → "De Niro"."""
    words = name.split()
    while len(words) > 1 and normalise(words[-1]) in _SUFFIXES:
        words.pop()
    start = len(words) - 1
    while start > 1 and normalise(words[start - 1]) in _PARTICLES:
        start -= 1
    return " ".join(words[start:])


def _read_people() -> list[tuple[str, str]]:
    """Return nconst and name of everyone in the sample, most credits first."""
    folder = open_sample().folder

    def read(name: str) -> list[list[str]]:
        with gzip.open(folder / f"{name}.tsv.gz", "rt", encoding="utf-8") as file:
            return [line.rstrip("\n").split("\t") for line in file][1:]

    credits_of = Counter(row[2] for row in read("title.principals"))
    people = [(row[0], row[1]) for row in read("name.basics")]
    return sorted(people, key=lambda person: (-credits_of[person[0]], person[0]))


def make_queries() -> tuple[list[Query], list[Query]]:
    """Make the misspelt and the correct queries of the sample; the same whenever sample and model are.

    A misspelling that is somebody else's right name, or the surname of somebody else, is drawn again: it has
    no one right answer.
    """
    everyone = _read_people()
    bearers = Counter(normalise(name) for _, name in everyone)
    taken = {word for key in bearers for word in key.split()} | set(bearers)
    # Names with letters: "50 Cent" and the like are left to the tests of odd input.
    usable = [
        person for person in everyone
        if bearers[normalise(person[1])] == 1 and re.fullmatch(r"[^\d]{5,}", normalise(person[1]))
    ]  # fmt: skip
    rng = Random(SEED)
    popular = rng.sample(usable[:POPULAR_POOL], POPULAR_NAMES)
    misspelt = [query for person in popular for query in _miss(*person, taken)]
    anyone = rng.sample(usable[POPULAR_POOL:], CORRECT_ANYONE)
    correct = [
        Query(query=type_plainly(name), correct_name=name, target_string=name, nconst=nconst, source=source)
        for source, people in (("popular", popular[:CORRECT_POPULAR]), ("anyone", anyone))
        for nconst, name in people
    ]
    return misspelt, correct


def _miss(nconst: str, name: str, taken: set[str]) -> list[Query]:
    rng = Random(f"{SEED} {nconst}")  # of its own, so that a change to one name leaves the others
    made: dict[str, Query] = {}
    surname = surname_of(name)
    for _ in range(60):
        alone = len(surname) >= 5 and surname != name and rng.random() < SURNAME_ALONE
        target = surname if alone else name
        typed, kinds = misspell(target, rng)
        key = normalise(typed)
        foreign = key != normalise(target) and key in taken
        if not kinds or foreign or typed in made:
            continue
        made[typed] = Query(
            query=typed,
            correct_name=name,
            kind="surname" if alone else "full",
            target_string=target,
            osa_distance=count_edits(key, normalise(target)),
            nconst=nconst,
            source=kinds[0] if len(kinds) == 1 else f"{len(kinds)} errors",
        )
        if len(made) == QUERIES_PER_NAME:
            break
    return list(made.values())
