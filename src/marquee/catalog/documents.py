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
    title: str
    year: int | None


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A person: all that a hit or a profile shows."""

    nconst: str
    name: str
    birth_year: int | None = None
    death_year: int | None = None
    professions: tuple[str, ...]
    known_for: tuple[KnownFor, ...]
    popularity: float
    """0 to 1: log10(1 + votes) / 7 over the titles of this person; those of crew count in part."""
    credits_count: int


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
    title: str
    original_title: str
    title_type: str | None = None
    year: int | None = None
    end_year: int | None = None
    runtime_minutes: int | None = None
    genres: tuple[str, ...]
    rating: float | None = None
    """1 to 10."""
    votes: int


class Credit(msgspec.Struct, frozen=True):
    """One entry of a filmography. A document holds its values alone, as an array in this order: of 1.3 kB per
    person the field names were 0.4."""

    tconst: str
    title: str
    year: int | None
    title_type: str | None
    category: str | None
    characters: tuple[str, ...]


class CastEntry(msgspec.Struct, frozen=True):
    """One entry of a title's cast, crew included: `category` tells. Stored like a `Credit`."""

    nconst: str
    name: str
    category: str | None
    characters: tuple[str, ...]
    ordering: int | None


Entry = TypeVar("Entry", bound=msgspec.Struct)


def read_entries(kind: type[Entry], rows: list[Any] | None) -> list[Entry]:
    """Return stored arrays as what they stand for."""
    names = fields_of(kind)
    return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in rows or []]


def fields_of(struct: type[msgspec.Struct]) -> list[str]:
    """Return the field names of a document struct, which is what a search asks Elasticsearch to return."""
    return [field.encode_name for field in msgspec.structs.fields(struct)]
