"""`/v1/admin`: everything that takes a token, and here the audit log, the workers and what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency

from marquee.api import caching, generations, jobs
from marquee.api.access import Access
from marquee.api.auth import Token
from marquee.api.operation import ListRequest, operation_for, query_pairs
from marquee.api.responses import ADMIN_PROBLEMS, data_of
from marquee.engine.cluster import Cluster
from marquee.engine.records import Records
from marquee.reindex import audit, presence
from marquee.reindex.answer import AuditAnswer, Worker, WorkersAnswer
from marquee.reindex.conditions import assess
from marquee.reindex.health import ConditionsAnswer
from marquee.reindex.status import read_status
from marquee.search.parsing import read_pairs
from marquee.search.request import IdRequest, parse
from marquee.settings import Settings

AdminRequest = Request[Any, Token, Any]

MAX_BODY_BYTES = 64 << 10
"""A reason of 500 letters is a twentieth of it."""


@get(
    "/audit",
    operation_class=operation_for(ListRequest),
    operation_id="listAudit",
    summary="The audit log",
    responses=data_of(AuditAnswer) | ADMIN_PROBLEMS,
)
async def list_audit(request: AdminRequest, records: NamedDependency[Records]) -> Response[Any]:
    """Return who changed what is live, or deleted something, when and why; newest first."""
    asked = read_pairs(ListRequest, query_pairs(request.scope))
    return Response(AuditAnswer(entries=await audit.list_entries(records, asked.limit)))


@get(
    "/workers",
    operation_id="listWorkers",
    summary="The workers",
    responses=data_of(WorkersAnswer) | ADMIN_PROBLEMS,
)
async def list_workers(request: AdminRequest, records: NamedDependency[Records]) -> Response[Any]:
    """Return which workers there are, what they do, and when their schedule looks at the source next."""
    parse(IdRequest, query_pairs(request.scope))
    every = await presence.list_workers(records)
    workers = [Worker(**msgspec.structs.asdict(each), alive=each.is_alive) for each in every]
    return Response(WorkersAnswer(workers=workers))


@get(
    "/conditions",
    operation_id="listConditions",
    summary="What is well, and what is not",
    responses=data_of(ConditionsAnswer) | ADMIN_PROBLEMS,
)
async def list_conditions(
    request: AdminRequest, cluster: NamedDependency[Cluster], settings: NamedDependency[Settings]
) -> Response[Any]:
    """Return what alerts would tell now, in the same words, with what to do; also without the engine."""
    parse(IdRequest, query_pairs(request.scope))
    found = assess(await read_status(cluster, settings.index_prefix))
    return Response(ConditionsAnswer(conditions=sorted(found, key=lambda each: not each.is_bad)))


def administer(access: Access) -> Router:
    """Return everything below `/v1/admin`: whatever stands here takes a token."""
    return Router(
        path="/v1/admin",
        route_handlers=[
            jobs.request_job,
            jobs.list_jobs,
            jobs.get_job,
            jobs.cancel_job,
            jobs.follow_job,
            generations.list_generations,
            generations.get_generation,
            generations.activate_generation,
            generations.get_pin,
            generations.put_pin,
            generations.delete_pin,
            caching.get_cache,
            caching.clear_cache,
            list_audit,
            list_workers,
            list_conditions,
        ],
        middleware=[access.admit_admins()],
        security=[{"token": ["admin"]}],
        tags=["admin"],
        cache_control=CacheControlHeader(no_store=True),
        request_max_body_size=MAX_BODY_BYTES,
    )
