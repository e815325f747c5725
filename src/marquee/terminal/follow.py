"""A job's state, shown as the stages of work in this process are."""

from __future__ import annotations

from marquee.reindex.job import Job
from marquee.terminal.progress import StageProgress


class JobFollower:
    """Shows a job on progress bars each time it is called with the job's state, wherever the job runs."""

    def __init__(self, progress: StageProgress) -> None:
        self._progress = progress
        self._stage, self._done, self._ended = "", 0, 0

    def __call__(self, job: Job, /) -> None:
        """Show the state."""
        for each in job.figures.get("stages", [])[self._ended :]:
            # Short ones come and go between two states.
            self._show(each["stage"], each["done"], each["done"] or None, each["unit"])
            self._progress.finish(each["took_s"])
            self._stage, self._ended = "", self._ended + 1
        if job.has_ended:
            self._progress.finish()
            return
        if job.stage is None and self._ended:  # between two stages
            return
        amount = job.progress
        stage = job.stage or ("waiting for a worker" if job.state == "requested" else "beginning")
        self._show(
            stage,
            amount.done if amount else 0,
            amount.total if amount else None,
            amount.unit if amount else "rows",
        )
        self._progress.tell_whole(job.percent, job.eta_s)

    def pause(self, why: str) -> None:
        """Show why nothing is heard of the job, until the next call with its state."""
        self._show(why, 0, None, "rows")

    def _show(self, stage: str, done: int, total: int | None, unit: str) -> None:
        if stage != self._stage:
            self._stage, self._done = stage, 0
            self._progress.start(stage, total, unit)
        if done > self._done:
            self._progress.advance(done - self._done)
            self._done = done
