"""Jobs, generations and differences as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.text import Text

from marquee.engine.generations import Generation
from marquee.engine.snapshots import Snapshot
from marquee.reindex.job import Job
from marquee.reindex.pin import Pin
from marquee.terminal.console import OUT
from marquee.terminal.tables import clip, make_table

_STATE_STYLES = {
    "succeeded": "green", "running": "cyan", "requested": "cyan", "refused": "red", "failed": "red",
    "cancelled": "yellow",
}  # fmt: skip


def show_done(text: str) -> None:
    """Print that something was done."""
    OUT.print(f"[green]✓[/] {escape(text)}", highlight=False, soft_wrap=True)


def show_worker(name: str, next_run_at: datetime | None) -> None:
    """Print that a worker runs, and when it looks next."""
    when = f"{next_run_at:%Y-%m-%d %H:%M} UTC" if next_run_at else "never: the schedule is off"
    OUT.print(f"worker {name} is up; looks at the source next: {when}", highlight=False, soft_wrap=True)
    OUT.file.flush()


def show_job(job: Job) -> None:
    """Print how a job ended, or that it waits."""
    if not job.has_ended:
        show_done(f"job {job.id} is {job.state}; follow it with `marquee jobs {job.id}`")
        return
    figures = job.figures
    counts = ", ".join(f"{count:,} {kind}" for kind, count in figures.get("counts", {}).items())
    note = f"; {job.reason}" if job.reason else ""
    if difference := figures.get("difference"):
        _show_difference(difference, counts)
    elif figures.get("swapped"):
        show_done(f"{job.generation} is live: {counts}, built in {figures.get('took_s', 0):.1f} s")
    elif figures.get("built"):
        show_done(f"{job.generation} is built: {counts}, in {figures.get('took_s', 0):.1f} s{note}")
    else:
        show_done(f"{job.generation or job.id}{note} ({counts})" if counts else f"{job.id}{note}")


def _show_difference(difference: dict[str, Any], counts: str) -> None:
    against = difference["against"] or "nothing"
    OUT.print(f"A dry run: nothing was indexed. It would hold {counts}; compared with {against}:")
    table = make_table()
    for column in ("", "added", "removed", "changed", "unchanged"):
        table.add_column(column, justify="right" if column else "left")
    kinds = ("actors", "titles")
    for kind in kinds:
        found = difference[kind]
        table.add_row(kind, *(f"{found[each]:,}" for each in ("added", "removed", "changed", "unchanged")))
    OUT.print(table)
    for kind in kinds:
        for change in ("added", "removed", "changed"):
            examples = difference[kind][f"most_popular_{change}"]
            if examples:
                OUT.print(Text(f"\n{kind} {change}, the most popular", style="bold"))
                for each in examples:
                    fields = f"  {', '.join(each['fields'])}" if each["fields"] else ""
                    OUT.print(Text.assemble(f"  {each['name']} ", (f"{each['id']}{fields}", "dim")))


def show_jobs(jobs: Sequence[Job]) -> None:
    """Print jobs as a table, newest first."""
    if not jobs:
        OUT.print("No job was asked for yet: `marquee reindex`, or POST /v1/admin/jobs.")
        return
    table = make_table()
    # When it was asked for stands in its id; 80 columns have no room to say it twice.
    for column in ("job", "state", "by", "took"):
        table.add_column(column, no_wrap=True)
    table.add_column("outcome", min_width=18)
    for job in jobs:
        state = f"{job.state} {job.percent:.0f} %" if job.state == "running" else job.state
        table.add_row(
            job.id,
            Text(state, style=_STATE_STYLES[job.state]),
            job.requested_by,
            _format_time(job),
            clip(job.reason or job.generation or job.stage or ""),
        )
    OUT.print(table)


def _format_time(job: Job) -> str:
    if job.started_at is None or job.ended_at is None:
        return ""
    return f"{(job.ended_at - job.started_at).total_seconds():,.1f} s"


def show_generations(listed: Sequence[Generation], pin: Pin | None) -> None:
    """Print generations as a table, newest first."""
    if not listed:
        OUT.print("Nothing was built yet: run `marquee reindex --sample`.")
        return
    table = make_table()
    # What is copied or short is shown whole in 80 columns; the last two take more lines.
    for column in ("generation", "state", "source", "published"):
        table.add_column(column, no_wrap=True)
    table.add_column("holds", min_width=len("1,000,000"))
    table.add_column("gate", overflow="fold")
    for each in listed:
        meta = each.meta
        table.add_row(
            Text(each.id, style="bold" if each.live else ""),
            _format_state(each, pin),
            meta.source.kind if meta else "",
            f"{meta.source.published_at:%Y-%m-%d %H:%M}" if meta else "",
            ", ".join(f"{count:,} {kind}" for kind, count in meta.shown_counts.items()) if meta else "",
            _format_gate(meta.gate if meta else {}),
        )
    OUT.print(table)


def show_backups(listed: Sequence[Snapshot]) -> None:
    """Print what the snapshot repository holds, newest first."""
    if not listed:
        OUT.print("Nothing is backed up: run `marquee backup`.")
        return
    table = make_table()
    for column in ("generation", "state", "begun", "size"):
        table.add_column(column, justify="right" if column == "size" else "left", no_wrap=True)
    for each in listed:
        is_whole = each.state == "SUCCESS"
        table.add_row(
            Text(each.generation, style="bold" if is_whole else ""),
            Text(
                "whole" if is_whole else each.state.lower().replace("_", " "), style="" if is_whole else "red"
            ),
            f"{each.begun_at:%Y-%m-%d %H:%M}",
            f"{each.size_bytes / 1e6:,.1f} MB" if each.size_bytes is not None else "",
        )
    OUT.print(table)


def _format_state(generation: Generation, pin: Pin | None) -> Text:
    if generation.live:
        state = Text("live", style="bold green")
    elif not generation.complete:
        state = Text("incomplete", style="dim")
    else:
        state = Text(generation.set_aside or "kept", style="red" if generation.set_aside == "refused" else "")
    if pin and pin.generation == generation.id:
        state.append(", pinned", style="yellow")
    return state


def _format_gate(report: dict[str, Any]) -> str:
    if not report:
        return ""
    failed = [each["name"] for each in report["checks"] if not each["passed"]]
    if not failed:
        return f"{len(report['checks'])} passed"
    return f"{'forced' if report['forced'] else 'refused'}: {', '.join(failed)}"
