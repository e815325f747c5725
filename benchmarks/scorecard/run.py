"""A run: section after section, each saved when it is done, so that whatever happens later loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import swaps
from benchmarks.peers.protocol import Corpus
from benchmarks.peers.registry import MARQUEE, PEERS, Spec, Starter
from benchmarks.runner import OUT, describe_machine
from benchmarks.scorecard import corpora, growth, promises, quality, reindexing, speed
from benchmarks.scorecard.lineup import line_up
from benchmarks.scorecard.results import (
    SECTIONS,
    Growth,
    Meta,
    Point,
    Promises,
    Quality,
    Reindex,
    Scorecard,
    Speed,
    read_scorecard,
    write_scorecard,
)
from marquee.engine.cluster import Endpoint
from marquee.errors import ConflictError

TEN_MILLION = "ten_million"
QUICK_EVERY = 4
"""A quick run asks for every fourth name."""
NAMES, QUICK_NAMES = 100, 25
"""Whose names are completed."""
BUILDS = 3
"""Of each index in the section of speed, for the spread of its seconds."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is run: see the command's --help."""

    sections: tuple[str, ...] = SECTIONS
    quick: bool = False
    only: tuple[str, ...] = tuple(PEERS)
    every: int | None = None
    names: int | None = None
    sizes: tuple[int, ...] | None = None
    people: int | None = None
    queries: str | None = None
    data: str | None = None


class Progress(msgspec.Struct):
    """What a run has finished: kept in a file until the next one begins afresh."""

    options: Options
    card: Scorecard


class Run:
    """One run of the scorecard."""

    def __init__(
        self,
        options: Options,
        command: str,
        endpoint: Endpoint,
        starter: Starter,
        *,
        work: Path,
        prefix: str,
        engine: str,
        progress: Path,
    ) -> None:
        """Take everything that sections need.

        Args:
            options: what is run.
            command: as it was typed, for the report.
            endpoint: the engine.
            starter: of the peers.
            work: a folder for data, this run's own.
            prefix: of the indexes made here.
            engine: Elasticsearch's version.
            progress: the file for what is finished.
        """
        self._options, self._command, self._engine = options, command, engine
        self._endpoint, self._starter, self._prefix = endpoint, starter, prefix
        self._work, self._progress = work, progress
        self.card = Scorecard()
        self.failures: dict[str, str] = {}
        """Sections that ended early, and why; and where Marquee itself was not measured."""

    def resume(self) -> list[str]:
        """Take over what a run with these options finished; return the names of its sections."""
        try:
            found = msgspec.json.decode(self._progress.read_bytes(), type=Progress)
        except (OSError, msgspec.DecodeError):
            return []
        if msgspec.structs.replace(found.options, sections=()) != msgspec.structs.replace(
            self._options, sections=()
        ):
            return []
        self.card = found.card
        return [name for name in self._options.sections if getattr(self.card, name) is not None]

    def go(self, done: Sequence[str], save: Callable[[Scorecard], None]) -> None:
        """Run the sections that are not done; `save` gets the card after each of them.

        A section that fails is noted and the next one begins.
        """
        measure: dict[str, Callable[[], Any]] = {
            "quality": self._quality,
            "speed": self._speed,
            "growth": self._growth,
            TEN_MILLION: self._ten_million,
            "promises": self._promises,
            "reindex": self._reindex,
        }
        for name in self._options.sections:
            if name in done:
                OUT.print(f"[bold]{name}[/]: done before")
                continue
            OUT.print(f"[bold]{name}[/]")
            began = time.monotonic()
            try:
                setattr(self.card, name, measure[name]())
            except Exception as error:  # of an hour's run, one section must not take the others with it
                self.failures[name] = " ".join(str(error).split())[:300] or type(error).__name__
                OUT.print(
                    f"  not finished: {self.failures[name]}", style="red", highlight=False, markup=False
                )
                continue
            self._note_marquee(name)
            write_progress(self._progress, Progress(self._options, self.card))
            save(self.card)
            OUT.print(f"  {time.monotonic() - began:.0f} s", style="dim", highlight=False)

    def _note_marquee(self, section: str) -> None:
        found = getattr(self.card, section)
        if reason := found.meta.not_measured.get(MARQUEE):
            self.failures[section] = f"Marquee itself: {reason}"

    def _specs(self) -> dict[str, Spec]:
        return {name: spec for name, spec in PEERS.items() if name in self._options.only}

    def _quality(self) -> Quality:
        began, options = time.monotonic(), self._options
        corpus = self._corpus()
        every = options.every or (QUICK_EVERY if options.quick else 1)
        names = options.names if options.names is not None else QUICK_NAMES if options.quick else NAMES
        given = Path(options.queries) if options.queries else None
        questions = quality.Questions(corpus, given, every, names)
        with line_up(self._starter, self._specs(), corpus) as lineup:
            peers = quality.measure(lineup, questions)
            left_out = (
                f", {questions.misspelt.absent} for people not in it left out"
                if questions.misspelt.absent
                else ""
            )
            data = f"{self._data(corpus)}, queries {questions.misspelt.label.split()[0]}{left_out}"
            labels = {"misspelt": questions.misspelt.label, "right": questions.right.label}
            return Quality(meta=self._meta(data, began, lineup.not_measured), queries=labels, peers=peers)

    def _speed(self) -> Speed:
        began, quick = time.monotonic(), self._options.quick
        corpus, plan = self._corpus(), speed.QUICK if quick else speed.FULL
        with line_up(self._starter, self._specs(), corpus, 1 if quick else BUILDS) as lineup:
            peers = speed.measure(lineup, corpus, plan)
            meta = self._meta(self._data(corpus), began, lineup.not_measured)
            return Speed(meta=meta, people=corpus.people, rounds=plan.rounds, peers=peers)

    def _growth(self) -> Growth:
        sizes = self._options.sizes or (growth.QUICK_SIZES if self._options.quick else growth.SIZES)
        return self._grow(sizes)

    def _ten_million(self) -> Growth:
        return self._grow((growth.TEN_MILLION,))

    def _grow(self, sizes: Sequence[int]) -> Growth:
        began = time.monotonic()
        peers, missing = growth.measure(self._starter, self._specs(), sizes, self._work)
        return Growth(meta=self._meta("made-up people (`marquee synth`)", began, missing), peers=peers)

    def _promises(self) -> Promises:
        began, quick = time.monotonic(), self._options.quick
        people = self._options.people or (promises.QUICK_PEOPLE if quick else promises.FULL_PEOPLE)
        corpus = corpora.make(people, self._work / f"synth-{people}")
        with line_up(self._starter, promises.SPECS, corpus, 1 if quick else 2) as lineup:
            plan = promises.QUICK if quick else promises.FULL
            rows = promises.measure(lineup, corpus, plan, self._largest())
            data = f"{corpus.people:,} made-up people"
            return Promises(meta=self._meta(data, began, lineup.not_measured), rows=rows)

    def _largest(self) -> Point | None:
        """Return what Marquee cost at the largest size of the growth, if that was measured."""
        grown = self.card.growth.peers.get(MARQUEE) if self.card.growth else None
        return max(grown.points, key=lambda point: point.people) if grown else None

    def _reindex(self) -> Reindex:
        began = time.monotonic()
        plan = reindexing.QUICK if self._options.quick else reindexing.FULL
        if self._options.people:
            plan = msgspec.structs.replace(plan, people=self._options.people)
        work = self._work / "swaps"
        outcome = asyncio.run(swaps.run(self._endpoint, plan, work, f"{self._prefix}-swaps"))
        return reindexing.summarise(outcome, plan, self._meta(f"{plan.people:,} made-up people", began, {}))

    def _corpus(self) -> Corpus:
        if self._options.data:
            return corpora.prepare(Path(self._options.data), self._work / "data")
        return corpora.prepare_sample(self._work / "sample")

    def _data(self, corpus: Corpus) -> str:
        return f"{corpus.people:,} people of {'a folder' if self._options.data else 'the sample'}"

    def _meta(self, data: str, began: float, not_measured: Mapping[str, str]) -> Meta:
        own = {"Marquee": version("marquee-search"), "Elasticsearch": self._engine}
        return Meta(
            command=self._command,
            quick=self._options.quick,
            machine=describe_machine(),
            data=data,
            software=own | self._starter.versions(),
            taken_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            seconds=round(time.monotonic() - began, 1),
            not_measured=dict(not_measured),
        )


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file: two runs would delete each other's indexes.

    Raises:
        ConflictError: another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError("another run of the scorecard is under way") from None
        yield


def write_progress(path: Path, progress: Progress) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(progress))
    beside.replace(path)


def merge(path: Path, card: Scorecard) -> None:
    """Put what a run measured into a file, and leave what it did not measure as it is there."""
    try:
        merged = read_scorecard(path)
    except (OSError, msgspec.DecodeError):
        merged = Scorecard()
    for name in Scorecard.__struct_fields__:
        if (found := getattr(card, name)) is not None:
            setattr(merged, name, found)
    write_scorecard(path, merged)
