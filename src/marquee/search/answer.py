"""What is answered: one struct per question, in the form it goes over the wire.

The same question gets the same answer from one generation, but for `query`, `stale` and `took_ms`: these and
the generation come first, so that what follows can be kept encoded (`api/answers`). `stale` says that the
engine is away, and the answer one of those kept; where it may be absent, that means false.

Nothing is imported here but other structs: clients read answers with them (`client`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from marquee.catalog.documents import Actor, CastEntry, Credit, KnownFor, Title

Kind = Literal["exact", "prefix", "fuzzy", "phonetic", "partial"]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How a name fits the query."""

    kind: Kind
    """How the query became the name: as it is, begun, misspelt, by its sound, or a part of it."""
    edits: int
    """Letters to insert, delete, change or swap, over all matched tokens."""
    matched: tuple[str, ...]
    """The tokens of the name that the query's tokens stand for, in the query's order."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a hit stands where it stands: the parts of its rank, which add up to it."""

    name: float
    """How well the name fits what was typed."""
    exact: float
    """For a name spelt just so."""
    popularity: float
    """For how popular the person is."""
    born: float
    """For the hint `born`, if it fits."""
    title: float
    """For the hint `title`, if it fits."""
    rank: float
    """The sum, which orders the hits."""
    routes: tuple[str, ...]
    """The routes that found the candidate."""
    reasons: tuple[str, ...] = ()
    """The same in words."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A completion of what was typed."""

    nconst: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    birth_year: int | None
    """Null where the source does not know it."""
    death_year: int | None
    """Null for the living, and where the source does not know it."""
    known_for: str | None
    """"Donnie Darko (2001)"."""
    highlight: tuple[tuple[int, int], ...]
    """Half-open offsets of the matched parts, in UTF-16 units of `name`."""


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A person found."""

    nconst: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    score: float
    """The probability, 0 to 1, that this name is meant; bearers of one name share it."""
    birth_year: int | None
    """Null where the source does not know it."""
    death_year: int | None
    """Null for the living, and where the source does not know it."""
    professions: tuple[str, ...]
    """As IMDb names them: `actor`, `director`; the main one first."""
    known_for: tuple[KnownFor, ...]
    """The titles IMDb names, resolved."""
    popularity: float
    """0 to 1; of bearers of one name the more popular comes first."""
    match: Match
    """How the name fits the query."""
    explanation: Explanation | msgspec.UnsetType = msgspec.UNSET
    """Why it stands where it stands; only where `explain` is true."""


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search."""

    query: str
    """`q` as it was sent."""
    generation: str
    """The generation it was answered from."""
    stale: bool
    """Whether the engine is away and this is an answer from before."""
    took_ms: float
    """Milliseconds the search took in the service."""
    did_you_mean: str | None
    """A name that is likely meant and spelt otherwise; null where nothing is to be corrected."""
    ambiguous: bool
    """Whether several people bear the first name, and no hint told them apart."""
    hits: list[Hit]
    """Best first."""


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who one of many names stands for."""

    match: Hit | None
    """The first candidate, if its score reaches the request's `min_score`."""
    ambiguous: bool
    """Whether several people bear that name, and no hint told them apart."""
    candidates: list[Hit]
    """The best hits, as many as were asked for."""


class MatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a match: a result for each query, by its id."""

    generation: str
    """The generation it was answered from."""
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the engine is away and this is an answer from before; absent: no."""
    results: dict[str, MatchResult]
    """By the `id` of each query."""


class SuggestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a suggest."""

    query: str
    """`q` as it was sent."""
    generation: str
    """The generation it was answered from."""
    stale: bool
    """Whether the engine is away and this is an answer from before."""
    suggestions: list[Suggestion]
    """Best first."""


class ActorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A person's profile."""

    generation: str
    """The generation it was answered from."""
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the engine is away and this is an answer from before; absent: no."""
    actor: Actor
    """The person."""


class TitleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A title."""

    generation: str
    """The generation it was answered from."""
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the engine is away and this is an answer from before; absent: no."""
    title: Title
    """The title."""


class CreditsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of somebody's filmography, newest first."""

    generation: str
    """The generation it was answered from."""
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the engine is away and this is an answer from before; absent: no."""
    credits: list[Credit]
    """Newest first."""
    next_cursor: str | None
    """The `cursor` of the next page; null on the last one."""


class CastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in a title, in billing order."""

    generation: str
    """The generation it was answered from."""
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the engine is away and this is an answer from before; absent: no."""
    cast: list[CastEntry]
    """In billing order."""


class TitleHit(Title, frozen=True, kw_only=True):
    """A title found."""

    score: float
    """How well it fits, 0 to 1."""


class TitleSearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search for titles."""

    query: str
    """`q` as it was sent."""
    generation: str
    """The generation it was answered from."""
    stale: bool
    """Whether the engine is away and this is an answer from before."""
    hits: list[TitleHit]
    """Best first."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in the form of somebody else's protocol, which has no place for an envelope."""

    generation: str
    """The generation it was answered from; its header alone tells."""
    body: bytes
    """All that is sent."""


Answer = (
    SearchAnswer
    | MatchAnswer
    | SuggestAnswer
    | ActorAnswer
    | TitleAnswer
    | CreditsAnswer
    | CastAnswer
    | TitleSearchAnswer
    | Rendered
)
ENVELOPE = ("query", "generation", "stale", "took_ms")
"""Fields that come first in every answer that has them; what follows depends on question and generation."""
