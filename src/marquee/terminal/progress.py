"""The stages of long work: live bars on a terminal, a line per ended stage elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from marquee.terminal.console import ERR


class _CountColumn(ProgressColumn):
    """Rows as "1,234/28,079 rows", bytes as "12.3/98.1 MB", nothing where there is nothing to count."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = DownloadColumn()

    def render(self, task: Task) -> Text:
        if not task.fields["unit"] or (not task.completed and task.total is None):
            return Text()
        if task.fields["unit"] == "bytes":
            return self._bytes.render(task)
        total = f"/{task.total:,.0f}" if task.total is not None else ""
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}", style="progress.download")


class _RateColumn(ProgressColumn):
    """Units per second: the live rate, or the mean of an ended stage."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if not rate or not task.fields["unit"]:
            return Text()
        if task.fields["unit"] == "bytes":
            return Text(f"{rate / 1e6:,.1f} MB/s", style="progress.data.speed")
        return Text(f"{rate:,.0f} {task.fields['unit']}/s", style="progress.data.speed")


def _format_rest(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


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

    def resume(self) -> None:
        """Let the bars move again after `stop`."""
        self._bars.start()

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

    def tell_whole(self, percent: float, eta_s: float | None) -> None:
        """Say how far the whole work is, beside the stage."""
        if self._task is not None:
            rest = f", {_format_rest(eta_s)} left" if eta_s is not None else ""
            whole = f"[dim]{percent:3.0f} % of all{rest}[/]"
            self._bars.update(self._task, description=f"{self._stage:<24}{whole}")

    def finish(self, took_s: float | None = None) -> None:
        """End the current stage; `took_s` where its time was taken elsewhere."""
        if self._task is None:
            return
        # Where the total was not known, what was done is all there was.
        unit = self._unit if self._done else ""
        self._bars.update(
            self._task,
            description=f"{self._stage:<24}",
            total=self._done or 1,
            completed=self._done or 1,
            unit=unit,
        )
        self._task = None
        if not self._console.is_terminal:
            took_s = time.monotonic() - self._began if took_s is None else took_s
            amount = f"{self._done:,} {self._unit}, " if self._done else ""
            self._console.print(f"{self._stage}: {amount}{took_s:.1f} s", highlight=False)
