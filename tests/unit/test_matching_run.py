"""A run from rows to journal to output: order, what is asked, and where it goes on after any end."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from marquee.errors import ConflictError, EngineRejectedError, EngineUnavailableError, TableError
from marquee.matching import asking
from marquee.matching.columns import Added, Fields, Outcome, Wanted
from marquee.matching.journal import Job, Journal
from marquee.matching.questions import Question, understand
from marquee.matching.run import Plan, Run
from marquee.matching.summary import Summary
from marquee.matching.tables import Reading
from marquee.progress import SILENT
from marquee.search.answer import Hit, Match, MatchAnswer, MatchResult
from marquee.search.request import MatchQuery, MatchRequest

pytestmark = pytest.mark.anyio


class Scripted:
    """Answers each name with itself, in no order; fails where it is told to."""

    def __init__(self, fail_at: int = 0, error: Exception | None = None) -> None:
        self.requests: list[list[MatchQuery]] = []
        self.under_way = self.most_under_way = 0
        self._fail_at, self._error = fail_at, error or EngineRejectedError("no more")
        self._rng = Random(1)

    @property
    def names(self) -> list[str]:
        return [query.name for request in self.requests for query in request]

    async def match(self, request: MatchRequest) -> MatchAnswer:
        self.requests.append(request.queries)
        if len(self.requests) == self._fail_at:
            raise self._error
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        await asyncio.sleep(self._rng.random() / 100)
        self.under_way -= 1
        return MatchAnswer(
            generation="v1-a" if len(self.requests) < 4 else "v1-b",
            results={
                query.id: MatchResult(match=None, ambiguous=False, candidates=[make_hit(query.name)])
                for query in request.queries
            },
        )


def make_hit(name: str) -> Hit:
    match = Match(kind="exact", edits=0, matched=())
    return Hit(
        nconst=f"nm-{name}", name=name.title(), score=0.9, birth_year=None, death_year=None, professions=(),
        known_for=(), popularity=0.0, match=match,
    )  # fmt: skip


def write_names(path: Path, names: Sequence[str]) -> None:
    path.write_text("name\n" + "".join(f"{name}\n" for name in names))


async def run(path: Path, matcher: Scripted, *, jobs: int = 3, resume: bool = False) -> Summary:
    plan = Plan(
        path=path, out=path.with_suffix(".out.csv"), wanted=Wanted(name="name"), jobs=jobs, resume=resume
    )
    work = Run(plan, SILENT)
    with work.open() as journal:
        before = journal.rows
        asked = await work.match(matcher, journal)
        return work.write(journal, asked=asked, resumed_rows=before)


def read_ids(path: Path) -> list[str]:
    return [line.split(",")[1] for line in path.with_suffix(".out.csv").read_text().splitlines()[1:]]


async def test_rows_come_out_in_order_and_equal_ones_are_asked_once(tmp_path: Path) -> None:
    rng, path = Random(2), tmp_path / "in.csv"
    names = [f"name {rng.randrange(400)}" for _ in range(5_000)]
    write_names(path, names)
    matcher = Scripted()
    summary = await run(path, matcher)
    assert read_ids(path) == [f"nm-{name}" for name in names]
    assert sorted(matcher.names) == sorted(set(names))
    assert matcher.most_under_way == 3
    assert (summary.rows, summary.matched, summary.asked) == (5_000, 5_000, 400)
    assert summary.generations == ["v1-a", "v1-b"]
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "in.out.csv"]  # noqa: PTH208


async def test_names_of_one_key_are_one_question_and_other_hints_another() -> None:
    def identify(name: str, born: object = None, title: object = None) -> tuple[object, ...]:
        question = understand(Fields(name, born, title))
        assert isinstance(question, Question)
        return question.identity

    assert identify("Zoë  Kravitz") == identify(" zoe kravitz ")
    assert (
        len({identify("a b"), identify("a b", "1980"), identify("a b", None, "x"), identify("a b", "soon")})
        == 4
    )


@pytest.mark.parametrize("fail_at", [1, 2, 7, 20])
async def test_a_run_that_fails_goes_on_where_it_was(tmp_path: Path, fail_at: int) -> None:
    path = tmp_path / "in.csv"
    names = [f"name {row}" for row in range(1_010)]
    write_names(path, names)
    with pytest.raises(EngineRejectedError, match="no more"):
        await run(path, Scripted(fail_at))
    assert not path.with_suffix(".out.csv").exists()
    with pytest.raises(ConflictError, match="--resume goes on with it"):
        await run(path, Scripted())
    matcher = Scripted()
    summary = await run(path, matcher, resume=True)
    assert read_ids(path) == [f"nm-{name}" for name in names]
    # What is in the journal is not asked again: all batches before the first that failed.
    assert summary.resumed_rows == (fail_at - 1) * asking.BATCH_NAMES
    assert len(matcher.names) == len(names) - summary.resumed_rows
    assert summary.rows == len(names)


async def test_a_journal_torn_anywhere_loses_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    names = [f"name {row}" for row in range(120)]
    write_names(path, names)
    with pytest.raises(EngineRejectedError):
        await run(path, Scripted(3), jobs=1)
    journal = tmp_path / "in.out.csv.journal"
    whole = journal.read_bytes()
    head = whole.index(b"\n") + 1
    for end in [*range(head, head + 70), len(whole) - 1]:
        for tail in (b"", b"\0" * 512):
            journal.write_bytes(whole[:end] + tail)
            matcher = Scripted()
            summary = await run(path, matcher, resume=True)
            assert read_ids(path) == [f"nm-{name}" for name in names]
            assert matcher.names == names[summary.resumed_rows :]


async def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    job = Job(digest="a", rows=3, name="name", candidates=2)
    with Journal(path) as journal:
        journal.begin(job)
        with pytest.raises(ConflictError, match="another run is at work"):
            Journal(path)
    for other, said in [
        (Job(digest="b", rows=3, name="name", candidates=2), "the input is not the one"),
        (Job(digest="a", rows=3, name="name"), "was begun with --candidates 2, not --candidates 0"),
        (
            Job(digest="a", rows=3, name="name", candidates=2, born="y"),
            "was begun with no --born, not --born y",
        ),
        (
            Job(digest="a", rows=3, name="name", candidates=2, encoding="cp1252"),
            "was begun with no --encoding, not --encoding cp1252",
        ),
        (
            Job(digest="a", rows=3, name="name", candidates=2, no_quotes=True),
            "was begun with no --no-quotes, not --no-quotes",
        ),
        (
            Job(digest="a", rows=3, name="name", candidates=2, version=2),
            "the input is not|another release|no",
        ),
    ]:
        with Journal(path) as journal:
            if other.version == 2:
                journal.begin(other)
                with pytest.raises(ConflictError, match="is of another release"):
                    journal.resume(job)
            else:
                with pytest.raises(ConflictError, match=said):
                    journal.resume(other)
    path.write_text("name\nsomebody's file\n")
    with Journal(path) as journal, pytest.raises(ConflictError, match="is no journal of a match"):
        journal.resume(job)
    assert path.read_text() == "name\nsomebody's file\n"


async def test_a_journal_that_its_run_just_removed_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    # The other run ends between this one's opening it and its lock.
    monkeypatch.setattr("fcntl.flock", lambda *_: path.unlink())
    with pytest.raises(ConflictError, match="another run is at work"):
        Journal(path)


async def test_a_journal_without_a_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_names(path, ["a"])
    (tmp_path / "in.out.csv.journal").touch()
    assert (await run(path, Scripted())).matched == 1


async def test_an_engine_that_comes_back_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "RETRY_AFTER_S", (0.01,))
    path = tmp_path / "in.csv"
    write_names(path, ["a", "b"])
    matcher = Scripted(1, EngineUnavailableError("away"))
    assert (await run(path, matcher)).matched == 2
    assert len(matcher.requests) == 2
    matcher = Scripted(1, EngineUnavailableError("away"))
    monkeypatch.setattr(asking, "RETRY_AFTER_S", ())
    write_names(path, ["c"])
    path.with_suffix(".out.csv").unlink()
    with pytest.raises(EngineUnavailableError):
        await run(path, matcher)


async def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "REMEMBERED", 100)
    path = tmp_path / "in.csv"
    names = [f"name {row % 500}" for row in range(2_000)]
    write_names(path, names)
    matcher = Scripted()
    await run(path, matcher)
    assert read_ids(path) == [f"nm-{name}" for name in names]
    assert len(matcher.names) == 2_000


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        (Fields(None), Outcome(reason="empty")),
        (Fields("  "), Outcome(reason="empty")),
        (Fields(["a"]), Outcome(reason="is no text")),
        (Fields(True), Outcome(reason="is no text")),
        (Fields("x" * 201), Outcome(reason="has more than 200 characters")),
        (Fields("x" * 10_000), Outcome(reason="has more than 200 characters")),
        (Fields("a\0b"), Outcome(reason="holds a control character")),
        (Fields("-?-"), Outcome(reason="has nothing to search for")),
    ],
)
def test_what_cannot_be_asked(fields: Fields, asked: Outcome) -> None:
    assert understand(fields) == asked


@pytest.mark.parametrize(
    ("born", "year", "ignored"),
    [
        (None, None, ()), ("", None, ()), ("\\N", None, ()), ("1980", 1980, ()), ("1980-12-19", 1980, ()),
        ("c. 1980?", 1980, ()), (1980, 1980, ()), (1980.0, 1980, ()), ("80", None, ("born",)),
        (19801, None, ("born",)), (1980.5, None, ("born",)), ("198012", None, ("born",)),
        (True, None, ("born",)),
    ],
)  # fmt: skip
def test_years_in_many_forms(born: object, year: int | None, ignored: tuple[str, ...]) -> None:
    question = understand(Fields("a", born))
    assert isinstance(question, Question)
    assert (question.born, question.ignored) == (year, ignored)


@pytest.mark.parametrize(
    ("title", "titles", "ignored"),
    [
        (None, (), ()), ("", (), ()), (" Zodiac ", ("Zodiac",), ()), (["a", None, "b"], ("a", "b"), ()),
        ("x" * 201, (), ("title",)), (7, (), ("title",)),
        ([str(n) for n in range(12)], tuple("0123456789"), ()),
    ],
)  # fmt: skip
def test_titles_in_many_forms(title: object, titles: tuple[str, ...], ignored: tuple[str, ...]) -> None:
    question = understand(Fields("a", None, title))
    assert isinstance(question, Question)
    assert (question.titles, question.ignored) == (titles, ignored)
    assert question.ask("1").titles == titles


def test_columns_of_candidates() -> None:
    added = Added(prefix="", candidates=2, min_score=0.5)
    hits = (("nm1", "A", 0.6), ("nm2", "B", 0.3))
    assert added.fill(Outcome(hits=hits)) == ["nm1", "A", 0.6, False, "nm2", "B", 0.3, None, None, None]
    # Below the minimum nobody is meant, and the best of them is the first candidate.
    near = Added(prefix="", candidates=2, min_score=0.7)
    assert near.fill(Outcome(hits=hits)) == [None, None, 0.6, None, "nm1", "A", 0.6, "nm2", "B", 0.3]
    assert added.names[4:7] == ["candidate_1_nconst", "candidate_1_name", "candidate_1_score"]


def test_every_row_is_counted_once() -> None:
    outcomes = [
        Outcome(hits=(("nm1", "A", 0.9),), ambiguous=True, ignored=("born",)),
        Outcome(hits=(("nm1", "A", 0.1),)),
        Outcome(),
        Outcome(reason="empty"),
        Outcome(reason="is no text"),
        Outcome(reason="is no text"),
    ]
    summary = Summary(out="x")
    assert list(summary.count(outcomes, Added())) == outcomes
    assert summary.rows == summary.matched + summary.below_min_score + summary.unmatched + summary.empty == 6
    assert (summary.ambiguous, summary.unmatched, summary.ignored_hints) == (1, 3, {"born": 1})
    assert (summary.unusable["is no text"].rows, summary.unusable["is no text"].first_row) == (2, 5)


async def test_a_full_disk_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_names(path, ["a"])
    full = tmp_path / "in.out.csv.partial"
    full.symlink_to("/dev/full")
    with pytest.raises(TableError, match=r"in.out.csv cannot be written: No space left on device"):
        await run(path, Scripted())
    assert not full.exists()
    # Nothing is asked again.
    matcher = Scripted()
    assert (await run(path, matcher, resume=True)).matched == 1
    assert matcher.requests == []


async def test_a_full_disk_while_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.csv"
    write_names(path, ["a"])
    plan = Plan(path=path, out=tmp_path / "out.csv", wanted=Wanted(name="name"))
    work = Run(plan, SILENT)
    with work.open() as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal._file.fileno())
        os.close(full)
        with pytest.raises(TableError, match=r"out.csv.journal cannot be written: No space left on device"):
            await work.match(Scripted(), journal)


async def test_an_input_that_changes_while_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_names(path, ["a", "b"])
    work = Run(Plan(path=path, out=tmp_path / "out.csv", wanted=Wanted(name="name")), SILENT)
    with work.open() as journal:
        write_names(path, ["a", "b", "c"])
        with pytest.raises(TableError, match="was changed while it was read"):
            await work.match(Scripted(), journal)


def test_who_may_not_read_or_write(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_names(path, ["a"])
    plan = Plan(
        path=path, out=tmp_path / "out.csv", wanted=Wanted(name="name"), reading=Reading(format="csv")
    )
    is_root = os.geteuid() == 0
    try:
        tmp_path.chmod(0o500)
        if is_root:
            os.seteuid(65534)
            with pytest.raises(PermissionError):
                Run(plan, SILENT)
            os.seteuid(0)
            for each in (tmp_path, *tmp_path.parents[:2]):
                each.chmod(0o755)
            work = Run(plan, SILENT)
            os.seteuid(65534)
        else:
            work = Run(plan, SILENT)
        with pytest.raises(PermissionError) as caught, work.open():
            pass
        assert caught.value.filename == str(tmp_path / "out.csv.journal")
    finally:
        if is_root:
            os.seteuid(0)
        tmp_path.chmod(0o700)


def test_a_summary_is_json(tmp_path: Path) -> None:
    import msgspec

    assert json.loads(msgspec.json.encode(Summary(out="x")))["rows"] == 0
