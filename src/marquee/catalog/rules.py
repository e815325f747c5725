"""What decides who and what is indexed, and how much it weighs."""

from __future__ import annotations

from typing import Literal

import msgspec
import polars as pl

from marquee.settings import Settings

ACTING_PROFESSIONS = ("actor", "actress")
ACTING_CATEGORIES = ("actor", "actress", "self")
"""Credits that make somebody an actor here; being seen in archive footage doesn't."""

MOST_CREDITS = 200
"""Credits stored per person. A few hundred people have more (the most: some 20,000 episodes of daily shows);
nobody reads them, and they would be megabytes of one document."""
MOST_CAST = 50
"""Cast entries stored per title."""

DIRECTOR_SHARE = 0.5
CREW_SHARE = 0.1
"""Part of a title's votes that counts for those behind the camera where everyone is indexed: a film's
millions of viewers know its actors, fewer its director, hardly its editor. Of 740 names that people really
searched for, the letters to type until one is among the first five fell from 5.15 to 4.97 on average."""

Basis = Literal["votes", "credits"]

COMPLETE_ALL_PEOPLE = 200_000
COMPLETED_POPULARITY: dict[Basis, float] = {"votes": 0.43, "credits": 0.57}
"""A thousand votes, or ten titles where there are no votes."""


class Rules(msgspec.Struct, frozen=True):
    """What decides who and what is indexed, and how much it weighs."""

    people: Literal["actors", "everyone"]
    title_types: tuple[str, ...]
    """Empty: all but episodes."""
    adult: bool
    basis: Basis
    """What popularity is made of: votes, or credits in a catalogue where no title has a rating."""

    @classmethod
    def of(cls, settings: Settings, basis: Basis) -> Rules:
        """Return the rules that the settings ask for."""
        return cls(settings.people, settings.title_types, settings.adult, basis)

    @property
    def votes_of_unrated(self) -> int:
        """Votes a title without a rating counts for the people in it.

        IMDb publishes a rating from 5 votes on, so an unrated title has fewer: 1. Where there are no ratings
        at all, 1000 per title spreads people by their number of credits over the range that votes have
        elsewhere: .43 for one film, .71 for a hundred.
        """
        return 1 if self.basis == "votes" else 1000

    def is_completed(self, people: int) -> pl.Expr:
        """Return whether a person is completed while their name is typed, in a catalogue of so many people.

        The completion suggester holds its inputs on the heap, 30 bytes or so each, and costs as much at a
        reindex as all other fields: in a large catalogue it is for those who are likely to be meant. The
        others are completed by the index of prefixes, which doesn't order them by popularity.
        """
        least = 0.0 if people <= COMPLETE_ALL_PEOPLE else COMPLETED_POPULARITY[self.basis]
        return pl.col("popularity") >= least

    def is_indexed(self) -> pl.Expr:
        """Return whether a title's type is one to index; titles without a type always are."""
        kind = pl.col("title_type")
        chosen = kind.is_in(self.title_types) if self.title_types else kind != "tvEpisode"
        return chosen.fill_null(value=True)


def is_acting() -> pl.Expr:
    """Return whether a credit makes somebody an actor here."""
    return pl.col("category").is_in(ACTING_CATEGORIES).fill_null(value=False)


def is_archive() -> pl.Expr:
    """Return whether a credit is for archive footage or sound: shown as a credit, but counted for nothing."""
    return pl.col("category").str.starts_with("archive_").fill_null(value=False)


def popularity(votes: pl.Expr) -> pl.Expr:
    """Return the popularity (0 to 1, 4 digits) that `votes` make: min(1, log10(1 + votes) / 7).

    Votes are heavily skewed, so their logarithm is what tells the known from the unknown; 10 million votes,
    what the most prolific stars' titles have together, is as good as it gets.
    """
    return ((1 + votes).cast(pl.Float64).log10() / 7).clip(0, 1).round(4)
