"""The `marquee` command. Maps errors to exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the
gate, 130 interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from marquee import __version__, terminal
from marquee.catalog.files import locate
from marquee.catalog.sources import Choice, Source, open_choice
from marquee.engine import generations, node
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.errors import GateRefusedError, MarqueeError, NodeError, RequestError, SettingsError
from marquee.reindex.status import read_status
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest, parse
from marquee.settings import Settings, read_settings

if TYPE_CHECKING:
    from marquee.catalog.synth import BreakKind
    from marquee.reindex.pipeline import Outcome

T = TypeVar("T")

EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 130


class _Commands(click.Group):
    """Turns our errors into one line and an exit code, for every command alike."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, RequestError) as error:
            terminal.show_error(str(error))
            ctx.exit(EXIT_USAGE)
        except GateRefusedError as error:
            terminal.show_error(str(error))
            ctx.exit(EXIT_REFUSED)
        except MarqueeError as error:
            terminal.show_error(str(error))
            ctx.exit(EXIT_FAILED)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read our output has seen enough: click ends in silence
                raise
            where = f": {error.filename}" if error.filename else ""
            terminal.show_error(f"{error.strerror or error}{where}")
            ctx.exit(EXIT_FAILED)
        except (KeyboardInterrupt, asyncio.CancelledError):
            ctx.exit(EXIT_INTERRUPTED)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="marquee")
def commands() -> None:
    """Find actors by names people mistype.

    \b
    Begin with   marquee up                          everything on this machine, on the sample data
    then         marquee search "jake gylenhal"      from another terminal
    or open      http://127.0.0.1:8000/

    Settings are MARQUEE_ environment variables; the README lists them.
    """


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter the terminal does not know must not end a command
            stream.reconfigure(errors="replace")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What went wrong with the engine is told by our own errors; the client's log repeats it with traces.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    commands(prog_name="marquee")


def _read_settings(**overrides: Any) -> Settings:
    settings, warnings = read_settings(**overrides)
    for warning in warnings:
        terminal.show_warning(warning)
    logging.getLogger("marquee").setLevel(settings.log_level.upper())
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work; SIGTERM ends it as Ctrl-C does, with everything cleaned up."""

    async def run() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(run())


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def _source_options(command: Any) -> Any:
    folder = click.Path(path_type=Path)
    command = click.option("--sample", is_flag=True, help="The packaged sample: 28,079 people.")(command)
    command = click.option("--imdb", is_flag=True, help="IMDb's files, fetched when they changed.")(command)
    return click.option("--data", type=folder, help="A folder with IMDb's dataset files.")(command)


def _choose_source(settings: Settings, data: Path | None, imdb: bool, sample: bool) -> Choice | None:
    """Return the source the options name, None where they name none; a folder must hold the files."""
    if (data is not None) + imdb + sample > 1:
        raise click.UsageError("--data, --imdb and --sample exclude each other")
    if data is not None:
        locate(data)
        return Choice(kind="folder", folder=data.absolute())
    if imdb:
        _show_terms(settings)
        return Choice(kind="imdb")
    return Choice(kind="sample") if sample else None


def _show_terms(settings: Settings) -> None:
    """Show IMDb's terms the first time its files are asked for."""
    shown = settings.home / "imdb" / "terms-shown"
    if not shown.exists():
        terminal.show_terms()
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.touch()


@commands.command()
@_source_options
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8000; 0: any free one).")
def up(data: Path | None, imdb: bool, sample: bool, host: str | None, port: int | None) -> None:
    """Run everything on this machine until Ctrl-C.

    Starts Elasticsearch (or uses MARQUEE_ELASTICSEARCH_URL), indexes the source if nothing is indexed yet or
    the source named is another than the live one, and serves API and demo page. Without a source it serves
    what is there, at first the sample.
    """
    from marquee.api.server import bind, serve

    settings = _read_settings(host=host, port=port)
    choice = _choose_source(settings, data, imdb, sample)
    with (
        bind(settings) as listener,
        terminal.StageProgress() as progress,
        open_endpoint(settings, progress) as endpoint,
    ):
        outcome = _run(_ensure_data(settings, endpoint, choice, progress))
        progress.finish()
        progress.stop()
        terminal.show_welcome(listener.getsockname(), outcome.generation, outcome.counts)
        serve(settings, endpoint, listener)


# The server and the pipeline are imported by the commands that need them: with Polars and Litestar, a plain
# `marquee search` would take twice as long to start.


async def _ensure_data(
    settings: Settings, endpoint: Endpoint, choice: Choice | None, progress: terminal.StageProgress
) -> Outcome:
    """Build a generation if there is none, or if the source asked for is another than the live one's."""
    from marquee.reindex.pipeline import find_current, reindex

    async with Cluster(endpoint) as cluster:
        live = await generations.find_live(cluster, settings.index_prefix)
        if choice is None and (current := find_current(live, None)):
            return current
        source = await _open(settings, choice or Choice(kind="sample"), progress)
        return await reindex(settings, cluster, source, progress)


async def _open(settings: Settings, choice: Choice, progress: terminal.StageProgress) -> Source:
    source = await open_choice(choice, settings, progress)
    if source.note:
        terminal.show_warning(source.note)
    return source


@commands.command("serve")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8000; 0: any free one).")
def serve_command(host: str | None, port: int | None) -> None:
    """Serve the API and the pages from what is indexed."""
    from marquee.api.server import bind, serve

    settings = _read_settings(host=host, port=port)
    with bind(settings) as listener, _open_engine(settings) as endpoint:
        terminal.show_welcome(listener.getsockname())
        serve(settings, endpoint, listener)


@contextlib.contextmanager
def _open_engine(settings: Settings) -> Iterator[Endpoint]:
    """Yield the engine, showing what it takes to start it."""
    with terminal.StageProgress() as progress, open_endpoint(settings, progress) as endpoint:
        progress.finish()
        progress.stop()
        yield endpoint


def _ask(settings: Settings, question: Callable[[Cluster], Coroutine[Any, Any, T]]) -> T:
    """Put a question to the engine, starting it if need be."""

    async def ask(endpoint: Endpoint) -> T:
        async with Cluster(endpoint) as cluster:
            return await question(cluster)

    with _open_engine(settings) as endpoint:
        return _run(ask(endpoint))


@commands.command("reindex")
@_source_options
@click.option("--force", is_flag=True, help="Rebuild although nothing changed; pass the gate's limits.")
@click.option("--reason", default="", help="Recorded with the generation.")
@_json_option
def reindex_command(
    data: Path | None, imdb: bool, sample: bool, force: bool, reason: str, as_json: bool
) -> None:
    """Build a generation, check it and swap it in without downtime.

    Without a source it is the live generation's. Any failure leaves what is live as it was.
    """
    settings = _read_settings()
    choice = _choose_source(settings, data, imdb, sample)
    with terminal.StageProgress() as progress, open_endpoint(settings, progress) as endpoint:
        outcome = _run(_reindex(settings, endpoint, choice, progress, force, reason))
        progress.finish()
    if as_json:
        _print_json(outcome)
    else:
        terminal.show_outcome(outcome)


async def _reindex(
    settings: Settings,
    endpoint: Endpoint,
    choice: Choice | None,
    progress: terminal.StageProgress,
    force: bool,
    reason: str,
) -> Outcome:
    from marquee.reindex.pipeline import reindex

    async with Cluster(endpoint) as cluster:
        source = await _open(settings, choice or await _live_choice(cluster, settings), progress)
        return await reindex(settings, cluster, source, progress, force=force, reason=reason)


async def _live_choice(cluster: Cluster, settings: Settings) -> Choice:
    live = await generations.find_live(cluster, settings.index_prefix)
    if live is None or live.meta is None:
        raise SettingsError("nothing is live yet: name a source, `--sample`, `--imdb` or `--data DIR`")
    return msgspec.convert({"kind": live.meta.source.kind, "folder": Path(live.meta.location)}, Choice)


@commands.command()
@click.argument("q")
@click.option("--limit", default="10", show_default=True, help="Hits at most, 1 to 50.")
@click.option("--profession", multiple=True, help="Only people of this profession; repeatable.")
@click.option("--born", help="Hint: year of birth.")
@click.option("--title", multiple=True, help="Hint: a title the person is known for; repeatable.")
@click.option("--explain", is_flag=True, help="Show what each rank is made of.")
@_json_option
def search(
    q: str,
    limit: str,
    profession: tuple[str, ...],
    born: str | None,
    title: tuple[str, ...],
    explain: bool,
    as_json: bool,
) -> None:
    """Find people by a name in any spelling."""
    pairs = [("q", q), ("limit", limit), ("explain", str(explain).lower())]
    pairs += [("profession", each) for each in profession] + [("title", each) for each in title]
    pairs += [("born", born)] if born is not None else []
    request = parse(SearchRequest, pairs)
    settings = _read_settings()

    answer = _ask(settings, lambda cluster: Lookup(cluster, settings.index_prefix).search(request))
    if as_json:
        _print_json(answer)
    else:
        terminal.show_search(answer, explain)


@commands.command()
@click.argument("q")
@click.option("--limit", default="8", show_default=True, help="Completions at most, 1 to 50.")
@_json_option
def suggest(q: str, limit: str, as_json: bool) -> None:
    """Complete a name as an autocomplete box would."""
    request = parse(SuggestRequest, [("q", q), ("limit", limit)])
    settings = _read_settings()

    answer = _ask(settings, lambda cluster: Lookup(cluster, settings.index_prefix).suggest(request))
    if as_json:
        _print_json(answer)
    else:
        terminal.show_suggestions(answer)


@commands.command()
@_json_option
def status(as_json: bool) -> None:
    """Show engine, live generation and data age; exit code 0 when healthy and fresh."""
    settings = _read_settings()

    if not settings.elasticsearch_url and node.status(settings).state != "running":
        raise NodeError("the managed Elasticsearch is not running: `marquee up` or `marquee node start`")
    answer = _ask(settings, lambda cluster: read_status(cluster, settings.index_prefix))
    if as_json:
        _print_json(answer)
    else:
        terminal.show_status(answer)
    if answer.degraded:
        sys.exit(EXIT_FAILED)


@commands.command()
@click.argument("out_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option("--people", type=click.IntRange(1, 100_000_000), required=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Same seed, same files.")
@click.option("--dirt", type=click.FloatRange(0, 1), default=0.0, help="Share of rows with trouble.")
@click.option(
    "--break", "broken", type=click.Choice(["truncated", "html", "header", "missing"]), help="One file fault."
)
@_json_option
def synth(
    out_dir: Path, people: int, seed: int, dirt: float, broken: BreakKind | None, as_json: bool
) -> None:
    """Make up a catalogue of any size in IMDb's file format: for tests and measurements."""
    from marquee.catalog.synth import synthesise

    with terminal.StageProgress() as progress:
        planted = synthesise(out_dir, people, seed, dirt, broken, progress)
        progress.finish()
    if as_json:
        _print_json(planted)
    else:
        terminal.show_planted(out_dir, planted)


@commands.group("node")
def node_commands() -> None:
    """The managed local Elasticsearch: installed by itself, needs neither Docker nor Java."""


@node_commands.command("start")
def node_start() -> None:
    """Start it and keep it running after this command."""
    settings = _read_settings()
    with terminal.StageProgress() as progress:
        node.start(settings, progress)
        progress.finish()
    terminal.show_node(node.status(settings))


@node_commands.command("stop")
def node_stop() -> None:
    """Stop it, whoever uses it."""
    settings = _read_settings()
    node.stop(settings)
    terminal.show_node(node.status(settings))


@node_commands.command("status")
@_json_option
def node_status(as_json: bool) -> None:
    """Show whether it runs, where, and how much it holds; exit code 0 when it runs."""
    found = node.status(_read_settings())
    if as_json:
        _print_json(found)
    else:
        terminal.show_node(found)
    if found.state != "running":
        sys.exit(EXIT_FAILED)


@node_commands.command("logs")
@click.option("--lines", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
def node_logs(lines: int) -> None:
    """Print the end of its log."""
    for line in node.tail(_read_settings(), lines):
        click.echo(line)


@node_commands.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
def node_remove(yes: bool) -> None:
    """Stop it and delete its files, the indexed data included."""
    settings = _read_settings()
    where = node.status(settings)
    if not yes:
        click.confirm(f"Delete the local Elasticsearch and all it holds under {where.home}?", abort=True)
    terminal.show_freed(node.remove(settings))
