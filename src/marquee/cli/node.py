"""The managed local node."""

from __future__ import annotations

import sys

import click

from marquee import terminal
from marquee.cli.group import EXIT_FAILED, commands, json_option, print_json, read_cli_settings
from marquee.engine import node


@commands.group("node")
def node_commands() -> None:
    """The managed local Elasticsearch: installed by itself, needs neither Docker nor Java."""


@node_commands.command("start")
def node_start() -> None:
    """Start it and keep it running after this command."""
    settings = read_cli_settings()
    with terminal.StageProgress() as progress:
        node.start(settings, progress)
        progress.finish()
    terminal.show_node(node.status(settings))


@node_commands.command("stop")
def node_stop() -> None:
    """Stop it, whoever uses it."""
    settings = read_cli_settings()
    node.stop(settings)
    terminal.show_node(node.status(settings))


@node_commands.command("status")
@json_option
def node_status(as_json: bool) -> None:
    """Show whether it runs, where, and how much it holds; exit code 0 when it runs."""
    found = node.status(read_cli_settings())
    if as_json:
        print_json(found)
    else:
        terminal.show_node(found)
    if found.state != "running":
        sys.exit(EXIT_FAILED)


@node_commands.command("logs")
@click.option("--lines", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
def node_logs(lines: int) -> None:
    """Print the end of its log."""
    for line in node.tail(read_cli_settings(), lines):
        click.echo(line)


@node_commands.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
def node_remove(yes: bool) -> None:
    """Stop it and delete its files, the indexed data included."""
    settings = read_cli_settings()
    where = node.status(settings)
    if not yes:
        click.confirm(f"Delete the local Elasticsearch and all it holds under {where.home}?", abort=True)
    terminal.show_freed(node.remove(settings))
