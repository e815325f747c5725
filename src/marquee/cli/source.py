"""Which source a command means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from marquee import terminal
from marquee.catalog.files import locate
from marquee.catalog.sources import Choice
from marquee.settings import Settings


def source_options(command: Any) -> Any:
    """Give a command the options --data, --imdb and --sample."""
    folder = click.Path(path_type=Path)
    command = click.option("--sample", is_flag=True, help="The packaged sample: 28,079 people.")(command)
    command = click.option("--imdb", is_flag=True, help="IMDb's files, fetched when they changed.")(command)
    return click.option("--data", type=folder, help="A folder with IMDb's dataset files.")(command)


def choose_source(settings: Settings, data: Path | None, imdb: bool, sample: bool) -> Choice | None:
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
