"""A run: the input is checked from end to end, then asked row by row, then written with what was answered."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from marquee.errors import ConflictError, TableError
from marquee.matching.asking import Asking, Matcher
from marquee.matching.columns import Added, Outcome, Wanted
from marquee.matching.files import compress
from marquee.matching.journal import Job, Journal
from marquee.matching.summary import Summary
from marquee.matching.tables import Reading, check_output, open_table
from marquee.progress import Progress

SAY_EVERY_ROWS = 1_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be matched, and how."""

    path: Path
    out: Path
    wanted: Wanted
    added: Added = Added()
    reading: Reading = Reading()
    jobs: int = 4
    resume: bool = False
    overwrite: bool = False


class Run:
    """One run of a plan: `match`, unless `is_matched`, then `write`. Use `open_run`."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        """Check the input; nothing is written yet.

        Raises:
            SettingsError: an option is wrong.
            ConflictError: the output is there already.
            TableError: the input cannot be used.
        """
        self._plan, self._progress = plan, progress
        self._started = time.monotonic()
        self._compression = check_output(plan.path, plan.out, plan.reading)
        self._table = open_table(plan.path, plan.wanted, plan.added, plan.reading)
        self._journal_path = plan.out.with_name(f"{plan.out.name}.journal")
        is_begun = self._journal_path.exists() and self._journal_path.stat().st_size > 0
        self.is_done = plan.resume and not is_begun and plan.out.exists()
        """Whether the output is there, and nothing is to be resumed."""
        if not plan.resume and not plan.overwrite:
            if is_begun:
                raise ConflictError(
                    f"{plan.out} was begun and not ended: --resume goes on with it, --overwrite begins anew"
                )
            if plan.out.exists():
                raise ConflictError(f"{plan.out} is there already: --overwrite replaces it")
        if self.is_done:
            return
        file = self._table.file
        progress.start("checking", file.size_bytes, "bytes")
        self.rows = self._table.check(file.take_digest(lambda piece: progress.advance(len(piece))))
        progress.finish()

    @contextlib.contextmanager
    def open(self) -> Iterator[Journal]:
        """Open the journal, where this run goes on or begins; yields it."""
        job = Job(
            digest=self._table.file.digest,
            rows=self.rows,
            name=self._plan.wanted.name,
            born=self._plan.wanted.born,
            title=self._plan.wanted.title,
            candidates=self._plan.added.candidates,
            format=self._plan.reading.format,
            encoding=self._plan.reading.encoding,
            delimiter=self._plan.reading.delimiter,
            no_quotes=not self._plan.reading.has_quotes,
        )
        with Journal(self._journal_path) as journal:
            if self._plan.resume and not journal.is_new:
                journal.resume(job)
            else:
                journal.begin(job)
            yield journal

    async def match(self, matcher: Matcher, journal: Journal) -> int:
        """Ask for the rows that the journal does not have; return how many questions that took."""
        asking = Asking(matcher, journal, candidates=self._plan.added.candidates, jobs=self._plan.jobs)
        self._progress.start("matching", self.rows - journal.rows)
        await asking.run(self._table.read(journal.rows), self._progress)
        self._progress.finish()
        if journal.rows != self.rows:
            raise TableError(f"{self._plan.path} was changed while it was read")
        return asking.asked

    def write(self, journal: Journal, *, asked: int, resumed_rows: int) -> Summary:
        """Write the output, put it in its place, and return what became of the rows.

        Raises:
            TableError: it cannot be written; the journal stays, to be resumed from.
        """
        out, summary = self._plan.out, Summary(out=str(self._plan.out))
        part = out.with_name(f"{out.name}.partial")
        self._progress.start("writing", self.rows)
        try:
            with part.open("wb") as file:
                outcomes = self._watch(summary.count(journal.read_outcomes(), self._plan.added))
                if self._compression:
                    with compress(file, self._compression) as compressed:
                        self._table.write(compressed, outcomes)
                else:
                    self._table.write(file, outcomes)
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise TableError(f"{out} cannot be written: {error.strerror or error}") from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        journal.remove()
        self._progress.finish()
        seconds = time.monotonic() - self._started
        summary.asked, summary.resumed_rows = asked, resumed_rows
        summary.generations = journal.generations
        summary.seconds = round(seconds, 2)
        summary.rate = round((summary.rows - resumed_rows) / seconds, 1) if seconds else 0.0
        return summary

    def _watch(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        row = 0
        for row, outcome in enumerate(outcomes, 1):
            if not row % SAY_EVERY_ROWS:
                self._progress.advance(SAY_EVERY_ROWS)
            yield outcome
        self._progress.advance(row % SAY_EVERY_ROWS)
