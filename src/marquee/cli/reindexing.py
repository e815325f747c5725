"""Reindexes, their jobs, and what they made: trigger, watch, undo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from marquee import terminal
from marquee.cli.group import ask, commands, json_option, open_engine, print_json, read_cli_settings, run
from marquee.cli.rebuild import expect_success, request_for, run_here
from marquee.cli.source import choose_source, source_options
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.errors import EngineError, EngineUnavailableError
from marquee.reindex import activation, presence
from marquee.reindex import pin as pins
from marquee.reindex.identity import name_user
from marquee.reindex.job import Job
from marquee.reindex.jobs import Jobs
from marquee.reindex.reason import check_reason

T = TypeVar("T")
POLL_EVERY_S = 0.5
# A worker waits for as long until it gives its job up.
AWAY_FOR_S = 300.0

reason_option = click.option(
    "--reason",
    default="",
    callback=lambda _, __, text: check_reason(text, "--reason"),
    help="Why; goes into the audit log.",
)


def _ask_records(question: Callable[[Records], Awaitable[T]]) -> T:
    settings = read_cli_settings()

    async def put(cluster: Cluster) -> T:
        return await question(Records(cluster, settings.index_prefix))

    return ask(settings, put)


@commands.command("reindex")
@source_options
@click.option("--dry-run", is_flag=True, help="Report the difference to what is live; index nothing.")
@click.option(
    "--force", is_flag=True, help="Rebuild although nothing changed; with --reason, pass the gate's limits."
)
@reason_option
@click.option("--wait/--no-wait", default=True, help="Run it here (the default), or leave it to a worker.")
@json_option
def reindex_command(
    data: Path | None,
    imdb: bool,
    sample: bool,
    dry_run: bool,
    force: bool,
    reason: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Build a generation, check it and swap it in without downtime.

    Without a source it is the live generation's. Any failure leaves what is live as it was.
    """
    settings = read_cli_settings()
    choice = choose_source(settings, data, imdb, sample)

    async def reindex(endpoint: Endpoint) -> Job:
        async with Cluster(endpoint) as cluster:
            request = await request_for(
                cluster, settings, choice, force=force, dry_run=dry_run, reason=reason, attended=wait
            )
            if wait:
                return await run_here(settings, endpoint, cluster, request, progress)
            records = Records(cluster, settings.index_prefix)
            job = await Jobs(records).request(request, name_user())
            if not any(each.is_alive for each in await presence.list_workers(records)):
                terminal.show_warning("no worker is running: the job waits for `marquee worker`")
            return job

    with terminal.StageProgress() as progress, open_engine(settings) as endpoint:
        job = run(reindex(endpoint))
        progress.finish()
    _show(job, as_json)


def _show(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job)
    if job.has_ended:
        expect_success(job)
    if not as_json:
        terminal.show_job(job)


@commands.command()
@click.argument("job_id", metavar="[ID]", required=False)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many to list."
)
@json_option
def jobs(job_id: str | None, limit: int, as_json: bool) -> None:
    """List jobs; with an ID, follow a running one to its end, wherever it runs."""
    if job_id is None:
        listed = _ask_records(lambda records: Jobs(records).list_newest(limit))
        if as_json:
            print_json(listed)
        else:
            terminal.show_jobs(listed)
        return
    with terminal.StageProgress() as progress:
        follow = terminal.JobFollower(progress)

        job = _ask_records(lambda records: _watch(Jobs(records), job_id, follow))
        progress.finish()
    _show(job, as_json)


async def _watch(jobs: Jobs, job_id: str, follow: terminal.JobFollower) -> Job:
    """Show a job until it has ended; an engine that is away is a pause, as it is for the job itself."""
    heard: float | None = None
    while True:
        try:
            job = await jobs.get(job_id)
        except EngineError as error:
            if heard is None:
                raise
            if time.monotonic() - heard > AWAY_FOR_S:
                raise EngineUnavailableError(
                    f"{error}, for {AWAY_FOR_S:.0f} s now: `marquee jobs {job_id}` will tell what "
                    "became of the job"
                ) from error
            follow.pause("Elasticsearch is away")
        else:
            heard = time.monotonic()
            follow(job)
            if job.has_ended:
                return job
        await asyncio.sleep(POLL_EVERY_S)


@commands.command()
@click.argument("job_id", metavar="ID")
@json_option
def cancel(job_id: str, as_json: bool) -> None:
    """Cancel a job; one that runs ends within seconds and leaves nothing behind."""
    job = _ask_records(lambda records: Jobs(records).cancel(job_id, name_user()))
    if as_json:
        print_json(job)
    else:
        terminal.show_done(f"job {job.id} is cancelled" if job.has_ended else f"job {job.id} is told to end")


@commands.command("generations")
@json_option
def generations_command(as_json: bool) -> None:
    """List what was built and is kept: what is live, what can be gone back to, what was refused."""

    async def put(records: Records) -> tuple[list[generations.Generation], pins.Pin | None]:
        listed = await generations.list_generations(records.cluster, records.prefix)
        return listed, await pins.read_pin(records)

    listed, held = _ask_records(put)
    if as_json:
        pinned = held.generation if held else None
        print_json([{**msgspec.to_builtins(each), "pinned": each.id == pinned} for each in listed])
    else:
        terminal.show_generations(listed, held)


@commands.command()
@click.argument("generation", metavar="[ID]", required=False)
@click.option("--force", is_flag=True, help="Even to an ID that the gate refused; needs --reason.")
@reason_option
@json_option
def rollback(generation: str | None, force: bool, reason: str, as_json: bool) -> None:
    """Go back to the generation before the live one, or to ID, within seconds."""
    done = _ask_records(
        lambda records: activation.roll_back(records, name_user(), reason, generation, force=force)
    )
    if as_json:
        print_json(done)
    else:
        before = f" (before: {done.previous})" if done.previous else ""
        terminal.show_done(f"{done.generation} is live{before}")


@commands.command()
@click.argument("generation", metavar="[ID]", required=False)
@reason_option
@json_option
def pin(generation: str | None, reason: str, as_json: bool) -> None:
    """Hold a generation, the live one by default: reindexes build, but do not swap, until `unpin`."""
    made = _ask_records(lambda records: pins.pin(records, generation, name_user(), reason))
    if as_json:
        print_json(made)
    else:
        terminal.show_done(f"{made.generation} is pinned; `marquee unpin` lets reindexes swap again")


@commands.command()
@reason_option
def unpin(reason: str) -> None:
    """Let reindexes swap again."""
    _ask_records(lambda records: pins.unpin(records, name_user(), reason))
    terminal.show_done("nothing is pinned")
