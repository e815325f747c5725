"""What both versions of the protocol speak of: the one type there is, its properties, and people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marquee.catalog.documents import Actor
from marquee.errors import RequestError
from marquee.search.reconciliation import NAMES, Candidate, Claim, PropertyId, describe

# In a struct whose fields are called `int` and `str`.
Integer: TypeAlias = int
Text: TypeAlias = str


class Reference(msgspec.Struct, frozen=True):
    """A type or a property."""

    id: str
    """What it is asked for by."""
    name: str
    """For people."""


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A type or a property, as it is suggested."""

    id: str
    """What it is asked for by."""
    name: str
    """For people."""
    description: str
    """What it means."""


class TermSuggestions(msgspec.Struct, frozen=True):
    """Types or properties whose name or id begins as was typed."""

    result: list[Term]
    """All that fit."""


class EntitySuggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A person whose name begins as was typed, or whose id was."""

    id: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    description: str
    """What tells them from others of the name; empty where nothing is known."""
    notable: list[Reference]
    """The type."""


class EntitySuggestions(msgspec.Struct, frozen=True):
    """People whose names may become what is being typed."""

    result: list[EntitySuggestion]
    """Best first."""


class PropertyProposals(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told of people."""

    type: str | UnsetType = UNSET
    """As it was asked for."""
    limit: int | UnsetType = UNSET
    """As it was asked for."""
    properties: list[Reference]
    """What `extend` can be asked for."""


class FeatureValue(msgspec.Struct, frozen=True):
    """Something to judge a candidate by."""

    id: str
    """`name_similarity`, `edits`, `popularity`, or a property that was asked with and is known."""
    name: str
    """For people."""
    value: bool | float
    """Of a property: whether it is as asked for."""


class ReconciliationCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a query may mean."""

    id: str
    """IMDb's id of the person."""
    name: str
    """The primary name."""
    description: str
    """What tells them from others of the name; empty where nothing is known."""
    type: list[Reference]
    """The type."""
    score: Annotated[float, Meta(ge=0, le=100)]
    """0 to 100: how likely the name is meant, less what speaks against this bearer of it."""
    match: bool
    """Whether it is sure enough that nobody need look; of the first alone."""
    features: list[FeatureValue]
    """What to judge by otherwise."""


class ExtensionValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a property: a number or a text."""

    int: Integer | UnsetType = UNSET
    """Of a year."""
    str: Text | UnsetType = UNSET
    """Of anything else."""


PERSON = Reference("person", "Person")
"""The type of everybody here."""
TYPES = [
    Term(id=PERSON.id, name=PERSON.name, description="Somebody who acts, or is named in the credits."),
]
_DESCRIPTIONS: dict[PropertyId, str] = {
    "birth_year": "The year somebody was born in; of a date, the year counts.",
    "death_year": "The year somebody died in; of a date, the year counts.",
    "profession": "What somebody does, as IMDb names it: actor, director, writer.",
    "known_for": "A title somebody is known for: its name, or its id at IMDb.",
}
PROPERTIES = [
    Term(id=each, name=NAMES[each], description=description) for each, description in _DESCRIPTIONS.items()
]

MAX_VALUES = 10
"""Of one property of a row."""
MAX_VALUE_LETTERS = 200
"""Of a value; the rest of it is not looked at."""
SETTING_LIMIT = "limit"
"""The one setting of a property that is to be told: values at most, 0 for all."""


def suggest_terms(terms: Iterable[Term], prefix: str) -> list[Term]:
    """Return the terms that have a word which begins so, or the id; all where nothing was typed."""
    typed = prefix.strip().casefold()
    return [
        each
        for each in terms
        if each.id.startswith(typed)
        or each.name.casefold().startswith(typed)
        or any(word.startswith(typed) for word in each.name.casefold().split())
    ]


def propose(kind: str | None, limit: int | None) -> PropertyProposals:
    """Return what can be told of people of a type; none named: of all. Nothing else has properties here."""
    properties = [Reference(each.id, each.name) for each in PROPERTIES]
    if kind not in (None, "", PERSON.id):
        properties = []
    return PropertyProposals(
        type=UNSET if kind is None else kind,
        limit=UNSET if limit is None else limit,
        properties=properties if limit is None else properties[:limit],
    )


def check_property(where: str, name: str) -> PropertyId:
    """Return a property's id; raises RequestError, which says where it was named, if there is none of it."""
    for each in NAMES:
        if name == each:
            return each
    raise RequestError({where: f"{name!r} is no property here; these are: {', '.join(NAMES)}"})


def read_claim(where: str, name: str, values: tuple[str, ...], **more: Any) -> Claim:
    """Return what a row says of a property.

    Raises:
        RequestError: there is no such property, or there are too many values; `where` says where it is named.
    """
    if len(values) > MAX_VALUES:
        raise RequestError({where: f"has {len(values)} values: more than {MAX_VALUES}"})
    short = tuple(each[:MAX_VALUE_LETTERS] for each in values)
    return Claim(property=check_property(where, name), values=short, **more)


def describe_person(actor: Actor) -> EntitySuggestion:
    """Return a person as they are suggested."""
    return EntitySuggestion(id=actor.nconst, name=actor.name, description=describe(actor), notable=[PERSON])


def show(candidates: Iterable[Candidate]) -> list[ReconciliationCandidate]:
    """Return candidates as they are sent."""
    return [
        ReconciliationCandidate(
            id=each.actor.nconst,
            name=each.actor.name,
            description=describe(each.actor),
            type=[PERSON],
            score=round(each.score * 100, 2),
            match=each.is_match,
            features=[FeatureValue(*feature) for feature in each.features],
        )
        for each in candidates
    ]


def tell(actor: Actor | None, name: PropertyId, limit: int) -> list[ExtensionValue]:
    """Return the values of a person's property, `limit` at most (0: all); none where nobody has the id."""
    if actor is None:
        return []
    values: Sequence[ExtensionValue]
    match name:
        case "birth_year" | "death_year":
            year = actor.birth_year if name == "birth_year" else actor.death_year
            values = [] if year is None else [ExtensionValue(int=year)]
        case "profession":
            values = [ExtensionValue(str=each) for each in actor.professions]
        case "known_for":
            values = [ExtensionValue(str=each.title) for each in actor.known_for]
    return list(values[:limit] if limit else values)


def name_all(columns: Iterable[tuple[PropertyId, int]]) -> list[Reference]:
    """Return the properties of a data extension, each with its name."""
    return [Reference(name, NAMES[name]) for name, _ in columns]
