"""The data that all systems get: the sample, a folder of IMDb's files, or made-up people."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

from benchmarks.peers.protocol import PEOPLE_FILE, Corpus
from marquee.catalog.sources import open_sample
from marquee.catalog.synth import synthesise


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
    """Write PEOPLE_FILE: whom Marquee indexes, by its own rules for a usable row."""
    names = folder / "name.basics.tsv.gz"
    if not names.exists():
        raise ValueError(f"{folder} has no name.basics.tsv.gz")
    credits_of: Counter[str] = Counter()
    if (principals := folder / "title.principals.tsv.gz").exists():
        with gzip.open(principals, "rt", encoding="utf-8") as file:
            next(file, None)
            credits_of.update(line.split("\t", 3)[2] for line in file)
    with gzip.open(names, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows, None)
        people = {row[0]: row[1] for row in rows if len(row) == 6 and row[1] not in ("", r"\N")}
    if not people:
        raise ValueError(f"{names} has no people")
    # Sorting is stable: of people with as many credits, the file's order decides.
    ranked = sorted(people.items(), key=lambda person: -credits_of[person[0]])
    with (folder / PEOPLE_FILE).open("w", encoding="utf-8") as file:
        file.writelines(f"{nconst}\t{name}\t{credits_of[nconst]}\n" for nconst, name in ranked)
    return Corpus(str(folder), len(people))
