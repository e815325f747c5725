"""Answers as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.bar import Bar
from rich.console import Group
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from marquee.catalog.documents import KnownFor
from marquee.engine.node import NodeStatus
from marquee.reindex.status import FileSummary, Status, format_span
from marquee.search.answer import Hit, SearchAnswer, SuggestAnswer
from marquee.terminal.console import OUT


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
    table = make_table()
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
            clip(_format_known_for(hit.known_for)),
            Text(hit.nconst, style="dim"),
        )
    note = "several people bear this name, " if answer.ambiguous else ""
    footer = Text(f"{note}{answer.took_ms:.1f} ms, generation {answer.generation}", style="dim")
    OUT.print(Group(table, footer))
    if explain:
        _show_explanation(answer)


def clip(text: str) -> Text:
    """Return text that is cut to the room its column has left, so that the other columns stay whole."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def make_table() -> Table:
    """Return an empty table in our manner."""
    return Table(box=None, pad_edge=False, header_style="dim", expand=False)


def _format_match(hit: Hit) -> str:
    edits = f", {hit.match.edits} edit{'s' * (hit.match.edits != 1)}" if hit.match.edits else ""
    return hit.match.kind + edits


def _show_explanation(answer: SearchAnswer) -> None:
    OUT.print(Text("\nwhat each rank is made of", style="bold"))
    table = make_table()
    for column in ("name", "fits", "exact", "popular", "born", "title", "= rank", "found by"):
        table.add_column(column, no_wrap=column != "found by")
    for hit in answer.hits:
        if hit.explanation:
            parts = hit.explanation
            numbers = (parts.name, parts.exact, parts.popularity, parts.born, parts.title, parts.rank)
            table.add_row(Text(hit.name), *(f"{part:.3f}" for part in numbers), ", ".join(parts.routes))
    OUT.print(table)
    for hit in answer.hits:
        if hit.explanation:
            OUT.print(Text(f"\n{hit.name}", style="bold"))
            for reason in hit.explanation.reasons:
                OUT.print(Text(f"  {reason}"))


def show_suggestions(answer: SuggestAnswer) -> None:
    """Print completions, the matched letters marked."""
    if not answer.suggestions:
        OUT.print(f"No completion for [bold]{escape(answer.query)}[/].")
        return
    table = make_table()
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
        table.add_row(name, years, clip(each.known_for or ""), Text(each.nconst, style="dim"))
    OUT.print(table)


def show_status(status: Status) -> None:
    """Print the service's state."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    mark = "[red]✗[/]" if status.degraded else "[green]✓[/]"
    blocked = "" if status.engine.writable else ", takes no writes: is its disk full?"
    table.add_row("engine", f"{mark} {status.engine.status} {status.engine.version or ''}{blocked}")
    nothing = "none is live: run `marquee reindex --sample`" if status.engine.version else "unknown"
    table.add_row("generation", status.generation or nothing)
    if status.source:
        published = f"published {status.source.published_at:%Y-%m-%d %H:%M}"
        table.add_row("source", f"{status.source.kind}, {published}")
        if status.data_age_s is None:
            table.add_row("data age", "does not apply to this source")
        else:
            state = "fresh" if status.fresh else "[red]older than 24 h[/]"
            table.add_row("data age", f"{format_span(status.data_age_s)}, {state}")
        table.add_row("holds", ", ".join(f"{count:,} {kind}" for kind, count in status.counts.items()))
        table.add_row("attribution", Text(status.attribution))
        for file, summary in status.quality.items():
            table.add_row(file, _format_quality(summary))
    if status.engine.version:
        for name, told in _describe_work(status):
            table.add_row(name, Text(told))
    OUT.print(table)


def _describe_work(status: Status) -> list[tuple[str, str]]:
    """Return what is told of reindexes and who does them."""
    now, told = datetime.now(UTC), []
    if status.last_success_at:
        told.append(("last success", f"{format_span((now - status.last_success_at).total_seconds())} ago"))
    if job := status.last_job:
        told.append(("last job", f"{job.id} {job.state}{f': {job.reason}' if job.reason else ''}"))
    if status.pinned:
        told.append(("pinned", f"{status.pinned}: nothing newer goes live until `marquee unpin`"))
    if status.workers is not None:
        told.append(("workers", f"{status.workers} alive" if status.workers else "none is alive"))
    if status.next_run_at:
        left_s = (status.next_run_at - now).total_seconds()
        told.append(("next look", f"in {format_span(left_s)}" if left_s > 0 else "now"))
    return told


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


def show_planted(folder: Path, planted: dict[str, dict[str, int]]) -> None:
    """Print where made-up files lie and what trouble is in them."""
    OUT.print(f"[green]✓[/] {folder}", highlight=False, soft_wrap=True)
    for file, kinds in planted.items():
        if kinds:
            told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
            OUT.print(f"  {file}: {told}", highlight=False)


def show_freed(size_bytes: int) -> None:
    """Print how much room a removal made."""
    OUT.print(f"[green]✓[/] removed, {decimal(size_bytes)} freed", highlight=False)


def _format_quality(summary: FileSummary) -> str:
    """Return "132,135 rows, all used" or what became of the others."""
    losses = {
        **summary.rejected,
        "duplicate": summary.duplicates,
        **{f"of an unknown {what}": count for what, count in summary.orphans.items()},
        **summary.left_out,
        **{f"unusable {column}": count for column, count in summary.nulled.items()},
    }
    told = [f"{count:,} {what}" for what, count in losses.items() if count]
    return f"{summary.rows:,} rows, {', '.join(told) or 'all used'}"
