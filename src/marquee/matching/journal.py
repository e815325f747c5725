"""What was answered so far, beside the output: a line for each row, in their order.

It is only ever appended to. A process that was killed while it wrote leaves half a line at the most, which
the next one cuts off; so no row is lost that was told, and none is there twice. The output is made of it at
the end, and moved into place when it is whole.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from marquee.errors import ConflictError, TableError
from marquee.matching.columns import Outcome

VERSION = 1


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal is of: its first line. Of another job, it is of no use."""

    version: int = VERSION
    digest: str
    """Of the input's bytes."""
    rows: int
    name: str
    born: str | None = None
    title: str | None = None
    candidates: int = 0
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    no_quotes: bool = False


class Generation(msgspec.Struct, frozen=True):
    """From here on, rows were answered from this generation."""

    generation: str


_OUTCOME = msgspec.json.Decoder(Outcome)
_GENERATION = msgspec.json.Decoder(Generation)


class Journal:
    """The journal of one output. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open it, or begin it, and keep other runs out.

        Raises:
            ConflictError: another run has it.
            OSError: it cannot be written there.
        """
        self.path = path
        self.rows = 0
        """The rows that are in it."""
        self.generations: list[str] = []
        """From which they were answered, in order."""
        self._file = path.open("a+b", buffering=0)  # closed at exit
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the one that had it may have ended, and removed it, since it was opened
            is_there = path.exists() and os.path.samestat(path.stat(), os.fstat(self._file.fileno()))
        except BlockingIOError:
            is_there = False
        if not is_there:
            self._file.close()
            raise ConflictError(f"another run is at work on {path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def is_new(self) -> bool:
        """Whether nothing is in it yet."""
        return os.fstat(self._file.fileno()).st_size == 0

    def begin(self, job: Job) -> None:
        """Make it the journal of a job, forgetting what is in it."""
        self._file.truncate(0)
        self.rows, self.generations = 0, []
        self._write(msgspec.json.encode(job) + b"\n")

    def resume(self, job: Job) -> None:
        """Take it up where it ends, cutting off what is not whole.

        Raises:
            ConflictError: it is of another job.
        """
        self._check_job(job)
        end, last = 0, ""
        with self.path.open("rb") as file:
            end += len(file.readline())
            for line in file:
                if not line.endswith(b"\n") or self.rows == job.rows:
                    break
                try:
                    if line.startswith(b"{"):
                        last = _GENERATION.decode(line).generation
                        self._remember(last)
                    else:
                        _OUTCOME.decode(line)
                        self.rows += 1
                except (msgspec.DecodeError, UnicodeError):
                    break  # after a power cut, a block that was never written is full of zeros
                end += len(line)
        self._file.truncate(end)

    def _check_job(self, job: Job) -> None:
        with self.path.open("rb") as file:
            line = file.readline()
        begin_anew = "begin anew with --overwrite"
        try:
            own = msgspec.json.decode(line, type=Job)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ConflictError(f"{self.path} is no journal of a match: {begin_anew}") from error
        if own.version != VERSION:
            raise ConflictError(f"{self.path} is of another release of Marquee: {begin_anew}")
        if (own.digest, own.rows) != (job.digest, job.rows):
            raise ConflictError(f"the input is not the one that {self.path} was begun with: {begin_anew}")
        for field in ("name", "born", "title", "candidates", "format", "encoding", "delimiter", "no_quotes"):
            before, now = getattr(own, field), getattr(job, field)
            if before != now:
                told, instead = _tell_option(field, before), _tell_option(field, now)
                raise ConflictError(
                    f"{self.path} was begun with {told}, not {instead}: use that, or {begin_anew}"
                )

    def _remember(self, generation: str) -> None:
        if generation not in self.generations:
            self.generations.append(generation)

    def append(self, lines: Sequence[bytes], generation: str = "") -> None:
        """Add rows, each an encoded outcome; where they were asked, from that generation.

        Raises:
            TableError: there is no room for them.
        """
        block = list(lines)
        if generation and generation not in self.generations:
            block.insert(0, msgspec.json.encode(Generation(generation)))
            self._remember(generation)
        self._write(b"\n".join(block) + b"\n" if block else b"")
        self.rows += len(lines)

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        try:
            while rest:  # the last bytes of a disk take a part of a write
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise TableError(f"{self.path} cannot be written: {error.strerror}") from error

    def read_outcomes(self) -> Iterator[Outcome]:
        """Yield what became of each row."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                if not line.startswith(b"{"):
                    yield _OUTCOME.decode(line)

    def remove(self) -> None:
        """Remove it: the output is in its place."""
        self.path.unlink(missing_ok=True)


def _tell_option(field: str, value: object) -> str:
    option = f"--{field.replace('_', '-')}"
    if value is None or value is False:
        return f"no {option}"
    return option if value is True else f"{option} {value}"
