"""What became of all rows, counted while the output is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from marquee.matching.columns import Added, Outcome


class Unusable(msgspec.Struct, kw_only=True):
    """Rows that could not be asked, for one reason."""

    rows: int = 0
    first_row: int
    """The header is no row."""


class Summary(msgspec.Struct, kw_only=True):
    """The figures of a run. Every row is one of matched, below_min_score, unmatched or empty."""

    out: str
    """Where the matches are."""
    rows: int = 0
    matched: int = 0
    ambiguous: int = 0
    """Of the matched: several people bear that name, and no hint told them apart."""
    below_min_score: int = 0
    """Somebody was found, and not near enough."""
    unmatched: int = 0
    """Nobody was found, or the name could not be asked."""
    empty: int = 0
    """No name was given."""
    unusable: dict[str, Unusable] = {}
    """Of the unmatched: those that could not be asked, by reason."""
    ignored_hints: dict[str, int] = {}
    """Rows whose `born` or `title` was not understood; they were asked without."""
    generations: list[str] = []
    """What was live when the rows were answered."""
    asked: int = 0
    """Distinct questions that this run put."""
    resumed_rows: int = 0
    """Rows that were there from a run before."""
    seconds: float = 0.0
    rate: float = 0.0
    """Rows per second of this run."""

    def count(self, outcomes: Iterable[Outcome], added: Added) -> Iterator[Outcome]:
        """Pass outcomes on, counted."""
        for row, outcome in enumerate(outcomes, 1):
            self.rows = row
            for hint in outcome.ignored:
                self.ignored_hints[hint] = self.ignored_hints.get(hint, 0) + 1
            if outcome.reason == "empty":
                self.empty += 1
            elif outcome.reason:
                self.unmatched += 1
                self.unusable.setdefault(outcome.reason, Unusable(first_row=row)).rows += 1
            elif added.is_match(outcome):
                self.matched += 1
                self.ambiguous += outcome.ambiguous
            elif outcome.hits:
                self.below_min_score += 1
            else:
                self.unmatched += 1
            yield outcome
