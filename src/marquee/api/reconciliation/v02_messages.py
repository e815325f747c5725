"""What is sent and answered in version 0.2 of the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marquee.api.reconciliation import asking, terms
from marquee.search.reconciliation import PropertyId

Callback = Annotated[
    str,
    Meta(
        max_length=asking.MAX_CALLBACK, description="A function of your page: the answer is a script (JSONP)."
    ),
]
Batch = Annotated[
    str | None,
    Meta(
        description=f"A batch of {asking.MAX_QUERIES} queries at most, as JSON: an object of `query`, "
        "`properties`, `limit`, `type` and `type_strict` by a name of yours.",
        extra_json_schema={"contentMediaType": "application/json"},
    ),
]
Extension = Annotated[
    str | None,
    Meta(
        description=f"What is to be told of {asking.MAX_EXTENDED} people at most, as JSON: `ids` and "
        "`properties`.",
        extra_json_schema={"contentMediaType": "application/json"},
    ),
]


class ServiceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The service itself where nothing is asked; else either of both."""

    queries: Batch = None
    extend: Extension = None
    callback: Callback = ""


class ServiceForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted: one of the two."""

    queries: Batch = None
    extend: Extension = None


class SuggestionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Complete what is being typed."""

    prefix: Annotated[str, Meta(description="What was typed: the beginning of a name or of an id.")]
    cursor: Annotated[int, Meta(ge=0, description="How many to skip.")] = 0
    limit: Annotated[int, Meta(ge=1, description=f"How many at most; never over {asking.MAX_SUGGESTED}.")] = (
        asking.DEFAULT_SUGGESTED
    )
    callback: Callback = ""


class ProposalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """List what can be told of the entities of a type."""

    type: Annotated[str | None, Meta(description="The type's id: `person`.")] = None
    limit: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="How many at most.")] = None
    callback: Callback = ""


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A person in short."""

    id: Annotated[str, Meta(description="IMDb's id of the person.", pattern="^nm[0-9]{7,10}$")]


class EntityValue(msgspec.Struct, frozen=True):
    """A value that was itself reconciled."""

    id: str
    """The id it was given."""
    name: str | UnsetType = UNSET
    """Its name, which is what counts here."""


Value = str | bool | int | float | EntityValue


class PropertyValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the row says."""

    pid: str
    v: Value | list[Value]


class ReconciliationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of somebody's table."""

    query: str | None = None
    type: str | list[str] | None = None
    limit: Annotated[int, Meta(ge=1)] = asking.DEFAULT_CANDIDATES
    properties: Annotated[list[PropertyValue], Meta(max_length=asking.MAX_PROPERTIES)] = []
    type_strict: Literal["should", "any", "all"] | None = None


class ExtendProperty(msgspec.Struct, frozen=True):
    """A property that is to be told."""

    id: str
    settings: dict[str, str | int | float | bool | None] | None = None


class ExtensionQuery(msgspec.Struct, frozen=True):
    """What is to be told of whom."""

    ids: list[str]
    properties: Annotated[list[ExtendProperty], Meta(max_length=asking.MAX_PROPERTIES)]


class ReconciliationResult(msgspec.Struct, frozen=True):
    """Whom a query may mean."""

    result: list[terms.ReconciliationCandidate]
    """Best first."""


class ExtensionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of people."""

    meta: list[terms.Reference]
    """The properties, as they were asked for."""
    rows: dict[str, dict[PropertyId, list[terms.ExtensionValue]]]
    """The values, by a person's id and a property's; none where they are not known."""


def read_values(given: Value | list[Value]) -> tuple[str, ...]:
    """Return values as texts, as people write them: a cell with 1980 may be sent as 1980.0."""
    return tuple(map(_read_value, given if isinstance(given, list) else [given]))


def _read_value(value: Value) -> str:
    if isinstance(value, EntityValue):
        return value.name or value.id
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
