"""The processes: everything on one machine, or service and worker apart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from marquee import terminal
from marquee.catalog.sources import Choice
from marquee.cli.group import commands, open_engine, read_cli_settings, run
from marquee.cli.rebuild import expect_success, request_for, run_here
from marquee.cli.source import choose_source, source_options
from marquee.engine import generations
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.engine.generations import Generation
from marquee.errors import (
    EngineError,
    EngineNotReadyError,
    GateRefusedError,
    LeaseHeldError,
    LeaseLostError,
    ReindexFailedError,
    SourceError,
)
from marquee.redaction import REDACTION
from marquee.settings import Settings

# A rebuild that is under way is ended and left to the next start.
WORKER_ENDS_WITHIN_S = 40.0
# Long enough to be read, should it break again at once.
WORKER_RESTARTS_AFTER_S = 10.0

# What a reindex may end of without a fault of whoever asked for it here.
_NOT_INDEXED = (
    SourceError, GateRefusedError, ReindexFailedError, EngineError, LeaseHeldError, LeaseLostError,
)  # fmt: skip
_log = logging.getLogger("marquee.reindex")

# The server, the worker and the pipeline are imported by the commands that need them: with Polars and
# Litestar, a plain `marquee search` would take twice as long to start.


@commands.command()
@source_options
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8000; 0: any free one).")
def up(data: Path | None, imdb: bool, sample: bool, host: str | None, port: int | None) -> None:
    """Run everything on this machine until Ctrl-C.

    Starts Elasticsearch (or uses MARQUEE_ELASTICSEARCH_URL), indexes the source if nothing is indexed yet or
    the source named is another than the live one, and serves API and pages, with a worker for scheduled and
    requested reindexes. Without a source it serves what is there, at first the sample.
    """
    from marquee.api.server import bind, serve
    from marquee.reindex.schedule import read_trigger

    settings = read_cli_settings(host=host, port=port)
    read_trigger(settings.schedule)
    made_token = ""
    if not settings.admin_token and not settings.tokens_file:
        made_token = secrets.token_urlsafe(18)
        settings = msgspec.structs.replace(settings, admin_token=made_token)
        REDACTION.hide(made_token)
    choice = choose_source(settings, data, imdb, sample)
    with (
        bind(settings) as listener,
        terminal.StageProgress() as progress,
        open_endpoint(settings, progress) as endpoint,
    ):
        REDACTION.hide(endpoint.password)
        live = run(_ensure_data(settings, endpoint, choice, progress))
        progress.finish()
        progress.stop()
        counts = live.meta.shown_counts if live.meta else {}

        def announce() -> None:
            terminal.show_welcome(listener.getsockname(), live.id, counts, made_token)

        with _run_worker(settings, endpoint):
            serve(settings, endpoint, listener, announce)


async def _ensure_data(
    settings: Settings, endpoint: Endpoint, choice: Choice | None, progress: terminal.StageProgress
) -> Generation:
    """Build a generation if there is none, or if the source asked for is another than the live one's."""
    async with Cluster(endpoint) as cluster:
        live = await generations.find_live(cluster, settings.index_prefix)
        if choice is None and live is not None:
            return live
        wanted = choice or Choice(kind="sample")
        # Who names another source here means it: it need not resemble what was live.
        request = await request_for(cluster, settings, wanted, compare=_is_source_of(live, wanted))
        try:
            expect_success(await run_here(settings, endpoint, cluster, request, progress))
        except _NOT_INDEXED as error:
            if live is None:
                raise
            # A service that is started again while its source is away, or while a job of the last start waits
            # for a worker, has whole data to serve.
            terminal.show_warning(f"the source named is not indexed now: {error}; serving {live.id}")
            return live
        live = await generations.find_live(cluster, settings.index_prefix)
        if live is None:
            raise EngineNotReadyError("nothing is live: see `marquee generations` and `marquee jobs`")
        return live


def _is_source_of(live: Generation | None, choice: Choice) -> bool:
    meta = live.meta if live else None
    if meta is None or meta.source.kind != choice.kind:
        return False
    return choice.kind != "folder" or meta.location == str(choice.folder)


@contextlib.contextmanager
def _run_worker(settings: Settings, endpoint: Endpoint) -> Iterator[None]:
    """Run a worker beside what is done here, in a thread with an event loop of its own.

    One that breaks does not end the searches: that is said, and another one takes its place.
    """
    from marquee.reindex.worker import Worker

    worker = Worker(settings, endpoint)  # what of the settings it cannot use ends the start, not a thread
    loop = asyncio.new_event_loop()
    working: asyncio.Task[None] | None = None

    async def keep_working(worker: Worker) -> None:
        while True:
            try:
                await worker.run()
            except Exception:
                _log.exception("the worker broke; another one starts in %.0f s", WORKER_RESTARTS_AFTER_S)
            await asyncio.sleep(WORKER_RESTARTS_AFTER_S)
            worker = Worker(settings, endpoint)

    async def work() -> None:
        nonlocal working
        working = asyncio.create_task(keep_working(worker))
        with contextlib.suppress(asyncio.CancelledError):
            await working

    def run_loop() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(work())
        loop.close()

    thread = threading.Thread(target=run_loop, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        if working is not None and not loop.is_closed():
            loop.call_soon_threadsafe(working.cancel)
        thread.join(WORKER_ENDS_WITHIN_S)


@commands.command("serve")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8000; 0: any free one).")
def serve_command(host: str | None, port: int | None) -> None:
    """Serve the API and the pages from what is indexed."""
    from marquee.api.server import bind, serve

    settings = read_cli_settings(host=host, port=port)
    with bind(settings) as listener, open_engine(settings) as endpoint:
        serve(settings, endpoint, listener, lambda: terminal.show_welcome(listener.getsockname()))


@commands.command("worker")
def worker_command() -> None:
    """Run jobs and the schedule until Ctrl-C or SIGTERM; any number of workers may run."""
    from marquee.reindex.worker import Worker

    settings = read_cli_settings()
    with open_engine(settings) as endpoint:

        async def work() -> None:
            worker = Worker(settings, endpoint)
            terminal.show_worker(worker.name, worker.next_run_at)
            await worker.run()

        # Told to end by SIGTERM, it has ended well; Ctrl-C is another exception, and an interruption.
        with contextlib.suppress(asyncio.CancelledError):
            run(work())
