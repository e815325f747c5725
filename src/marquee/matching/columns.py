"""What is asked of a table and what is appended to it, whatever its format."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from marquee.errors import SettingsError

Value = str | float | bool | None
Kind = Literal["text", "score", "flag"]
PREFIX = "match_"
SHOWN_COLUMNS = 30
"""Of a table with hundreds, an error names so many."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The columns that are read."""

    name: str
    born: str | None = None
    title: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """The columns that are named, by option."""
        named = {"--name": self.name, "--born": self.born, "--title": self.title}
        return {option: column for option, column in named.items() if column is not None}


class Fields(NamedTuple):
    """What a row says of who is meant, as its format holds it."""

    name: object
    born: object = None
    title: object = None


Hit = tuple[str, str, float]
"""nconst, name, score."""


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of a row; an array of the journal."""

    hits: tuple[Hit, ...] = ()
    """Best first."""
    ambiguous: bool = False
    """Whether several people bear the first name."""
    reason: str = ""
    """Why it was not asked: "empty", or what is wrong with the name."""
    ignored: tuple[str, ...] = ()
    """The hints that were not understood: born, title."""


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """The columns that are appended."""

    prefix: str | None = None
    """Before each name; None: `match_`, and only where the table has a column of that name."""
    taken: frozenset[str] = frozenset()
    """The names of the table's own columns."""
    candidates: int = 0
    """How many hits beside the match."""
    min_score: float = 0.5

    @property
    def columns(self) -> list[tuple[str, Kind]]:
        """Their names and kinds, in order."""
        columns: list[tuple[str, Kind]] = [
            ("nconst", "text"), ("name", "text"), ("score", "score"), ("ambiguous", "flag")
        ]  # fmt: skip
        for place in range(1, self.candidates + 1):
            own: list[tuple[str, Kind]] = [("nconst", "text"), ("name", "text"), ("score", "score")]
            columns += [(f"candidate_{place}_{name}", kind) for name, kind in own]
        return [(self._call(name), kind) for name, kind in columns]

    def _call(self, name: str) -> str:
        if self.prefix is None:
            return f"{PREFIX}{name}" if name in self.taken else name
        return f"{self.prefix}{name}"

    @property
    def names(self) -> list[str]:
        """Their names, in order."""
        return [name for name, _ in self.columns]

    def is_match(self, outcome: Outcome) -> bool:
        """Say whether the first hit is good enough."""
        return bool(outcome.hits) and outcome.hits[0][2] >= self.min_score

    def fill(self, outcome: Outcome) -> list[Value]:
        """Return the values of a row, one for each column.

        Below the minimum the row has no person, but says how near the best one came; that one is its first
        candidate.
        """
        hits = outcome.hits
        values: list[Value]
        if self.is_match(outcome):
            values = [*hits[0], outcome.ambiguous]
            others = hits[1:]
        else:
            values = [None, None, hits[0][2] if hits else None, None]
            others = hits
        for place in range(self.candidates):
            values += others[place] if place < len(others) else (None, None, None)
        return values


def find_columns(wanted: Wanted, columns: Sequence[str], path: object) -> dict[str, int]:
    """Return where the wanted columns stand, by option.

    Raises:
        SettingsError: one is not there, or there twice.
    """
    stripped = [column.strip() for column in columns]
    places: dict[str, int] = {}
    for option, column in wanted.options.items():
        found = [place for place, each in enumerate(columns) if each == column] or [
            place for place, each in enumerate(stripped) if each == column.strip()
        ]
        if not found:
            near = difflib.get_close_matches(column, stripped, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{option} {column}: {path} has no such column{meant}; {describe(columns)}")
        if len(found) > 1:
            raise SettingsError(f"{option} {column}: {path} has {len(found)} columns of that name")
        places[option] = found[0]
    return places


def describe(columns: Sequence[str]) -> str:
    """Return "it has: name, born"."""
    shown = ", ".join(columns[:SHOWN_COLUMNS])
    more = f" and {len(columns) - SHOWN_COLUMNS} more" if len(columns) > SHOWN_COLUMNS else ""
    return f"it has: {shown}{more}"


def fit(added: Added, columns: Sequence[str], path: object) -> Added:
    """Return what is to be appended to a table of these columns.

    Raises:
        SettingsError: a column of that name is there already.
    """
    fitted = msgspec.structs.replace(added, taken=frozenset(columns))
    taken = sorted(fitted.taken.intersection(fitted.names))
    if taken:
        raise SettingsError(f"{path} has a column {taken[0]} already: choose another --prefix")
    return fitted
