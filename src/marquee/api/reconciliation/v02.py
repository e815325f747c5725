"""`/reconcile`: version 0.2 of the protocol, which OpenRefine speaks.

What a client sends beyond the specification (OpenRefine's `spell`, `prefixed`; jQuery's `_`) is passed over.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from marquee.api.access import ADMITS_ITSELF, Access
from marquee.api.answers import Answers
from marquee.api.operation import MAX_PARAMETERS, operation_for, operation_taking, query_pairs, read_bytes
from marquee.api.reconciliation import asking, terms
from marquee.api.reconciliation.manifest import MAX_QUERIES, Manifest, build_manifest
from marquee.api.reconciliation.v02_messages import (
    ExtensionAnswer,
    ExtensionQuery,
    PreviewRequest,
    ProposalRequest,
    ReconciliationQuery,
    ReconciliationResult,
    ServiceForm,
    ServiceRequest,
    SuggestionRequest,
    read_values,
)
from marquee.api.reply import Reply
from marquee.api.responses import BODY_PROBLEMS, NOT_FOUND, PROBLEMS, data_of, problems_of
from marquee.catalog.documents import Actor
from marquee.errors import RequestError
from marquee.search.parsing import read_pairs
from marquee.search.reconciliation import Candidate, EntityQuery, is_id
from marquee.settings import Settings

AnyRequest = Request[Any, Any, Any]

FORM = "application/x-www-form-urlencoded"


@get(
    "/reconcile",
    operation_class=operation_for(ServiceRequest),
    opt={ADMITS_ITSELF: True},
    operation_id="reconcileService",
    summary="What the service is (0.2), or a batch of queries in the address",
    tags=[asking.TAG],
    responses=data_of(Manifest | dict[str, ReconciliationResult] | ExtensionAnswer)
    | PROBLEMS
    | problems_of(413, "The batch is too large."),
)
async def serve(
    request: AnyRequest,
    answers: NamedDependency[Answers],
    access: NamedDependency[Access],
    settings: NamedDependency[Settings],
) -> Reply:
    """Describe the service, which takes no token; where `queries` or `extend` is given, answer that."""
    pairs = query_pairs(request.scope)
    if any(name in ("queries", "extend") for name, _ in pairs):
        await access.check_reader(request.scope)
        return await _answer(request, answers, _pick(ServiceRequest, pairs))
    await access.check_visitor(request.scope)
    asked = _pick(ServiceRequest, pairs)
    callback = asking.check_callback(asked.callback)
    base = str(request.base_url).rstrip("/")
    manifest = build_manifest(base, await answers.find_source(), is_public=settings.public)
    return asking.tell(manifest, callback)


@post(
    "/reconcile",
    status_code=200,
    operation_class=operation_taking(ServiceForm, media_type=FORM),
    operation_id="reconcile",
    summary="Find whom the rows of a table mean, or more about people (0.2)",
    tags=[asking.TAG],
    request_max_body_size=asking.MAX_BYTES,
    responses=data_of(dict[str, ReconciliationResult] | ExtensionAnswer) | PROBLEMS | BODY_PROBLEMS,
)
async def reconcile(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Answer a batch of queries, or a data extension: the one that the form holds."""
    if request.content_type[0] != FORM:
        raise HTTPException(status_code=415, detail=f"the body must be {FORM}")
    body = await read_bytes(request)
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except UnicodeDecodeError as error:
        raise RequestError({"body": "is not UTF-8, percent-encoded"}) from error
    except ValueError as error:
        raise RequestError({"body": f"holds more than {MAX_PARAMETERS} fields"}) from error
    return await _answer(request, answers, _pick(ServiceRequest, pairs), body)


@get(
    "/reconcile/suggest/entity",
    operation_class=operation_for(SuggestionRequest),
    operation_id="reconcileSuggestEntity",
    summary="Complete a person's name (0.2)",
    tags=[asking.TAG],
    responses=data_of(terms.EntitySuggestions) | PROBLEMS,
)
async def suggest_entity(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return the people whose names may become what is being typed; of an id, its person."""
    asked = _pick(SuggestionRequest, query_pairs(request.scope))
    callback = asking.check_callback(asked.callback)
    return await asking.suggest_entities(
        request, answers, asked.prefix, skip=asked.cursor, limit=asked.limit, callback=callback
    )


@get(
    "/reconcile/suggest/property",
    operation_class=operation_for(SuggestionRequest),
    operation_id="reconcileSuggestProperty",
    summary="Complete a property's name (0.2)",
    tags=[asking.TAG],
    responses=data_of(terms.TermSuggestions) | PROBLEMS,
)
async def suggest_property(request: AnyRequest) -> Reply:
    """Return the properties that begin so; all where nothing was typed."""
    return _suggest(request, terms.PROPERTIES)


@get(
    "/reconcile/suggest/type",
    operation_class=operation_for(SuggestionRequest),
    operation_id="reconcileSuggestType",
    summary="Complete a type's name (0.2)",
    tags=[asking.TAG],
    responses=data_of(terms.TermSuggestions) | PROBLEMS,
)
async def suggest_type(request: AnyRequest) -> Reply:
    """Return the types that begin so, of which there is one; all where nothing was typed."""
    return _suggest(request, terms.TYPES)


@get(
    "/reconcile/extend/propose",
    operation_class=operation_for(ProposalRequest),
    operation_id="reconcilePropose",
    summary="What can be told of people (0.2)",
    tags=[asking.TAG],
    responses=data_of(terms.PropertyProposals) | PROBLEMS,
)
async def propose(request: AnyRequest) -> Reply:
    """Return the properties that a data extension may ask for."""
    asked = _pick(ProposalRequest, query_pairs(request.scope))
    return asking.tell(terms.propose(asked.type, asked.limit), asking.check_callback(asked.callback))


@get(
    "/reconcile/preview",
    operation_class=operation_for(PreviewRequest),
    operation_id="reconcilePreview",
    summary="A person in short, to be shown in a frame (0.2)",
    tags=[asking.TAG],
    responses=data_of(str, media_type="text/html") | PROBLEMS | NOT_FOUND,
)
async def preview(request: AnyRequest, answers: NamedDependency[Answers]) -> Reply:
    """Return a small page about somebody, which other people's pages may frame."""
    asked = _pick(PreviewRequest, query_pairs(request.scope))
    return await asking.preview(request, answers, asked.id)


async def _answer(request: AnyRequest, answers: Answers, asked: ServiceRequest, body: bytes = b"") -> Reply:
    callback = asking.check_callback(asked.callback)
    if (asked.queries is None) == (asked.extend is None):
        raise RequestError({"queries": "is asked for, or `extend`: one of the two"})
    if asked.queries is not None:
        return await _match(request, answers, asked.queries, body, callback)
    return await _extend(request, answers, asked.extend or "", body, callback)


async def _match(request: AnyRequest, answers: Answers, batch: str, body: bytes, callback: str) -> Reply:
    queries = asking.decode(dict[str, msgspec.Raw], batch, "queries")
    asking.check_size("queries", len(queries), MAX_QUERIES)
    rows: list[EntityQuery] = []
    for name, text in queries.items():  # one by one, so that an error can name the query
        where = f"queries.{name}"
        rows.append(_read(where, asking.decode(ReconciliationQuery, text, where)))

    def encode(candidates: list[list[Candidate]]) -> bytes:
        results = (ReconciliationResult(terms.show(each)) for each in candidates)
        return msgspec.json.encode(dict(zip(queries, results, strict=True)))

    # The names of the queries are a part of the answer.
    version = msgspec.json.encode(["0.2", *queries]).decode()
    return await asking.match(request, answers, rows, encode, version=version, body=body, callback=callback)


async def _extend(request: AnyRequest, answers: Answers, query: str, body: bytes, callback: str) -> Reply:
    wanted = asking.decode(ExtensionQuery, query, "extend")
    columns = [
        (
            terms.check_property(f"extend.properties[{place}].id", each.id),
            asking.read_limit(f"extend.properties[{place}]", each.settings or {}),
        )
        for place, each in enumerate(wanted.properties)
    ]

    def encode(people: dict[str, Actor]) -> bytes:
        rows = {
            one: {name: terms.tell(people.get(one), name, limit) for name, limit in columns}
            for one in wanted.ids
        }
        return msgspec.json.encode(ExtensionAnswer(meta=terms.name_all(columns), rows=rows))

    return await asking.extend(
        request, answers, wanted.ids, encode, asked=("0.2", wanted), body=body, callback=callback
    )


def _read(where: str, query: ReconciliationQuery) -> EntityQuery:
    """Return the row that a query describes; raises RequestError."""
    if query.query is None and not query.properties:
        raise RequestError({where: "has neither `query` nor `properties`"})
    if query.query == "":
        raise RequestError({f"{where}.query": "is empty"})
    text = (query.query or "").strip()
    claims = [
        terms.read_claim(f"{where}.properties[{place}].pid", each.pid, read_values(each.v))
        for place, each in enumerate(query.properties)
    ]
    kinds = [query.type] if isinstance(query.type, str) else query.type or []
    is_ours = not kinds or query.type_strict == "should" or terms.PERSON.id in kinds
    if query.type_strict == "all" and any(each != terms.PERSON.id for each in kinds):
        is_ours = False
    wanted = [text] if is_ours else []
    return EntityQuery(
        names=asking.pick_names([each for each in wanted if not is_id(each)]),
        ids=tuple(each for each in wanted if is_id(each)),
        claims=tuple(claims),
        limit=min(query.limit, asking.MAX_CANDIDATES),
    )


def _suggest(request: AnyRequest, known: list[terms.Term]) -> Reply:
    asked = _pick(SuggestionRequest, query_pairs(request.scope))
    callback = asking.check_callback(asked.callback)
    found = terms.suggest_terms(known, asked.prefix)[asked.cursor :][: asked.limit]
    return asking.tell(terms.TermSuggestions(found), callback)


def _pick(kind: Any, pairs: list[tuple[str, str]]) -> Any:
    """Return the parameters that the protocol knows; others are its clients' own."""
    known = set(kind.__struct_fields__)
    return read_pairs(kind, [(name, value) for name, value in pairs if name in known])
