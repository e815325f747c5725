"""The data that all systems get: the sample, a folder of IMDb's files, or made-up people."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.protocol import PEOPLE_FILE, Corpus
from marquee.catalog.sources import open_sample
from marquee.catalog.synth import synthesise

MOST_POPULAR = 2**31 - 1
"""What the engines' weights can hold."""


def prepare(source: Path, folder: Path) -> Corpus:
    """Link IMDb's files into a folder of ours, and list the people for the systems that read no such files.

    Raises:
        ValueError: `source` has no name.basics.tsv.gz, or no people in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.tsv.gz")):
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path.resolve())
    return list_people(folder)


def prepare_sample(folder: Path) -> Corpus:
    """Prepare the committed sample."""
    return prepare(open_sample().folder, folder)


def make(people: int, folder: Path) -> Corpus:
    """Make up so many people; the same ones each time."""
    if not (folder / PEOPLE_FILE).exists():
        synthesise(folder, people, seed=1)
    return list_people(folder)


def list_people(folder: Path) -> Corpus:
    """Write PEOPLE_FILE: whom Marquee indexes, by its own rules for a usable row.

    Popular is, as for Marquee, who is credited or known for titles with many votes; where there are none, as
    in the sample, who has many credits.

    Raises:
        ValueError: there is no name.basics.tsv.gz, or nobody in it.
    """
    if not (folder / "name.basics.tsv.gz").exists():
        raise ValueError(f"{folder} has no name.basics.tsv.gz")
    votes = {row[0]: int(row[2]) for row in read_rows(folder, "title.ratings") if row[2].isdigit()}
    popularity: Counter[str] = Counter()
    for row in read_rows(folder, "title.principals"):
        popularity[row[2]] += votes.get(row[0], 0) if votes else 1
    people: dict[str, str] = {}
    for row in read_rows(folder, "name.basics"):
        if len(row) == 6 and row[1] not in ("", r"\N"):
            people[row[0]] = row[1]
            if votes:
                popularity[row[0]] += sum(votes.get(title, 0) for title in row[5].split(","))
    if not people:
        raise ValueError(f"{folder / 'name.basics.tsv.gz'} has no people")
    # Sorting is stable: of people as popular, the file's order decides.
    ranked = sorted(people.items(), key=lambda person: -popularity[person[0]])
    with (folder / PEOPLE_FILE).open("w", encoding="utf-8") as file:
        file.writelines(
            f"{nconst}\t{name}\t{min(MOST_POPULAR, popularity[nconst])}\n" for nconst, name in ranked
        )
    return Corpus(str(folder), len(people))


def read_rows(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield the rows of one of IMDb's files; none where there is no such file."""
    path = folder / f"{name}.tsv.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        next(file, None)
        for line in file:
            yield line.rstrip("\r\n").split("\t")
