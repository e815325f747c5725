"""What became of a file of names, as a table."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from marquee.matching.summary import Summary
from marquee.terminal.console import OUT


def show_matched(summary: Summary) -> None:
    """Print how many rows were matched, what became of the others, and where the output is."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_column(style="dim")

    def add(name: str, rows: int, note: str = "") -> None:
        share = f"{rows / summary.rows:.1%}" if summary.rows else ""
        table.add_row(name, f"{rows:,}", share, Text(note))

    add("rows", summary.rows)
    add("matched", summary.matched)
    if summary.ambiguous:
        add("  ambiguous", summary.ambiguous, "several people bear that name")
    add("below min score", summary.below_min_score)
    add("unmatched", summary.unmatched)
    for reason, each in summary.unusable.items():
        add(
            "  not asked", each.rows, f"the name {reason}: row {each.first_row:,}{' first' * (each.rows > 1)}"
        )
    add("empty", summary.empty)
    for hint, rows in summary.ignored_hints.items():
        add(f"{hint} not read", rows, "asked without it")
    resumed = f", {summary.resumed_rows:,} rows were there already" if summary.resumed_rows else ""
    told = f"{summary.seconds:,.1f} s, {summary.rate:,.0f} rows/s{resumed}"
    where = Text.assemble(("✓ ", "green"), summary.out)
    OUT.print(Group(table, Text(told, style="dim"), where), highlight=False, soft_wrap=True)
