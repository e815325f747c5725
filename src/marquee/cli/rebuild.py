"""A reindex that somebody at a terminal asks for and watches."""

from __future__ import annotations

from marquee import terminal
from marquee.catalog.sources import Choice
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.errors import GateRefusedError, ReindexFailedError
from marquee.reindex.choice import read_choice
from marquee.reindex.identity import name_process, name_user
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings


async def request_for(
    cluster: Cluster,
    settings: Settings,
    choice: Choice | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
    attended: bool = True,
    compare: bool = True,
) -> JobRequest:
    """Return the request for a source, the live generation's where there is no choice.

    Raises:
        SettingsError: there is no choice, and nothing is live.
    """
    request = JobRequest(
        source=choice.kind if choice else "live",
        location=str(choice.folder) if choice and choice.folder else "",
        force=force,
        dry_run=dry_run,
        reason=reason,
        attended=attended,
        compare=compare,
    )
    await read_choice(cluster, settings.index_prefix, request)  # what it would fail of makes no job
    return request


async def run_here(
    settings: Settings,
    endpoint: Endpoint,
    cluster: Cluster,
    request: JobRequest,
    progress: terminal.StageProgress,
) -> Job:
    """Run a job under the lease, in a process of its own that this one watches; return it as it ended.

    Raises:
        LeaseHeldError: another reindex is under way.
        LeaseLostError: this process was stopped for so long that another one took over.
    """
    from marquee.reindex.supervision import Supervision  # with Polars, twice the time of a search to import

    jobs = Jobs(Records(cluster, settings.index_prefix))
    job, held = await jobs.request_and_hold(request, name_user(), name_process(), settings.lease_ttl_s)
    follow = terminal.JobFollower(progress)
    return await Supervision(settings, endpoint, jobs, held, name_process(), follow).run(job, hand_back=False)


def expect_success(job: Job) -> None:
    """Raise what a job that did not succeed amounts to.

    Raises:
        GateRefusedError: the job was refused.
        ReindexFailedError: it failed or was cancelled.
    """
    if job.state == "refused":
        raise GateRefusedError(job.reason)
    if job.state != "succeeded":
        raise ReindexFailedError(job.reason or f"job {job.id}: {job.state}")
