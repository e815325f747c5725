"""`/v1/admin/generations` and `/v1/admin/pin`: what there is, what is live, what is held."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import Parameter

from marquee.api.auth import Token
from marquee.api.operation import (
    SLUG,
    check_slug,
    json_body,
    operation_taking,
    query_pairs,
    read_bytes,
)
from marquee.api.responses import ADMIN_PROBLEMS, BODY_PROBLEMS, NOT_FOUND, NOTHING, conflict, data_of
from marquee.engine import generations
from marquee.engine.generations import Generation
from marquee.engine.records import Records
from marquee.errors import NotFoundError
from marquee.reindex import activation, pin
from marquee.reindex.activation import Activation
from marquee.reindex.answer import GenerationAnswer, GenerationsAnswer, GenerationSummary
from marquee.reindex.order import ActivateOrder, PinOrder
from marquee.reindex.pin import Pin
from marquee.search.parsing import read_body
from marquee.search.request import IdRequest, parse

AdminRequest = Request[Any, Token, Any]
GenerationId = Annotated[
    str,
    Parameter(description="The generation's id, `v1-20261122t030512` say.", schema_extra={"pattern": SLUG}),
]


@get(
    "/generations",
    operation_id="listGenerations",
    summary="All generations",
    responses=data_of(GenerationsAnswer) | ADMIN_PROBLEMS,
)
async def list_generations(request: AdminRequest, records: NamedDependency[Records]) -> Response[Any]:
    """Return all generations, newest first."""
    parse(IdRequest, query_pairs(request.scope))
    every = await generations.list_generations(records.cluster, records.prefix)
    held = await pin.read_pin(records)
    return Response(GenerationsAnswer(generations=[_summarise(each, held) for each in every]))


@get(
    "/generations/{generation:str}",
    operation_id="getGeneration",
    summary="A generation, with its quality and gate reports",
    responses=data_of(GenerationAnswer) | ADMIN_PROBLEMS | NOT_FOUND,
)
async def get_generation(
    request: AdminRequest, records: NamedDependency[Records], generation: GenerationId
) -> Response[Any]:
    """Return a generation, what its build found in the source, and what the gate said."""
    parse(IdRequest, query_pairs(request.scope))
    wanted = check_slug("generation", generation)
    found = generations.pick(await generations.list_generations(records.cluster, records.prefix), wanted)
    meta = found.meta
    answer = GenerationAnswer(
        **msgspec.structs.asdict(_summarise(found, await pin.read_pin(records))),
        reason=meta.reason if meta else "",
        marquee_version=meta.marquee_version if meta else None,
        attribution=meta.attribution if meta else "",
        options=meta.options if meta else {},
        fill=meta.fill if meta else {},
        quality=(meta.quality or None) if meta else None,
        gate=(meta.gate or None) if meta else None,
    )
    return Response(answer)


@post(
    "/generations/{generation:str}/activate",
    status_code=200,
    operation_class=operation_taking(ActivateOrder, required=False),
    operation_id="activateGeneration",
    summary="Make a generation live",
    responses=data_of(Activation)
    | ADMIN_PROBLEMS
    | BODY_PROBLEMS
    | NOT_FOUND
    | conflict(
        "It is live already, incomplete, unreadable, or was refused by the gate and `force` is not set."
    ),
)
async def activate_generation(
    request: AdminRequest, records: NamedDependency[Records], generation: GenerationId
) -> Response[Any]:
    """Make a generation live, in seconds and whatever workers do; the body may be left out."""
    parse(IdRequest, query_pairs(request.scope))
    has_body = bool(await read_bytes(request))
    order = read_body(ActivateOrder, await json_body(request)) if has_body else ActivateOrder()
    wanted = check_slug("generation", generation)
    by = request.auth.name
    return Response(await activation.activate(records, wanted, by, order.reason, force=order.force))


@get(
    "/pin",
    operation_id="getPin",
    summary="What is pinned",
    responses=data_of(Pin) | ADMIN_PROBLEMS | NOT_FOUND,
)
async def get_pin(request: AdminRequest, records: NamedDependency[Records]) -> Response[Any]:
    """Return the pin; 404 where nothing is pinned."""
    parse(IdRequest, query_pairs(request.scope))
    held = await pin.read_pin(records)
    if held is None:
        raise NotFoundError("no generation is pinned")
    return Response(held)


@put(
    "/pin",
    operation_class=operation_taking(PinOrder),
    operation_id="pin",
    summary="Hold a generation",
    responses=data_of(Pin)
    | ADMIN_PROBLEMS
    | BODY_PROBLEMS
    | NOT_FOUND
    | conflict("The generation is not complete."),
)
async def put_pin(request: AdminRequest, records: NamedDependency[Records]) -> Response[Any]:
    """Hold a generation: until the pin is taken off, no reindex makes another one live, and it is kept."""
    parse(IdRequest, query_pairs(request.scope))
    order = read_body(PinOrder, await json_body(request))
    wanted = check_slug("generation", order.generation)
    return Response(await pin.pin(records, wanted, request.auth.name, order.reason))


@delete(
    "/pin",
    operation_id="unpin",
    summary="Take the pin off",
    responses=NOTHING | ADMIN_PROBLEMS | NOT_FOUND,
)
async def delete_pin(request: AdminRequest, records: NamedDependency[Records]) -> None:
    """Let reindexes make their generations live again; 404 where nothing is pinned."""
    parse(IdRequest, query_pairs(request.scope))
    await pin.unpin(records, request.auth.name)


def _summarise(generation: Generation, held: Pin | None) -> GenerationSummary:
    meta = generation.meta
    return GenerationSummary(
        id=generation.id,
        live=generation.live,
        complete=generation.complete,
        readable=generation.readable,
        pinned=held is not None and held.generation == generation.id,
        set_aside=generation.set_aside,
        mapping_version=generation.mapping_version,
        built_at=generation.built_at,
        swapped_at=meta.swapped_at if meta else None,
        counts=meta.shown_counts if meta else {},
        source=meta.source if meta else None,
        gate_passed=meta.gate.get("passed") if meta else None,
    )
