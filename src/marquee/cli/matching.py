"""Matching a file: who is meant by each of its names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from marquee import terminal
from marquee.cli.group import commands, json_option, open_engine, print_json, read_cli_settings, run
from marquee.matching.asking import Matcher
from marquee.matching.columns import Added, Wanted
from marquee.matching.engine import open_lookup
from marquee.matching.journal import Journal
from marquee.matching.run import Plan, Run
from marquee.matching.tables import FORMATS, Reading, name_output
from marquee.settings import Settings


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="COLUMN", help="The column with the names.")
@click.option("--born", metavar="COLUMN", help="A column with years or dates of birth, as a hint.")
@click.option("--title", metavar="COLUMN", help="A column with titles the people are known for, as a hint.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to; default: FILE with .matched added.")
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Below it, a row has no match.",
)
@click.option(
    "--candidates",
    type=click.IntRange(0, 19),
    default=0,
    show_default=True,
    metavar="N",
    help="Columns for so many hits beside the match, 0 to 19.",
)
@click.option(
    "--prefix", help="What the added columns' names begin with; default: match_, where a name is taken."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Requests at a time, of 50 names.",
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run ended.")
@click.option(
    "--overwrite", "--force", is_flag=True, help="Replace the output; begin an interrupted run anew."
)
@click.option(
    "--url", help="Ask the service at this address (its token: MARQUEE_TOKEN or MARQUEE_TOKEN_FILE)."
)
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="What the file is; default: by its suffix."
)
@click.option("--encoding", help="Of text; default: UTF-8, or what a byte-order mark says.")
@click.option("--delimiter", help="Between cells; default: whichever splits the header of a CSV.")
@click.option("--no-quotes", is_flag=True, help='A quote (") is a letter like any other.')
@json_option
def match(
    file: Path,
    name: str,
    born: str | None,
    title: str | None,
    out: Path | None,
    min_score: float,
    candidates: int,
    prefix: str | None,
    jobs: int,
    resume: bool,
    overwrite: bool,
    url: str | None,
    kind: str | None,
    encoding: str | None,
    delimiter: str | None,
    no_quotes: bool,
    as_json: bool,
) -> None:
    """Say who is meant by each name in a file: CSV, TSV, JSON lines or Parquet.

    The same file comes out, with the columns nconst, name, score and ambiguous; one whose name the file has
    already is called match_name, say. Text may be compressed (.gz, .zst).
    """
    settings = read_cli_settings()
    plan = Plan(
        path=file,
        out=out or name_output(file),
        wanted=Wanted(name=name, born=born, title=title),
        added=Added(prefix=prefix, candidates=candidates, min_score=min_score),
        reading=Reading(
            format=kind,
            encoding=encoding,
            delimiter="\t" if delimiter in ("\\t", "tab") else delimiter,
            has_quotes=not no_quotes,
        ),
        jobs=jobs,
        resume=resume,
        overwrite=overwrite,
    )
    with terminal.StageProgress() as progress:
        work = Run(plan, progress)
        if work.is_done:
            progress.stop()
            terminal.show_warning(f"{plan.out} is there already, and no run of it was interrupted")
            return
        with work.open() as journal, _hint(journal, work.rows):
            resumed_rows, asked = journal.rows, 0
            if journal.rows < work.rows:
                progress.stop()
                with _open_matcher(settings, url) as opened:
                    progress.resume()
                    asked = run(_match(work, opened, journal))
            summary = work.write(journal, asked=asked, resumed_rows=resumed_rows)
    if as_json:
        print_json(summary)
    else:
        terminal.show_matched(summary)


@contextlib.contextmanager
def _hint(journal: Journal, rows: int) -> Iterator[None]:
    """Say of a run that ends early how it goes on."""
    try:
        yield
    except BaseException:
        if not journal.rows:  # nothing to go on with
            journal.remove()
            raise
        terminal.show_warning(
            f"{journal.rows:,} of {rows:,} rows are kept: the same command with --resume goes on from there"
        )
        raise


Opened = contextlib.AbstractAsyncContextManager[Matcher]


@contextlib.contextmanager
def _open_matcher(settings: Settings, url: str | None) -> Iterator[Opened]:
    """Yield whom to ask, still to be entered: the engine, started if need be, or a service."""
    if url is not None:
        from marquee.matching.service import open_service  # and httpx with it

        yield open_service(url, settings.token)
        return
    with open_engine(settings) as endpoint:
        yield open_lookup(endpoint, settings.index_prefix)


async def _match(work: Run, opened: Opened, journal: Journal) -> int:
    async with opened as matcher:
        return await work.match(matcher, journal)
