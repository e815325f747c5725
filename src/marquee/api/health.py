"""`/health` for probes and `/v1/status` for people."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from marquee.api.flight import Flight
from marquee.api.live import Live
from marquee.api.operation import query_pairs
from marquee.api.responses import ANY_PROBLEMS, BAD_REQUEST, READER_PROBLEMS, UNAVAILABLE, data_of
from marquee.engine.cluster import Cluster
from marquee.reindex.health import Liveness, Readiness
from marquee.reindex.status import JobSummary, Status, read_status
from marquee.search.lookup import Lookup
from marquee.search.request import IdRequest, parse

NO_STORE = {"Cache-Control": "no-store"}


class Looks:
    """Looks at the engine for who asks how it is: one of each at a time, so that asking is no load."""

    def __init__(self, cluster: Cluster, lookup: Lookup, live: Live, prefix: str) -> None:
        self._lookup, self._live = lookup, live
        self.status = Flight(lambda: read_status(cluster, prefix))
        self.probe = Flight(self._probe)

    async def _probe(self) -> str:
        if self._live.generation is None:  # what is answered until it knows is not kept
            await self._live.refresh()
        return await self._lookup.probe()


@get(
    "/health/live",
    operation_id="live",
    summary="Is the process alive?",
    tags=["health"],
    responses=data_of(Liveness) | ANY_PROBLEMS,
)
async def live() -> Response[Liveness]:
    """Answer without any I/O: an engine that is away must not get this process restarted."""
    return Response(Liveness(), headers=NO_STORE)


@get(
    "/health/ready",
    operation_id="ready",
    summary="Can searches be answered?",
    tags=["health"],
    responses=data_of(Readiness) | UNAVAILABLE | ANY_PROBLEMS,
)
async def ready(looks: NamedDependency[Looks]) -> Response[Readiness]:
    """Answer 200 once both aliases of a live generation answer a search."""
    return Response(Readiness(generation=await looks.probe.join()), headers=NO_STORE)


@get(
    "/v1/status",
    operation_id="status",
    summary="Live generation, data age, counts, health",
    tags=["health"],
    responses=data_of(Status) | BAD_REQUEST | READER_PROBLEMS | ANY_PROBLEMS,
)
async def status(request: Request[Any, Any, Any], looks: NamedDependency[Looks]) -> Response[Any]:
    """Describe the live generation and the engine."""
    parse(IdRequest, query_pairs(request.scope))
    found = await looks.status.join()
    # Anybody may read this: why a job ended names paths and people, and is told to administrators.
    shown = msgspec.structs.replace(
        found, last_job=_hide_reason(found.last_job), last_result=_hide_reason(found.last_result)
    )
    return Response(shown, headers=NO_STORE)


def _hide_reason(job: JobSummary | None) -> JobSummary | None:
    return msgspec.structs.replace(job, reason="") if job else None
