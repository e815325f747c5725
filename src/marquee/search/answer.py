"""What is answered: one struct per question, in the form it goes over the wire.

The same question gets the same answer from one generation, but for `query`, `stale` and `took_ms`: these and
the generation come first, so that what follows can be kept encoded (`api/answers`). `stale` says that the
engine is away, and the answer one of those kept; where it may be absent, that means false.
"""

from __future__ import annotations

import msgspec

from marquee.catalog.documents import Actor, CastEntry, Credit, KnownFor, Title
from marquee.search.alignment import Match
from marquee.search.rank import Explanation
from marquee.search.suggest import Suggestion


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A person found."""

    nconst: str
    name: str
    score: float
    birth_year: int | None
    death_year: int | None
    professions: tuple[str, ...]
    known_for: tuple[KnownFor, ...]
    popularity: float
    match: Match
    explanation: Explanation | msgspec.UnsetType = msgspec.UNSET


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search."""

    query: str
    generation: str
    stale: bool
    took_ms: float
    did_you_mean: str | None
    ambiguous: bool
    hits: list[Hit]


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who one of many names stands for."""

    match: Hit | None
    """The first candidate, if its score reaches the request's `min_score`."""
    ambiguous: bool
    """Whether several people bear that name, and no hint told them apart."""
    candidates: list[Hit]


class MatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a match: a result for each query, by its id."""

    generation: str
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    results: dict[str, MatchResult]


class SuggestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a suggest."""

    query: str
    generation: str
    stale: bool
    suggestions: list[Suggestion]


class ActorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A person's profile."""

    generation: str
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    actor: Actor


class TitleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A title."""

    generation: str
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    title: Title


class CreditsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of somebody's filmography, newest first."""

    generation: str
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    credits: list[Credit]
    next_cursor: str | None


class CastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in a title, in billing order."""

    generation: str
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    cast: list[CastEntry]


class TitleHit(Title, frozen=True, kw_only=True):
    """A title found."""

    score: float


class TitleSearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search for titles."""

    query: str
    generation: str
    stale: bool
    hits: list[TitleHit]


Answer = (
    SearchAnswer
    | MatchAnswer
    | SuggestAnswer
    | ActorAnswer
    | TitleAnswer
    | CreditsAnswer
    | CastAnswer
    | TitleSearchAnswer
)
ENVELOPE = ("query", "generation", "stale", "took_ms")
"""Fields that come first in every answer that has them; what follows depends on question and generation."""
