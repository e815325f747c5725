"""Interleaved repetitions with their spread, under a header that names machine, data and versions.

Machines drift: a comparison of A with B is made A B A B … in one run and told as the ratio of each pair.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Console(width=110)


def describe_machine() -> str:
    """Return "2 cores of Xeon …, 24 GiB, Linux 6.1, Python 3.11.7"."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":")[1].strip() if lines else model
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}"
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, {memory_gib:.0f} GiB, {system}, {python}"


def print_header(title: str, data: str, engine: str, packages: Sequence[str] = ()) -> None:
    """Print what a figure below is to be read with."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("marquee-search", *packages))
    OUT.print(f"[bold]{title}[/]")
    for name, value in (
        ("machine", describe_machine()),
        ("data", data),
        ("engine", f"Elasticsearch {engine}"),
        ("software", versions),
    ):
        OUT.print(f"  {name:<9}{value}", highlight=False)


async def interleave(
    candidates: Mapping[str, Callable[[], Awaitable[float]]], repetitions: int, warmups: int = 1
) -> dict[str, list[float]]:
    """Run each candidate in turn, `warmups` times uncounted, then `repetitions` times.

    Returns the figures each candidate returned, in order, so that equal positions are pairs.
    """
    figures: dict[str, list[float]] = {name: [] for name in candidates}
    for repetition in range(warmups + repetitions):
        for name, run in candidates.items():
            figure = await run()
            if repetition >= warmups:
                figures[name].append(figure)
    return figures


def print_figures(figures: Mapping[str, Sequence[float]], unit: str, baseline: str) -> None:
    """Print each candidate's minimum, median and maximum, and its ratio to the baseline pair by pair."""
    table = Table(box=None, header_style="dim")
    for column in ("", f"min {unit}", "median", "max", f"ratio to {baseline}", "min", "max"):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in figures.items():
        ratios = [value / base for value, base in zip(values, figures[baseline], strict=True)]
        table.add_row(
            name,
            *(f"{value:,.0f}" for value in (min(values), statistics.median(values), max(values))),
            *(f"{ratio:.2f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))),
        )
    OUT.print(table)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of them, 0 to 1, does not exceed; not a number where there is none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def fit_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent e of cost = a * size ** e, by least squares on the logarithms; 1 is linear."""
    return statistics.linear_regression(list(map(math.log, sizes)), list(map(math.log, costs))).slope
