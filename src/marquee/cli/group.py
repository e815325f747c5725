"""What all commands have in common. Maps errors to exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by
the gate, 4 another reindex holds the lease, 130 interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import click
import msgspec

from marquee import __version__, logs, terminal
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.errors import GateRefusedError, LeaseHeldError, MarqueeError, RequestError, SettingsError
from marquee.redaction import REDACTION
from marquee.settings import Settings, read_settings

T = TypeVar("T")

EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_HELD, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


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
        except LeaseHeldError as error:
            follow = f"; follow it with `marquee jobs {error.job}`" if error.job else ""
            terminal.show_error(f"another reindex is under way: {error}{follow}")
            ctx.exit(EXIT_HELD)
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


def read_cli_settings(**overrides: Any) -> Settings:
    """Read the settings, options over variables; what is odd is a warning."""
    settings, warnings = read_settings(**overrides)
    for warning in warnings:
        terminal.show_warning(warning)
    logs.set_up(settings)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work; SIGTERM ends it as Ctrl-C does, with everything cleaned up."""

    async def work_or_stop() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(work_or_stop())


def print_json(value: Any) -> None:
    """Print a value for a program to read."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@contextlib.contextmanager
def open_engine(settings: Settings) -> Iterator[Endpoint]:
    """Yield the engine, showing what it takes to start it."""
    with terminal.StageProgress() as progress, open_endpoint(settings, progress) as endpoint:
        progress.finish()
        progress.stop()
        REDACTION.hide(endpoint.password)  # the managed node's, which no setting holds
        yield endpoint


def ask(settings: Settings, question: Callable[[Cluster], Coroutine[Any, Any, T]]) -> T:
    """Put a question to the engine, starting it if need be."""

    async def ask(endpoint: Endpoint) -> T:
        async with Cluster(endpoint) as cluster:
            return await question(cluster)

    with open_engine(settings) as endpoint:
        return run(ask(endpoint))
