"""What was wrong with the files of a source: the report that becomes a generation's `quality.json`.

Nothing is dropped without being counted here. For each file
`rows = kept + rejects` and `kept = used + duplicates + orphans + left out`; both are checked, not hoped for.
"""

from __future__ import annotations

import msgspec
import polars as pl

from marquee.errors import SourceError

EXAMPLES = 5
"""Examples kept per reason: enough to see the pattern, few enough to read."""
_EXAMPLE_CHARS = 300


class Example(msgspec.Struct, frozen=True):
    """One rejected row."""

    line: int
    """1-based; the header is line 1."""
    text: str
    """The row as it stands in the file, cut to 300 characters, bytes that are not UTF-8 as `\\xNN`."""


class Reject(msgspec.Struct):
    """The rows rejected for one reason."""

    count: int = 0
    examples: list[Example] = msgspec.field(default_factory=list)


class FileQuality(msgspec.Struct, kw_only=True):
    """What one file held. All figures are rows, except `nulled` and `repaired`."""

    file: str
    """Name of the file."""
    rows: int = 0
    """Lines after the header."""
    kept: int = 0
    """Rows that are well-formed."""
    rejects: dict[str, Reject] = msgspec.field(default_factory=dict)
    """Rows that are not, by reason: "wrong field count", "malformed id", "missing name", "missing title",
    "name is not UTF-8", "title is not UTF-8"."""
    nulled: dict[str, int] = msgspec.field(default_factory=dict)
    """Values of optional columns that were unusable and read as unknown, by column."""
    repaired: dict[str, int] = msgspec.field(default_factory=dict)
    """What was put right without losing anything: carriage returns, in lines."""
    duplicates: int = 0
    """Well-formed rows that repeat an earlier one's identity; the first wins."""
    orphans: dict[str, int] = msgspec.field(default_factory=dict)
    """Well-formed rows that point at nobody and nothing, by what is unknown: "title" or "person"."""
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
    """Good rows that the settings leave out: "adult title", "title type", "does not act"."""
    used: int = 0
    """Rows that reached a document: as the document itself, or (principals, ratings) as a part of what is
    known about a title or a person, indexed or not."""

    def reject(self, reason: str, line: int, raw: bytes) -> None:
        """Count one rejected row and keep it if it is among the first of its reason."""
        entry = self.rejects.setdefault(reason, Reject())
        entry.count += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(Example(line, raw[:_EXAMPLE_CHARS].decode("utf-8", "backslashreplace")))

    def add(self, counts: dict[str, int], name: str, amount: int) -> None:
        """Add `amount` to one of the figures by name; zeroes leave no trace."""
        if amount:
            counts[name] = counts.get(name, 0) + amount

    @property
    def rejected(self) -> int:
        """All rejected rows."""
        return sum(reject.count for reject in self.rejects.values())

    def check(self) -> None:
        """Check that every row is accounted for.

        Raises:
            SourceError: it is not, which is a bug of ours and must stop a reindex.
        """
        if self.rows != self.kept + self.rejected:
            raise SourceError(
                f"{self.file}: {self.rows} rows, but {self.kept} kept + {self.rejected} rejected"
            )
        accounted = self.used + self.duplicates + sum(self.orphans.values()) + sum(self.left_out.values())
        if self.kept != accounted:
            raise SourceError(f"{self.file}: {self.kept} rows kept, but {accounted} accounted for")


class Quality(msgspec.Struct, kw_only=True):
    """What all files of a source held."""

    names: FileQuality
    titles: FileQuality
    principals: FileQuality
    ratings: FileQuality
    known_for: int = 0
    """References from people to titles they are known for."""
    known_for_unresolved: int = 0
    """Those of them whose title is not in the files; dropped."""
    known_for_left_out: int = 0
    """Those of them whose title is an adult one and left out."""
    unsearchable_names: int = 0
    """Indexed people whose name holds no letter and no digit: found by id only."""

    def check(self, actors: int, titles: int) -> None:
        """Check that every row of every file is accounted for, given the number of documents made.

        Raises:
            SourceError: see `FileQuality.check`.
        """
        for file in (self.names, self.titles, self.principals, self.ratings):
            file.check()
        if (actors, titles) != (self.names.used, self.titles.used):
            raise SourceError(
                f"{actors} actors and {titles} titles written, but {self.names.used} and "
                f"{self.titles.used} counted"
            )


def expect_rows(rows: pl.DataFrame, expected: int, what: str) -> None:
    """Check the number of rows after a join: duplicate keys multiply them silently.

    Raises:
        SourceError: it is another, which is a bug of ours and must stop a reindex.
    """
    if rows.height != expected:
        raise SourceError(f"joining {what} made {rows.height} rows of {expected}")
