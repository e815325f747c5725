"""What is sent and answered in version 1.0 of the protocol, a draft."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from marquee.api.reconciliation import asking, terms
from marquee.api.reconciliation.v02_messages import Value
from marquee.search.reconciliation import Quantifier


class DraftSuggestionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Complete what is being typed."""

    prefix: Annotated[str, Meta(description="What was typed: the beginning of a name or of an id.")]
    limit: Annotated[int, Meta(ge=1, description=f"How many at most; never over {asking.MAX_SUGGESTED}.")] = (
        asking.DEFAULT_SUGGESTED
    )
    offset: Annotated[int, Meta(ge=0, description="How many to skip.")] = 0


class DraftProposalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """List what can be told of the entities of a type."""

    type: Annotated[str, Meta(description="The type's id: `person`.")]
    limit: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="How many at most.")] = None


class DraftCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the row says of whom it means."""

    matchType: Literal["name", "id", "property"]  # noqa: N815 (theirs)
    """What the value is compared with."""
    propertyId: str | None = None  # noqa: N815
    """Of a property: which."""
    propertyValue: Value | list[Value]  # noqa: N815
    """The value, or several."""
    required: bool = False
    """Whether who does not have it is no candidate."""
    matchQuantifier: Quantifier = "any"  # noqa: N815
    """How many of several values are to be true; of names and ids `any` alone can be asked for."""
    matchQualifier: str | None = None  # noqa: N815
    """How values are compared: there is one way here, which has no name."""
    lang: str | None = None
    """The language of the value; names are compared in all languages alike."""
    dir: Literal["ltr", "rtl", "auto"] | None = None
    """The direction of the value; it makes no difference."""


class DraftQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of somebody's table."""

    conditions: Annotated[list[DraftCondition], Meta(min_length=1, max_length=asking.MAX_PROPERTIES)]
    """What it says."""
    type: str | None = None
    """The type of whom it means; there is nobody here of another than `person`."""
    limit: Annotated[int, Meta(ge=1, description="Candidates at most; never over 50.")] = (
        asking.DEFAULT_CANDIDATES
    )
    lang: str | None = None
    """The language of the row; names are compared in all languages alike."""
    dir: Literal["ltr", "rtl", "auto"] | None = None
    """The direction of the row; it makes no difference."""


class DraftBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of somebody's table."""

    queries: list[DraftQuery]
    """Fifty at most."""


class DraftExtendProperty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property that is to be told."""

    id: str
    """Which."""
    settings: dict[str, str | int | float | bool | None] | None = None
    """`limit`: values at most, 0 for all."""


class DraftExtension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be told of whom."""

    ids: list[str]
    """People, a hundred at most."""
    properties: Annotated[list[DraftExtendProperty], Meta(max_length=asking.MAX_PROPERTIES)]
    """What is to be told."""


class DraftResult(msgspec.Struct, frozen=True):
    """Whom a query may mean."""

    candidates: list[terms.ReconciliationCandidate]
    """Best first."""


class DraftResults(msgspec.Struct, frozen=True):
    """Whom the queries may mean."""

    results: list[DraftResult]
    """In the order of the queries."""


class DraftCell(msgspec.Struct, frozen=True):
    """A property of a person."""

    id: str
    """The property's."""
    values: list[terms.ExtensionValue]
    """None where they are not known."""


class DraftRow(msgspec.Struct, frozen=True):
    """What was asked of a person."""

    id: str
    """The person's, as it was asked for."""
    properties: list[DraftCell]
    """In the order in which they were asked for."""


class DraftExtensionAnswer(msgspec.Struct, frozen=True):
    """What was asked of people."""

    meta: list[terms.Reference]
    """The properties, as they were asked for."""
    rows: list[DraftRow]
    """In the order of the ids."""
