"""`/reconcile/v1`: version 1.0 of the protocol, a draft. An unknown parameter is refused, as elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency

from marquee.api.access import ADMITS_ITSELF, Access
from marquee.api.answers import Answers
from marquee.api.operation import json_body, operation_for, operation_taking, query_pairs
from marquee.api.reconciliation import asking, terms
from marquee.api.reconciliation.manifest import DraftManifest, build_draft
from marquee.api.reconciliation.v02_messages import PreviewRequest, read_values
from marquee.api.reconciliation.v1_messages import (
    DraftBatch,
    DraftCell,
    DraftExtension,
    DraftExtensionAnswer,
    DraftProposalRequest,
    DraftQuery,
    DraftResult,
    DraftResults,
    DraftRow,
    DraftSuggestionRequest,
)
from marquee.api.reply import Reply
from marquee.api.responses import BODY_PROBLEMS, NOT_FOUND, PROBLEMS, data_of
from marquee.catalog.documents import Actor
from marquee.errors import RequestError
from marquee.search.parsing import read_body, read_pairs
from marquee.search.reconciliation import Candidate, Claim, EntityQuery, is_id
from marquee.search.request import IdRequest, parse
from marquee.settings import Settings

AnyRequest = Request[Any, Any, Any]


@get(
    "/reconcile/v1",
    opt={ADMITS_ITSELF: True},
    operation_id="reconcileDraftService",
    summary="What the service is (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(DraftManifest) | PROBLEMS,
)
async def serve(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    access: NamedDependency[Access],
    settings: NamedDependency[Settings],
) -> Reply:
    """Describe the service, which takes no token anywhere."""
    await access.check_visitor(request.scope)
    parse(IdRequest, query_pairs(request.scope))
    base = str(request.base_url).rstrip("/")
    return asking.tell(build_draft(base, await answers.find_source(), is_public=settings.public))


@post(
    "/reconcile/v1/match",
    status_code=200,
    operation_class=operation_taking(DraftBatch),
    operation_id="reconcileDraftMatch",
    summary="Find whom the rows of a table mean (1.0 draft)",
    tags=[asking.TAG],
    request_max_body_size=asking.MAX_BYTES,
    responses=data_of(DraftResults) | PROBLEMS | BODY_PROBLEMS,
)
async def match(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Answer a batch of queries, each by candidates."""
    parse(IdRequest, query_pairs(request.scope))
    body = await json_body(request)
    batch = read_body(DraftBatch, body)
    rows = [_read(f"queries[{place}]", each) for place, each in enumerate(batch.queries)]

    def encode(candidates: list[list[Candidate]]) -> bytes:
        return msgspec.json.encode(DraftResults([DraftResult(terms.show(each)) for each in candidates]))

    return await asking.match(request, answers, rows, encode, version="1.0", body=body)


@post(
    "/reconcile/v1/extend",
    status_code=200,
    operation_class=operation_taking(DraftExtension),
    operation_id="reconcileDraftExtend",
    summary="More about people (1.0 draft)",
    tags=[asking.TAG],
    request_max_body_size=asking.MAX_BYTES,
    responses=data_of(DraftExtensionAnswer) | PROBLEMS | BODY_PROBLEMS,
)
async def extend(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Answer with the values of properties of people."""
    parse(IdRequest, query_pairs(request.scope))
    body = await json_body(request)
    wanted = read_body(DraftExtension, body)
    columns = [
        (
            terms.check_property(f"properties[{place}].id", each.id),
            asking.read_limit(f"properties[{place}]", each.settings or {}),
        )
        for place, each in enumerate(wanted.properties)
    ]

    def encode(people: dict[str, Actor]) -> bytes:
        rows = [
            DraftRow(
                one, [DraftCell(name, terms.tell(people.get(one), name, limit)) for name, limit in columns]
            )
            for one in wanted.ids
        ]
        return msgspec.json.encode(DraftExtensionAnswer(terms.name_all(columns), rows))

    return await asking.extend(request, answers, wanted.ids, encode, asked=("1.0", wanted), body=body)


@get(
    "/reconcile/v1/suggest/entity",
    operation_class=operation_for(DraftSuggestionRequest),
    operation_id="reconcileDraftSuggestEntity",
    summary="Complete a person's name (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(terms.EntitySuggestions) | PROBLEMS,
)
async def suggest_entity(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return the people whose names may become what is being typed; of an id, its person."""
    asked = read_pairs(DraftSuggestionRequest, query_pairs(request.scope))
    return await asking.suggest_entities(request, answers, asked.prefix, skip=asked.offset, limit=asked.limit)


@get(
    "/reconcile/v1/suggest/property",
    operation_class=operation_for(DraftSuggestionRequest),
    operation_id="reconcileDraftSuggestProperty",
    summary="Complete a property's name (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(terms.TermSuggestions) | PROBLEMS,
)
async def suggest_property(request: AnyRequest) -> Reply:
    """Return the properties that begin so; all where nothing was typed."""
    return _suggest(request, terms.PROPERTIES)


@get(
    "/reconcile/v1/suggest/type",
    operation_class=operation_for(DraftSuggestionRequest),
    operation_id="reconcileDraftSuggestType",
    summary="Complete a type's name (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(terms.TermSuggestions) | PROBLEMS,
)
async def suggest_type(request: AnyRequest) -> Reply:
    """Return the types that begin so, of which there is one; all where nothing was typed."""
    return _suggest(request, terms.TYPES)


@get(
    "/reconcile/v1/extend/propose",
    operation_class=operation_for(DraftProposalRequest),
    operation_id="reconcileDraftPropose",
    summary="What can be told of people (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(terms.PropertyProposals) | PROBLEMS,
)
async def propose(request: AnyRequest) -> Reply:
    """Return the properties that a data extension may ask for."""
    asked = read_pairs(DraftProposalRequest, query_pairs(request.scope))
    return asking.tell(terms.propose(asked.type, asked.limit))


@get(
    "/reconcile/v1/preview",
    operation_class=operation_for(PreviewRequest),
    operation_id="reconcileDraftPreview",
    summary="A person in short, to be shown in a frame (1.0 draft)",
    tags=[asking.TAG],
    responses=data_of(str, media_type="text/html") | PROBLEMS | NOT_FOUND,
)
async def preview(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return a small page about somebody, which other people's pages may frame."""
    return await asking.preview(request, answers, read_pairs(PreviewRequest, query_pairs(request.scope)).id)


def _read(where: str, query: DraftQuery) -> EntityQuery:
    """Return the row that a query describes; raises RequestError."""
    wanted: dict[str, list[str]] = {"name": [], "id": []}
    claims: list[Claim] = []
    for place, each in enumerate(query.conditions):
        part = f"{where}.conditions[{place}]"
        if each.matchQualifier is not None:
            raise RequestError({f"{part}.matchQualifier": "is not offered for any property"})
        values = read_values(each.propertyValue)
        if each.matchType == "property":
            if each.propertyId is None:
                raise RequestError({f"{part}.propertyId": "is missing"})
            claims.append(
                terms.read_claim(
                    f"{part}.propertyId",
                    each.propertyId,
                    values,
                    quantifier=each.matchQuantifier,
                    required=each.required,
                )
            )
        elif each.matchQuantifier != "any":
            raise RequestError({f"{part}.matchQuantifier": "can only be `any` for names and ids"})
        else:
            wanted[each.matchType] += values
    if query.type not in (None, terms.PERSON.id):
        wanted = {"name": [], "id": []}
    texts = [each.strip() for each in wanted["name"]]
    ids = [each.strip() for each in wanted["id"]]
    return EntityQuery(
        names=asking.pick_names([each for each in texts if not is_id(each)]),
        ids=tuple(each for each in (*ids, *texts) if is_id(each)),
        claims=tuple(claims),
        limit=min(query.limit, asking.MAX_CANDIDATES),
    )


def _suggest(request: AnyRequest, known: list[terms.Term]) -> Reply:
    asked = read_pairs(DraftSuggestionRequest, query_pairs(request.scope))
    found = terms.suggest_terms(known, asked.prefix)[asked.offset :][: asked.limit]
    return asking.tell(terms.TermSuggestions(found))
