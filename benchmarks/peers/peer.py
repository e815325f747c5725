"""What every system of the scorecard is asked, Marquee itself among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec


class NotMeasuredError(Exception):
    """This machine cannot have a peer, or it does not do what is measured; the text says why."""


class Person(NamedTuple):
    """Somebody who can be found."""

    nconst: str
    name: str
    popularity: float
    """0 to 1, as Marquee counts it: a peer that can rank by it may."""


class Corpus(msgspec.Struct, frozen=True, kw_only=True):
    """What all systems index."""

    name: str
    """"the sample", "100,000 synthetic people"."""
    folder: Path
    """IMDb's files, for those that read them by themselves."""
    people: Sequence[Person]
    """Everybody whom Marquee indexes of it, for those that are given names."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What an index took."""

    took_s: float
    disk_bytes: int | None = None
    """None where it has no files of its own."""
    memory_bytes: int | None = None
    """What is resident of it in the process that answers, beyond what it took while empty; None where that
    cannot be told apart from others' (a shared engine)."""


class Peer(Protocol):
    """One system. Everything is awaited by one task, but for `search` and `suggest`, which many may await at
    once; any of them may raise whatever it likes, which costs the peer its figures and never the run."""

    name: str
    """What it is called in tables: "PostgreSQL pg_trgm"."""
    configuration: str
    """One sentence: how it was set up to do its best."""

    async def start(self) -> None:
        """Install and start what it needs.

        Raises:
            NotMeasuredError: this machine cannot have it.
        """

    async def build(self, corpus: Corpus) -> Built:
        """Index a corpus, in place of any before it."""

    async def search(self, q: str, limit: int) -> list[str]:
        """Return the ids of the people found by a whole name, best first.

        Raises:
            NotMeasuredError: it has no such search.
        """

    async def suggest(self, q: str, limit: int) -> list[str]:
        """Return the ids of the people whose name may go on like this, best first.

        Raises:
            NotMeasuredError: it completes nothing.
        """

    async def close(self) -> None:
        """End it, and delete what it has left; also after a failed start."""
