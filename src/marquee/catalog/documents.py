"""The documents of the indexes. `Actor` and `Title` are also the wire form of the API's answers.

A document holds the struct's fields, and beside them the search keys (`name_key`, `name_joined`,
`name_completion`, a token's `grams`, `sounds` and `skeleton`), which are searched and never read back.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec


class KnownFor(msgspec.Struct, frozen=True):
    """A title somebody is known for, resolved."""

    tconst: str
    """IMDb's id of the title."""
    title: str
    """The primary title."""
    year: int | None
    """When it was released or began."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A person: all that a hit or a profile shows."""

    nconst: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    birth_year: int | None = None
    """Null where the source does not know it."""
    death_year: int | None = None
    """Null for the living, and where the source does not know it."""
    professions: tuple[str, ...]
    """As IMDb names them: `actor`, `director`; the main one first."""
    known_for: tuple[KnownFor, ...]
    """The titles IMDb names, resolved."""
    popularity: float
    """0 to 1: log10(1 + votes) / 7 over the titles of this person; those of crew count in part."""
    credits_count: int
    """How many credits the source has, of which at most 200 are kept."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token that stands in names."""

    token: str
    popularity: float
    """Of the most popular bearer."""
    respelling: str
    """`names.respell(token)`."""
    sounds: str
    """`names.sounds(token)`, joined by a blank."""


class Title(msgspec.Struct, frozen=True, kw_only=True):
    """A film, series or other title."""

    tconst: str
    """IMDb's id of the title."""
    title: str
    """The primary title."""
    original_title: str
    """The title in the original language."""
    title_type: str | None = None
    """As IMDb names it: `movie`, `tvSeries`, `short`."""
    year: int | None = None
    """When it was released or began."""
    end_year: int | None = None
    """When a series ended."""
    runtime_minutes: int | None = None
    """Its length."""
    genres: tuple[str, ...]
    """At most three."""
    rating: float | None = None
    """1 to 10."""
    votes: int
    """How many people rated it."""


class Credit(msgspec.Struct, frozen=True):
    """One entry of a filmography. A document holds its values alone, as an array in this order: of 1.3 kB per
    person the field names were 0.4."""

    tconst: str
    """IMDb's id of the title."""
    title: str
    """The primary title."""
    year: int | None
    """When it was released or began."""
    title_type: str | None
    """As IMDb names it: `movie`, `tvSeries`, `short`."""
    category: str | None
    """What the person did, as IMDb names it: `actor`, `self`, `director`."""
    characters: tuple[str, ...]
    """Who was played."""


class CastEntry(msgspec.Struct, frozen=True):
    """One entry of a title's cast, crew included: `category` tells. Stored like a `Credit`."""

    nconst: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    category: str | None
    """What the person did, as IMDb names it: `actor`, `self`, `director`."""
    characters: tuple[str, ...]
    """Who was played."""
    ordering: int | None
    """The place in the billing; a lower one comes first."""


Entry = TypeVar("Entry", bound=msgspec.Struct)


def read_entries(kind: type[Entry], rows: list[Any] | None) -> list[Entry]:
    """Return stored arrays as what they stand for."""
    names = fields_of(kind)
    return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in rows or []]


def fields_of(struct: type[msgspec.Struct]) -> list[str]:
    """Return the field names of a document struct, which is what a search asks Elasticsearch to return."""
    return [field.encode_name for field in msgspec.structs.fields(struct)]
