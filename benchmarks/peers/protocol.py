"""What every peer does, and what it is given. Each lives in a process of its own: see `host`, `hosted`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from benchmarks.error_model import type_plainly
from benchmarks.subject import SearchReply, SuggestReply

PEOPLE_FILE = "people.tsv"
"""In the corpus' folder, made from IMDb's files for peers that read no such files: id, name and popularity,
most popular first."""


class PeerError(Exception):
    """A peer cannot be started, has died, or answers nonsense; the message is the reason in one line."""


class RefusedError(PeerError):
    """One question was not answered, because too much is asked or it took too long; the next one may be."""


class Corpus(msgspec.Struct, frozen=True):
    """A folder with IMDb's files and `PEOPLE_FILE`, and how many people it holds."""

    folder: str
    people: int


class Built(msgspec.Struct, frozen=True):
    """What an index took: seconds from the files to the first answer, and bytes on disk (0: none)."""

    seconds: float
    disk_bytes: int


class Peer(Protocol):
    """A system that finds people by name. Each method may raise PeerError, questions RefusedError."""

    def build(self, corpus: Corpus) -> Built:
        """Start what is needed and index the corpus; what was indexed before is gone."""

    def search(self, q: str, limit: int) -> SearchReply:
        """Return up to `limit` people that `q` may mean, best first. Called by several threads at once."""

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        """Return up to `limit` people whose names go on like this; only asked where the peer completes."""

    def server_pids(self) -> list[int]:
        """Return the processes beside this one whose memory the answers need."""

    def close(self) -> None:
        """Stop what was started and delete what was written."""


def read_people(corpus: Corpus) -> Iterator[tuple[str, str, int]]:
    """Yield nconst, name and popularity, most popular first."""
    with (Path(corpus.folder) / PEOPLE_FILE).open(encoding="utf-8") as file:
        for line in file:
            nconst, name, popularity = line.rstrip("\n").split("\t")
            yield nconst, name, int(popularity)


def fold(text: str) -> str:
    """Return a name or query as peers without analysers get it: lower case, letters and blanks."""
    letters = re.sub(r"[^\w\s]", "", type_plainly(text).replace("-", " "))
    return " ".join(letters.split())


def count_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
