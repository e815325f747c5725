"""Asking: search, suggest, status; and files to ask about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marquee import terminal
from marquee.cli.group import EXIT_FAILED, ask, commands, json_option, print_json, read_cli_settings
from marquee.engine import node
from marquee.errors import NodeError
from marquee.reindex.status import read_status
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest, parse

if TYPE_CHECKING:
    from marquee.catalog.synth import BreakKind


@commands.command()
@click.argument("q")
@click.option("--limit", default="10", show_default=True, help="Hits at most, 1 to 50.")
@click.option("--profession", multiple=True, help="Only people of this profession; repeatable.")
@click.option("--born", help="Hint: year of birth.")
@click.option("--title", multiple=True, help="Hint: a title the person is known for; repeatable.")
@click.option("--explain", is_flag=True, help="Show what each rank is made of.")
@json_option
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
    settings = read_cli_settings()

    answer = ask(settings, lambda cluster: Lookup(cluster, settings.index_prefix).search(request))
    if as_json:
        print_json(answer)
    else:
        terminal.show_search(answer, explain)


@commands.command()
@click.argument("q")
@click.option("--limit", default="8", show_default=True, help="Completions at most, 1 to 50.")
@json_option
def suggest(q: str, limit: str, as_json: bool) -> None:
    """Complete a name as an autocomplete box would."""
    request = parse(SuggestRequest, [("q", q), ("limit", limit)])
    settings = read_cli_settings()

    answer = ask(settings, lambda cluster: Lookup(cluster, settings.index_prefix).suggest(request))
    if as_json:
        print_json(answer)
    else:
        terminal.show_suggestions(answer)


@commands.command()
@json_option
def status(as_json: bool) -> None:
    """Show engine, live generation and data age; exit code 0 when healthy and fresh."""
    settings = read_cli_settings()

    if not settings.elasticsearch_url and node.status(settings).state != "running":
        raise NodeError("the managed Elasticsearch is not running: `marquee up` or `marquee node start`")
    answer = ask(settings, lambda cluster: read_status(cluster, settings.index_prefix))
    if as_json:
        print_json(answer)
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
@json_option
def synth(
    out_dir: Path, people: int, seed: int, dirt: float, broken: BreakKind | None, as_json: bool
) -> None:
    """Make up a catalogue of any size in IMDb's file format: for tests and measurements."""
    from marquee.catalog.synth import synthesise

    with terminal.StageProgress() as progress:
        planted = synthesise(out_dir, people, seed, dirt, broken, progress)
        progress.finish()
    if as_json:
        print_json(planted)
    else:
        terminal.show_planted(out_dir, planted)
