"""What administrators may ask, with a token of their role."""

from __future__ import annotations

from typing import Literal

from marquee.client.call import Call, get, segment, send
from marquee.client.following import Following
from marquee.client.operation import Watch, operation
from marquee.reindex.answer import (
    Activation,
    AuditAnswer,
    GenerationAnswer,
    GenerationsAnswer,
    JobsAnswer,
    Pin,
    WorkersAnswer,
)
from marquee.reindex.health import CacheAnswer, ClearedAnswer, ConditionsAnswer
from marquee.reindex.job import Job
from marquee.reindex.order import ActivateOrder, JobOrder, PinOrder


@operation("requestJob")
def request_job(
    *,
    source: Literal["live", "sample", "imdb"] = "live",
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a reindex, which a worker begins; raises ConflictError while another job is under way.

    Args:
        source: what to build from; `live` is the live generation's.
        force: build although nothing has changed, and pass the gate; needs a reason.
        dry_run: report what would change, and index nothing.
        reason: why; goes into the audit log.
        idempotency_key: up to 255 letters and digits; the same key is the same job, however often it is asked
            for. Only with one is the request sent again where no answer came.
    """
    order = JobOrder(kind="reindex", source=source, force=force, dry_run=dry_run, reason=reason)
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    return send("POST", "/v1/admin/jobs", Job, order, headers=headers, is_repeatable=bool(headers))


@operation("listJobs")
def jobs(*, limit: int | None = None) -> Call[JobsAnswer]:
    """Return the newest jobs, newest first: `limit` at most, 1 to 500 (50)."""
    return get("/v1/admin/jobs", JobsAnswer, limit=limit)


@operation("getJob")
def job(job_id: str) -> Call[Job]:
    """Return a job as it is now."""
    return get(f"/v1/admin/jobs/{segment(job_id)}", Job)


@operation("cancelJob")
def cancel_job(job_id: str) -> Call[Job]:
    """Cancel a job: at once where it was only requested; one that runs ends within seconds."""
    return send("DELETE", f"/v1/admin/jobs/{segment(job_id)}", Job)


def follow_job(job_id: str) -> Following:
    """Iterate over a job as it is and whenever it changes, until it has ended.

    A stream that breaks, or is silent for the client's `timeout_s` (the service gives a sign of life every
    10 s), is begun anew; after as many times without news as the client has `retries`, ConnectionLostError is
    raised.
    """
    return Following(job_id)


@operation("listGenerations")
def generations() -> Call[GenerationsAnswer]:
    """Return all generations, newest first."""
    return get("/v1/admin/generations", GenerationsAnswer)


@operation("getGeneration")
def generation(generation_id: str) -> Call[GenerationAnswer]:
    """Return a generation with its quality and gate reports."""
    return get(f"/v1/admin/generations/{segment(generation_id)}", GenerationAnswer)


@operation("activateGeneration")
def activate_generation(generation_id: str, *, reason: str = "", force: bool = False) -> Call[Activation]:
    """Make a generation live within seconds; `force`, even one that the gate refused, needs a reason."""
    path = f"/v1/admin/generations/{segment(generation_id)}/activate"
    return send("POST", path, Activation, ActivateOrder(reason=reason, force=force))


@operation("getPin")
def pinned() -> Call[Pin]:
    """Return the pin; raises NotFoundError where nothing is pinned."""
    return get("/v1/admin/pin", Pin)


@operation("pin")
def pin(generation_id: str, *, reason: str = "") -> Call[Pin]:
    """Hold a generation: until it is unpinned, no reindex makes another one live."""
    return send("PUT", "/v1/admin/pin", Pin, PinOrder(generation=generation_id, reason=reason))


@operation("unpin")
def unpin() -> Call[None]:
    """Take the pin off; raises NotFoundError where nothing is pinned."""
    return send("DELETE", "/v1/admin/pin", type(None))


@operation("getCache")
def cache() -> Call[CacheAnswer]:
    """Return what the cache of the process that answers holds, and how often it helped."""
    return get("/v1/admin/cache", CacheAnswer)


@operation("clearCache")
def clear_cache() -> Call[ClearedAnswer]:
    """Have every process forget its answers; Redis as well."""
    return send("DELETE", "/v1/admin/cache", ClearedAnswer)


@operation("listAudit")
def audit(*, limit: int | None = None) -> Call[AuditAnswer]:
    """Return who changed what is live, or deleted something, newest first: `limit` at most, 1 to 500 (50)."""
    return get("/v1/admin/audit", AuditAnswer, limit=limit)


@operation("listWorkers")
def workers() -> Call[WorkersAnswer]:
    """Return which workers there are, what they do, and when their schedule looks at the source next."""
    return get("/v1/admin/workers", WorkersAnswer)


@operation("listConditions")
def conditions() -> Call[ConditionsAnswer]:
    """Return what is well and what is not, in the words of the alerts, with what to do."""
    return get("/v1/admin/conditions", ConditionsAnswer)


class Administration:
    """The methods of both clients for administrators."""

    request_job = request_job
    jobs = jobs
    job = job
    cancel_job = cancel_job
    follow_job = Watch("followJob", follow_job)
    generations = generations
    generation = generation
    activate_generation = activate_generation
    pinned = pinned
    pin = pin
    unpin = unpin
    cache = cache
    clear_cache = clear_cache
    audit = audit
    workers = workers
    conditions = conditions
