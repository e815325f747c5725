"""The tables of the quality benchmark. All figures of answers in percent, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from benchmarks.completion import Completion
from benchmarks.figures import Corrections, Estimate, Judged, Recall, Reliability
from benchmarks.runner import OUT


def _percent(figure: Estimate) -> str:
    return f"{figure.mean:6.1%} [dim]{figure.low:.1%}-{figure.high:.1%}[/]".replace("%", "")


def _table(title: str, *columns: str) -> Table:
    OUT.print(f"[bold]{title}[/]", highlight=False)
    table = Table(box=None, header_style="dim")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", no_wrap=True)
    return table


def print_recall(title: str, groups: Mapping[str, Recall]) -> None:
    """Print one row for each group of queries."""
    columns = ("recall@1", "recall@5", "recall@10", "MRR")
    table = _table(f"{title}: percent, macro by name", "", "names", "queries", *columns)
    for group, recall in groups.items():
        figures = (recall.at_1, recall.at_5, recall.at_10, recall.mrr)
        table.add_row(group, f"{recall.names:,}", f"{recall.queries:,}", *map(_percent, figures))
    OUT.print(table, "")


def print_corrections(title: str, corrections: Corrections, typed_right: bool) -> None:
    """Print what was proposed; on right queries every proposal is a wrong one."""
    OUT.print(f"[bold]{title}[/]")
    if typed_right:
        OUT.print(f"  first hit is somebody else   {corrections.answered_otherwise:6.2%} of queries")
        OUT.print(f"  did_you_mean wrongly given   {corrections.given:6.2%} of queries")
    else:
        OUT.print(f"  did_you_mean given           {corrections.given:6.1%} of queries")
        OUT.print(f"  and right                    {corrections.right:6.1%} of those given")
    OUT.print("")


def print_reliability(reliability: Reliability) -> None:
    """Print what the first hit's score promises, and what came true."""
    table = _table("Score of the first hit: all queries of the files above", "score", "hits", "mean", "right")
    for each in reliability.bins:
        span = f"{each.low:.1f} to {each.high:.1f}"
        table.add_row(span, f"{each.count:,}", f"{each.mean_score:.3f}", f"{each.share_right:.3f}")
    OUT.print(table)
    OUT.print(f"  expected calibration error {reliability.calibration_error:.3f}\n", highlight=False)


def print_completion(completion: Completion) -> None:
    """Print success by what is typed."""
    title = f"Suggest: among the first five, percent of {completion.names:,} names"
    table = _table(title, "letters typed", "clean", "one slip")
    for length in sorted(completion.clean_by_length):
        cells = [
            _percent(found[length]) if length in found else ""
            for found in (completion.clean_by_length, completion.slip_by_length)
        ]
        table.add_row(str(length), *cells)
    OUT.print(table)
    keys, saved = completion.keystrokes, completion.keystrokes_saved
    OUT.print(f"  one slip, over all these lengths  {_percent(completion.slip)}", highlight=False)
    OUT.print(f"  first letter wrong, 8 typed       {_percent(completion.first_letter)}", highlight=False)
    OUT.print(
        f"  keystrokes until among them       {keys.mean:6.2f} [dim]{keys.low:.2f}-{keys.high:.2f}[/], "
        f"{saved.mean:.0%} of the name saved",
        highlight=False,
    )
    OUT.print("")


def print_latency(rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print milliseconds at one client."""
    table = _table("Latency at the client, one at a time, ms", "", "p50", "p95", "p99")
    for name, figures in rows.items():
        table.add_row(name, *(f"{figure:.1f}" for figure in figures.values()))
    OUT.print(table, "")


def print_differences(rows: Mapping[str, Estimate]) -> None:
    """Print paired differences to another run, in points."""
    table = _table("Against the other run: points, paired by name", "", "difference", "95 %")
    for name, found in rows.items():
        span = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
        table.add_row(name, f"{100 * found.mean:+.1f}", span)
    OUT.print(table, "")


def print_failures(failed: Sequence[Judged]) -> None:
    """Print queries whose first hit is wrong."""
    table = _table("First hit is wrong", "query", "meant", "rank", "first hit", "score")
    for each in failed:
        name, score = (each.first.name, f"{each.first.score:.2f}") if each.first else ("nobody", "")
        rank = str(each.rank) if each.rank else "none"
        table.add_row(escape(each.query.query), escape(each.query.correct_name), rank, escape(name), score)
    OUT.print(table, "")


def print_absent(title: str, names: Iterable[str], queries: int) -> None:
    """Print what can't be found because it is not there."""
    listed = sorted(names)
    if listed:
        shown = ", ".join(listed[:8]) + (" …" if len(listed) > 8 else "")
        left_out = f"{title}: {len(listed)} names ({queries} queries) are not in the index and are left out"
        OUT.print(f"[yellow]{left_out}: {shown}[/]\n", highlight=False)
