"""`/v1/admin/jobs`: asking for a reindex, watching it, cancelling it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream

from marquee.api.auth import Token
from marquee.api.operation import (
    HEAD_EXTENSION,
    SLUG,
    ListRequest,
    check_slug,
    json_body,
    operation_for,
    operation_taking,
    query_pairs,
)
from marquee.api.problems import kind_of, respond
from marquee.api.responses import ADMIN_PROBLEMS, BODY_PROBLEMS, NOT_FOUND, conflict, data_of
from marquee.errors import EngineError, LeaseHeldError, NotFoundError, OtherReleaseError, RequestError
from marquee.reindex.answer import JobEvent, JobsAnswer
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.order import JobOrder
from marquee.search.parsing import read_body, read_pairs
from marquee.search.request import IdRequest, parse

AdminRequest = Request[Any, Token, Any]
JobId = Annotated[str, Parameter(description="The job's id.", schema_extra={"pattern": SLUG})]

OTHER_RELEASE = conflict("Another release of Marquee wrote the job.", "other-release")
EVENT_STREAM = "text/event-stream"
MAX_KEY = 255
"""Letters of an idempotency key."""
KEY = f"^[\\x21-\\x7e]{{1,{MAX_KEY}}}$"
# A job changes once a second; half of that is soon enough to watch it.
POLL_S = 0.5
# Proxies cut what is silent for a minute, some for 15 s.
KEEP_ALIVE_S = 10.0


@post(
    "/jobs",
    status_code=202,
    operation_class=operation_taking(JobOrder),
    operation_id="requestJob",
    summary="Ask for a reindex",
    responses=data_of(Job, 202)
    | ADMIN_PROBLEMS
    | BODY_PROBLEMS
    | conflict(
        "A job is under way (`job-running`, with the `job`; `other-release` where only another release can "
        "read it); or the key was used for another request.",
        "job-running",
        "other-release",
        "conflict",
    ),
)
async def request_job(
    request: AdminRequest,
    jobs: NamedDependency[Jobs],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description="The same key and body are the same job, however often.",
            schema_extra={"pattern": KEY},
        ),
    ] = None,
) -> Response[Any]:
    """Ask for a job, which a worker begins; one at a time is under way. `Location` is where to watch it."""
    parse(IdRequest, query_pairs(request.scope))
    key = _check_key(idempotency_key)
    order = read_body(JobOrder, await json_body(request))
    try:
        job = await jobs.request(JobRequest(**msgspec.structs.asdict(order)), request.auth.name, key)
    except LeaseHeldError as error:
        return respond(kind_of(error), str(error), job=await jobs.find_active())
    return Response(job, status_code=202, headers={"Location": f"/v1/admin/jobs/{job.id}"})


@get(
    "/jobs",
    operation_class=operation_for(ListRequest),
    operation_id="listJobs",
    summary="The newest jobs",
    responses=data_of(JobsAnswer) | ADMIN_PROBLEMS,
)
async def list_jobs(request: AdminRequest, jobs: NamedDependency[Jobs]) -> Response[Any]:
    """Return the newest jobs, newest first."""
    asked = read_pairs(ListRequest, query_pairs(request.scope))
    return Response(JobsAnswer(jobs=await jobs.list_newest(asked.limit)))


@get(
    "/jobs/{job_id:str}",
    operation_id="getJob",
    summary="A job",
    responses=data_of(Job) | ADMIN_PROBLEMS | NOT_FOUND | OTHER_RELEASE,
)
async def get_job(request: AdminRequest, jobs: NamedDependency[Jobs], job_id: JobId) -> Response[Any]:
    """Return a job as it is now."""
    parse(IdRequest, query_pairs(request.scope))
    return Response(await jobs.get(check_slug("job", job_id)))


@delete(
    "/jobs/{job_id:str}",
    status_code=202,
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=data_of(Job, 202)
    | ADMIN_PROBLEMS
    | NOT_FOUND
    | conflict(
        "It has ended otherwise; or another release of Marquee wrote it.", "conflict", "other-release"
    ),
)
async def cancel_job(request: AdminRequest, jobs: NamedDependency[Jobs], job_id: JobId) -> Response[Any]:
    """Cancel a job: at once where it was only requested; one that runs is ended by its worker in seconds."""
    parse(IdRequest, query_pairs(request.scope))
    return Response(await jobs.cancel(check_slug("job", job_id), request.auth.name), status_code=202)


@get(
    "/jobs/{job_id:str}/events",
    operation_id="followJob",
    summary="Watch a job",
    responses=data_of(JobEvent, media_type=EVENT_STREAM) | ADMIN_PROBLEMS | NOT_FOUND | OTHER_RELEASE,
)
async def follow_job(
    request: AdminRequest, jobs: NamedDependency[Jobs], closing: NamedDependency[asyncio.Event], job_id: JobId
) -> Stream | Response[Any]:
    """Send the job at once and whenever it changes, until it has ended; server-sent events, one by one."""
    parse(IdRequest, query_pairs(request.scope))
    job = await jobs.get(check_slug("job", job_id))
    if HEAD_EXTENSION in (request.scope.get("extensions") or {}):
        return Response(b"", media_type=EVENT_STREAM)
    # The header keeps nginx from collecting events until they fill a page.
    return Stream(follow(jobs, job, closing), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})


async def follow(jobs: Jobs, job: Job, closing: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield a job and its changes until it has ended, or until the service closes.

    An engine that is away is only a pause.
    """
    yield _tell(job)
    told_at = time.monotonic()
    while not job.has_ended and not closing.is_set():
        await asyncio.sleep(POLL_S)
        comment = "still here"
        try:
            now = await jobs.get(job.id)
        except NotFoundError:
            yield _comment("the job is no longer on record")
            return
        except OtherReleaseError as error:  # a worker of the next one has begun it
            yield _comment(str(error))
            return
        except EngineError:
            now, comment = job, "the engine is away"
        if now != job:
            yield _tell(job := now)
            told_at = time.monotonic()
        elif time.monotonic() - told_at >= KEEP_ALIVE_S:
            yield _comment(comment)
            told_at = time.monotonic()


def _tell(job: Job) -> bytes:
    return b"event: job\ndata: " + msgspec.json.encode(job) + b"\n\n"


def _comment(text: str) -> bytes:
    return f": {text}\n\n".encode()


def _check_key(key: str | None) -> str:
    if key is not None and not re.fullmatch(KEY, key):
        raise RequestError({"Idempotency-Key": f"is not 1 to {MAX_KEY} letters, digits and signs of ASCII"})
    return key or ""
