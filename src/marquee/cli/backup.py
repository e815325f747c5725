"""Backup and restore of what is indexed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from marquee import terminal
from marquee.cli.group import ask, commands, json_option, print_json, read_cli_settings
from marquee.cli.reindexing import reason_option
from marquee.engine.cluster import Cluster
from marquee.engine.records import Records
from marquee.progress import Progress
from marquee.reindex import backup as backups
from marquee.reindex.identity import name_user
from marquee.settings import Settings

T = TypeVar("T")


def _ask(question: Callable[[Records, Settings, Progress], Awaitable[T]]) -> T:
    settings = read_cli_settings()
    with terminal.StageProgress() as progress:

        async def put(cluster: Cluster) -> T:
            return await question(Records(cluster, settings.index_prefix), settings, progress)

        return ask(settings, put)


@commands.command("backup")
@click.argument("generation", metavar="[ID]", required=False)
@click.option("--list", "only_list", is_flag=True, help="Show what the repository holds.")
@json_option
def backup_command(generation: str | None, only_list: bool, as_json: bool) -> None:
    """Copy a generation, the live one by default, into the snapshot repository.

    The repository is MARQUEE_BACKUP_REPOSITORY. Where Elasticsearch knows none of that name, a folder below
    its path.repo is made one.
    """
    if only_list:
        listed = _ask(lambda records, settings, _: backups.list_backups(records, settings))
        if as_json:
            print_json(listed)
        else:
            terminal.show_backups(listed)
        return
    made = _ask(lambda records, settings, progress: backups.back_up(records, settings, generation, progress))
    if as_json:
        print_json(made)
    else:
        terminal.show_done(
            f"{made.generation} is backed up; `marquee restore {made.generation}` brings it back"
        )


@commands.command("restore")
@click.argument("generation", metavar="ID")
@click.option("--live", is_flag=True, help="Make it live, also where another generation is.")
@reason_option
@json_option
def restore_command(generation: str, live: bool, reason: str, as_json: bool) -> None:
    """Bring a generation back from the snapshot repository; where none is live, it is made live."""
    restored = _ask(
        lambda records, settings, progress: backups.restore(
            records, settings, generation, name_user(), reason=reason, live=live, progress=progress
        )
    )
    if as_json:
        print_json(restored)
    elif restored.live:
        terminal.show_done(f"{restored.generation} is restored, and live")
    else:
        terminal.show_done(
            f"{restored.generation} is restored; `marquee rollback {generation}` makes it live"
        )
