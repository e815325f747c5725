"""What a client is told first of the service: where the rest of it is, and what it can do. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marquee import __version__
from marquee.api.reconciliation.page import HEIGHT_PX, WIDTH_PX
from marquee.api.reconciliation.terms import PERSON, SETTING_LIMIT, Reference

NAME = "Marquee"
IMDB_PAGES = "https://www.imdb.com/name/"
SCHEMA_SPACE = "https://schema.org/Person"
MAX_QUERIES = 50
"""In a batch, after each of which OpenRefine shows how far it is: 50 misspelt names took .8 to 1.7 s on two
busy cores."""


class UrlTemplate(msgspec.Struct, frozen=True):
    """The address of something that has an id."""

    url: str
    """With a place for the id."""


class SecurityScheme(msgspec.Struct, frozen=True, kw_only=True):
    """What a query must carry, in the terms of OpenAPI 2.0, which knows no bearer tokens by name."""

    type: Literal["apiKey"] = "apiKey"
    """Something fixed is sent."""
    name: str = "Authorization"
    """As this header."""
    location: Annotated[Literal["header"], Meta(description="Where it is sent.")] = msgspec.field(
        default="header", name="in"
    )
    description: str = "`Bearer` and a token of the role `read`"
    """What the header holds."""


class SuggestService(msgspec.Struct, frozen=True):
    """Where something is completed while it is typed."""

    service_url: str
    """The first part of the address."""
    service_path: str
    """The rest of it."""


class SuggestServices(msgspec.Struct, frozen=True):
    """Where people, properties and types are completed."""

    entity: SuggestService
    """People."""
    property: SuggestService
    """Properties."""
    type: SuggestService
    """Types."""


class PreviewService(msgspec.Struct, frozen=True):
    """A small page about a person, to be shown in a frame."""

    url: str
    """Its address, with a place for the id."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


class PropertySetting(msgspec.Struct, frozen=True, kw_only=True):
    """How a property is to be told."""

    name: str
    """What the setting is called in a query."""
    label: str
    """For people."""
    type: Literal["number"]
    """What it takes."""
    default: int
    """Where nothing is set."""
    help_text: str
    """What it does."""


class ExtendService(msgspec.Struct, frozen=True):
    """That more can be told of people who were found."""

    propose_properties: SuggestService
    """Where the properties are."""
    property_settings: list[PropertySetting]
    """How they are to be told."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The service, in the terms of version 0.2."""

    versions: list[str]
    """Of the protocol, which this address speaks."""
    name: str
    """For people."""
    identifierSpace: str  # noqa: N815 (theirs)
    """What ids belong to: IMDb's, or those of an invented or private catalogue."""
    schemaSpace: str  # noqa: N815
    """What the entities are."""
    defaultTypes: list[Reference]  # noqa: N815
    """The one type."""
    documentation: str
    """A page about the API."""
    logo: str
    """A picture."""
    serviceVersion: str  # noqa: N815
    """Of Marquee."""
    view: UrlTemplate
    """A person's page: at IMDb where the ids are IMDb's, else here."""
    preview: PreviewService
    """A person in short."""
    suggest: SuggestServices
    """Completion."""
    extend: ExtendService
    """More about people."""
    batchSize: int  # noqa: N815
    """Queries at once; more are answered 413."""
    authentication: SecurityScheme | UnsetType = UNSET
    """Where reading takes a token."""


class DraftSuggest(msgspec.Struct, frozen=True):
    """What is completed while it is typed."""

    entity: bool
    """People."""
    property: bool
    """Properties."""
    type: bool
    """Types."""


class DraftPreview(msgspec.Struct, frozen=True):
    """A small page about a person, to be shown in a frame."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""


class DraftSetting(msgspec.Struct, frozen=True, kw_only=True):
    """How a property is to be told."""

    id: str
    """What the setting is called in a query."""
    name: str
    """For people."""
    type: Literal["number"]
    """What it takes."""
    default: int
    """Where nothing is set."""
    helpText: str  # noqa: N815
    """What it does."""


class DraftExtend(msgspec.Struct, frozen=True):
    """That more can be told of people who were found."""

    proposeProperties: bool  # noqa: N815
    """Whether there is a list of the properties."""
    propertySettings: list[DraftSetting]  # noqa: N815
    """How they are to be told."""


class DraftManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The service, in the terms of version 1.0, a draft."""

    versions: list[str]
    """Of the protocol, which this address speaks."""
    name: str
    """For people."""
    lang: str
    """The language of all that is not data."""
    defaultTypes: list[Reference]  # noqa: N815
    """The one type."""
    documentation: str
    """A page about the API."""
    logo: str
    """A picture."""
    serviceVersion: str  # noqa: N815
    """Of Marquee."""
    view: UrlTemplate
    """A person's page: at IMDb where the ids are IMDb's, else here."""
    preview: DraftPreview
    """A person in short."""
    suggest: DraftSuggest
    """Completion."""
    extend: DraftExtend
    """More about people."""
    batchSize: int  # noqa: N815
    """Queries at once; more are answered 413."""
    standardizedScore: bool  # noqa: N815
    """That scores are 0 to 100."""
    authentication: SecurityScheme | UnsetType = UNSET
    """Where reading takes a token."""


_LIMIT_NAME = "Values at most"
_LIMIT_HELP = "How many values of the property are told of each person; 0: all."


def build_manifest(base: str, source: str | None, *, is_public: bool) -> Manifest:
    """Return the manifest of 0.2.

    Args:
        base: the address of the service, as who asks knows it, without a slash at its end.
        source: what kind of source is live, None where nothing is.
        is_public: whether reading takes no token.
    """
    root = f"{base}/reconcile"
    return Manifest(
        versions=["0.2"],
        identifierSpace=_page(base, source, ""),
        schemaSpace=SCHEMA_SPACE,
        view=UrlTemplate(_page(base, source, "{{id}}")),
        preview=PreviewService(f"{root}/preview?id={{{{id}}}}", WIDTH_PX, HEIGHT_PX),
        suggest=SuggestServices(
            *(SuggestService(root, f"/suggest/{each}") for each in ("entity", "property", "type"))
        ),
        extend=ExtendService(
            SuggestService(root, "/extend/propose"),
            [
                PropertySetting(
                    name=SETTING_LIMIT, label=_LIMIT_NAME, type="number", default=0, help_text=_LIMIT_HELP
                )
            ],
        ),
        **_describe(base, is_public=is_public),
    )


def build_draft(base: str, source: str | None, *, is_public: bool) -> DraftManifest:
    """Return the manifest of 1.0; the arguments are those of `build_manifest`."""
    return DraftManifest(
        versions=["1.0-draft"],
        lang="en",
        view=UrlTemplate(_page(base, source, "{id}")),
        preview=DraftPreview(WIDTH_PX, HEIGHT_PX),
        suggest=DraftSuggest(entity=True, property=True, type=True),
        extend=DraftExtend(
            proposeProperties=True,
            propertySettings=[
                DraftSetting(
                    id=SETTING_LIMIT, name=_LIMIT_NAME, type="number", default=0, helpText=_LIMIT_HELP
                )
            ],
        ),
        standardizedScore=True,
        **_describe(base, is_public=is_public),
    )


def _page(base: str, source: str | None, name: str) -> str:
    """Return the address of a person's page: the ids of the sample are IMDb's in form alone."""
    if source != "imdb":
        return f"{base}/?person={name}"
    return f"{IMDB_PAGES}{name}/" if name else IMDB_PAGES


def _describe(base: str, *, is_public: bool) -> dict[str, Any]:
    """Return what both versions say alike."""
    return {
        "name": NAME,
        "defaultTypes": [PERSON],
        "documentation": f"{base}/schema/docs",
        "logo": f"{base}/static/favicon.svg",
        "serviceVersion": __version__,
        "batchSize": MAX_QUERIES,
        "authentication": UNSET if is_public else SecurityScheme(),
    }
