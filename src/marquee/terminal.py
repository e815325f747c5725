"""What a person at a terminal sees: progress bars, tables, one line for an error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.console import Console, Group
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from marquee.catalog.documents import KnownFor
from marquee.engine.mappings import Kind
from marquee.engine.node import NodeStatus
from marquee.reindex.status import Status
from marquee.search.answer import Hit, SearchAnswer, SuggestAnswer

if TYPE_CHECKING:  # the pipeline brings Polars with it, which a search does without
    from marquee.reindex.pipeline import Outcome

# Answers go to standard output, everything about how they came to be to standard error.
OUT = Console()
ERR = Console(stderr=True)


class _CountColumn(ProgressColumn):
    """Rows as "1,234/28,079 rows", bytes as "12.3/98.1 MB", nothing where there is nothing to count."""

    def __init__(self) -> None:
        super().__init__()
        self._rows, self._bytes = MofNCompleteColumn(), DownloadColumn()

    def render(self, task: Task) -> Text:
        if not task.completed and task.total is None:
            return Text()
        if task.fields["unit"] == "bytes":
            return self._bytes.render(task)
        total = f"/{task.total:,.0f}" if task.total is not None else ""
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}", style="progress.download")


class _RateColumn(ProgressColumn):
    """Units per second: the live rate, or the mean of an ended stage."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if not rate:
            return Text()
        if task.fields["unit"] == "bytes":
            return Text(f"{rate / 1e6:,.1f} MB/s", style="progress.data.speed")
        return Text(f"{rate:,.0f} {task.fields['unit']}/s", style="progress.data.speed")


class StageProgress:
    """Shows the stages of long work: live bars on a terminal, one line per ended stage elsewhere.

    Use as a context manager; it is a `marquee.progress.Progress`.
    """

    def __init__(self, console: Console = ERR) -> None:
        self._console = console
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            _CountColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage, self._unit, self._done, self._began = "", "", 0, 0.0

    def __enter__(self) -> StageProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stop(self) -> None:
        """Leave the bars as they stand."""
        self._bars.stop()

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Begin a stage, ending the one before."""
        self.finish()
        self._task = self._bars.add_task(f"{stage:<24}", total=total, unit=unit)
        self._stage, self._unit, self._done, self._began = stage, unit, 0, time.monotonic()

    def advance(self, amount: int) -> None:
        """Count units of the current stage as done."""
        self._done += amount
        if self._task is not None:
            self._bars.advance(self._task, amount)

    def finish(self) -> None:
        """End the current stage."""
        if self._task is None:
            return
        # Where the total was not known, what was done is all there was.
        self._bars.update(self._task, total=self._done or 1, completed=self._done or 1)
        self._task = None
        if not self._console.is_terminal:
            took_s = time.monotonic() - self._began
            amount = f"{self._done:,} {self._unit}, " if self._done else ""
            self._console.print(f"{self._stage}: {amount}{took_s:.1f} s", highlight=False)


def _format_years(birth: int | None, death: int | None) -> str:
    """Return "1980–", "1922–2016" or ""."""
    return f"{birth or '?'}–{death or ''}" if birth or death else ""


def _format_known_for(known_for: tuple[KnownFor, ...]) -> str:
    return ", ".join(f"{each.title} ({each.year})" if each.year else each.title for each in known_for[:3])


def show_search(answer: SearchAnswer, explain: bool) -> None:
    """Print hits as a table."""
    if answer.did_you_mean:
        OUT.print(f"Did you mean [bold]{escape(answer.did_you_mean)}[/]?")
    if not answer.hits:
        OUT.print(f"Nobody found for [bold]{escape(answer.query)}[/].")
        return
    table = _table()
    has_years = any(hit.birth_year or hit.death_year for hit in answer.hits)
    for column in ("score", "", "name", *(["years"] if has_years else []), "match"):
        table.add_column(column, no_wrap=True)
    table.add_column("known for", min_width=12)
    table.add_column("id", no_wrap=True)
    for hit in answer.hits:
        table.add_row(
            f"{hit.score:.2f}",
            Bar(1.0, 0, hit.score, width=5, color="yellow"),
            Text(hit.name, style="bold"),
            *([_format_years(hit.birth_year, hit.death_year)] if has_years else []),
            _format_match(hit),
            _clip(_format_known_for(hit.known_for)),
            Text(hit.nconst, style="dim"),
        )
    note = "several people bear this name, " if answer.ambiguous else ""
    footer = Text(f"{note}{answer.took_ms:.1f} ms, generation {answer.generation}", style="dim")
    OUT.print(Group(table, footer))
    if explain:
        _show_explanation(answer)


def _clip(text: str) -> Text:
    """Return text that is cut to the room its column has left, so that the other columns stay whole."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="dim", expand=False)


def _format_match(hit: Hit) -> str:
    edits = f", {hit.match.edits} edit{'s' * (hit.match.edits != 1)}" if hit.match.edits else ""
    return hit.match.kind + edits


def _show_explanation(answer: SearchAnswer) -> None:
    OUT.print(Text("\nwhat each rank is made of", style="bold"))
    table = _table()
    for column in ("name", "fits", "exact", "popular", "born", "title", "= rank", "found by"):
        table.add_column(column, no_wrap=column != "found by")
    for hit in answer.hits:
        if hit.explanation:
            parts = hit.explanation
            numbers = (parts.name, parts.exact, parts.popularity, parts.born, parts.title, parts.rank)
            table.add_row(Text(hit.name), *(f"{part:.3f}" for part in numbers), ", ".join(parts.routes))
    OUT.print(table)


def show_suggestions(answer: SuggestAnswer) -> None:
    """Print completions, the matched letters marked."""
    if not answer.suggestions:
        OUT.print(f"No completion for [bold]{escape(answer.query)}[/].")
        return
    table = _table()
    for column in ("name", "years", "known for", "id"):
        table.add_column(column, no_wrap=column != "known for")
    for each in answer.suggestions:
        units, name = each.name.encode("utf-16-le"), Text()
        cursor = 0
        for start, end in each.highlight:
            name.append(units[2 * cursor : 2 * start].decode("utf-16-le"))
            name.append(units[2 * start : 2 * end].decode("utf-16-le"), style="bold yellow")
            cursor = end
        name.append(units[2 * cursor :].decode("utf-16-le"))
        years = _format_years(each.birth_year, each.death_year)
        table.add_row(name, years, _clip(each.known_for or ""), Text(each.nconst, style="dim"))
    OUT.print(table)


def show_status(status: Status) -> None:
    """Print the service's state."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    mark = "[red]✗[/]" if status.degraded else "[green]✓[/]"
    table.add_row("engine", f"{mark} {status.engine.status} {status.engine.version or ''}")
    table.add_row("generation", status.generation or "none is live: run `marquee reindex --sample`")
    if status.source:
        published = f"published {status.source.published_at:%Y-%m-%d %H:%M}"
        table.add_row("source", f"{status.source.kind}, {published}")
        if status.data_age_s is None:
            table.add_row("data age", "does not apply to this source")
        else:
            state = "fresh" if status.fresh else "[red]older than 24 h[/]"
            table.add_row("data age", f"{status.data_age_s / 3600:.1f} h, {state}")
        table.add_row("holds", ", ".join(f"{count:,} {kind}" for kind, count in status.counts.items()))
        table.add_row("attribution", Text(status.attribution))
    OUT.print(table)


def show_outcome(outcome: Outcome) -> None:
    """Print how a reindex ended."""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in outcome.counts.items())
    if outcome.built:
        OUT.print(f"[green]✓[/] {outcome.generation} is live: {counts}, built in {outcome.took_s:.1f} s")
    else:
        OUT.print(f"[green]✓[/] nothing to do: {outcome.generation} holds this source already ({counts})")


def show_node(status: NodeStatus) -> None:
    """Print the state of the managed node."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    mark = {"running": "[green]✓[/]", "failed": "[red]✗[/]"}.get(status.state, "·")
    table.add_row("state", f"{mark} {status.state}" + (" until `marquee node stop`" if status.kept else ""))
    table.add_row("version", f"Elasticsearch {status.version}")
    if status.url:
        table.add_row("address", status.url)
        table.add_row("process", f"{status.pid}, heap {status.heap_mb} MB, used by {len(status.users)}")
    table.add_row(
        "files", f"{status.home} ({decimal(status.data_bytes)} data, {decimal(status.cache_bytes)} cache)"
    )
    table.add_row("log", status.log_path)
    if status.reason:
        table.add_row("reason", Text(status.reason))
    OUT.print(table, soft_wrap=True)


def show_freed(size_bytes: int) -> None:
    """Print how much room a removal made."""
    OUT.print(f"[green]✓[/] removed, {decimal(size_bytes)} freed", highlight=False)


def show_welcome(
    address: tuple[str, int], generation: str | None = None, counts: Mapping[Kind, int] | None = None
) -> None:
    """Print where to look."""
    host, port = address[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    url = f"http://{shown}:{port}"
    lines = [f"[bold]Marquee[/] is up: [link={url}/]{url}/[/link]"]
    if generation and counts:
        held = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        lines.append(f"[dim]{generation}: {held}[/]")
    lines.append(f"try  [cyan]curl '{url}/v1/actors/search?q=jake+gylenhal'[/]")
    lines.append(f"API  {url}/schema    end with Ctrl-C")
    # Printed whole, whatever the width: people copy the address.
    for line in lines:
        OUT.print(line, highlight=False, soft_wrap=True)
    OUT.file.flush()


def show_error(message: str) -> None:
    """Print an error as one line."""
    ERR.print(Text.assemble(("error: ", "bold red"), " ".join(message.split())), soft_wrap=True)


def show_warning(message: str) -> None:
    """Print a warning as one line."""
    ERR.print(Text.assemble(("warning: ", "bold yellow"), message), soft_wrap=True)
