"""The scorecard's report: README and pictures are of the committed figures, and a drop of quality fails."""

from __future__ import annotations

import gzip
import re
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

# The benchmarks are a folder of the checkout, not an installed package.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import __main__ as command
from benchmarks.peers.protocol import read_people
from benchmarks.peers.registry import MARQUEE, PEERS
from benchmarks.peers.wire import Hammered
from benchmarks.scorecard import corpora, gate, promises, readme, run
from benchmarks.scorecard.charts import CHARTS
from benchmarks.scorecard.drawing import spread_labels
from benchmarks.scorecard.results import COMMITTED, Quality, Scorecard, read_scorecard, write_scorecard
from benchmarks.scorecard.tables import GRIDS, to_markdown


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return read_scorecard(COMMITTED)


def test_readme_and_pictures_are_not_stale() -> None:
    for path, text in readme.render().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m benchmarks --render"
    assert {path.stem for path in readme.PICTURES.glob("*.svg")} == set(CHARTS)


def test_readme_has_every_table_and_picture() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- scorecard:([a-z-]+) -->", text)) == set(GRIDS)
    assert all(f"docs/scorecard/{name}.svg" in text for name in CHARTS)


def test_a_stale_table_is_made_anew_and_an_unknown_one_refused(card: Scorecard) -> None:
    text = "before\n<!-- scorecard:quality -->\n| 100 % |\n<!-- /scorecard:quality -->\nafter\n"
    filled = readme.fill(text, card)
    assert "| 100 % |" not in filled
    assert "| Marquee |" in filled
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert readme.fill(filled, card) == filled
    with pytest.raises(ValueError, match="no-such is no table"):
        readme.fill("<!-- scorecard:no-such -->\n<!-- /scorecard:no-such -->", card)


def test_whoever_was_measured_is_shown_and_the_others_are_listed(card: Scorecard) -> None:
    assert card.quality is not None
    shown = to_markdown(GRIDS["quality"](card)) + to_markdown(GRIDS["missing"](card))
    for name, spec in PEERS.items():
        assert spec.title in shown, name
        assert (name in card.quality.peers) != (name in card.quality.meta.not_measured)
    assert to_markdown(GRIDS["quality"](Scorecard())) == "Not measured."


@pytest.mark.parametrize("name", CHARTS)
def test_pictures_are_svg_with_everybody_in_them(name: str, card: Scorecard) -> None:
    picture = CHARTS[name](card)
    assert picture is not None
    root = ElementTree.fromstring(picture)  # noqa: S314  # our own
    words = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {PEERS[MARQUEE].title, PEERS["sqlite"].title} <= words
    assert "prefers-color-scheme: dark" in picture
    assert CHARTS[name](Scorecard()) is None


def test_labels_keep_their_distance_and_their_order() -> None:
    placed = spread_labels([10, 11, 12, 100], 18)
    assert placed == sorted(placed)
    assert min(b - a for a, b in pairwise(placed)) >= 18


def worsen(found: Quality, count: int) -> Quality:
    """Return figures in which so many misspelt names that came first are not found any more."""
    own, lost, marks = found.peers[MARQUEE], 0, list(found.peers[MARQUEE].misspelt_ranks)
    for at, mark in enumerate(marks):
        if mark == "1" and lost < count:
            marks[at], lost = ".", lost + 1
    assert lost == count
    changed = msgspec.structs.replace(own, misspelt_ranks="".join(marks))
    return msgspec.structs.replace(found, peers=found.peers | {MARQUEE: changed})


def test_a_drop_of_quality_is_found_and_a_tie_is_none(card: Scorecard) -> None:
    found = card.quality
    assert found is not None
    assert gate.find_drops(found, found) == []
    assert gate.find_drops(found, worsen(found, 2)) == []
    asked = sum(mark != " " for mark in found.peers[MARQUEE].misspelt_ranks)
    drops = gate.find_drops(found, worsen(found, max(10, asked // 20)))
    assert [line.split(":")[0] for line in drops] == [
        "misspelt names, recall@1", "misspelt names, recall@10", "misspelt names, MRR"
    ]  # fmt: skip
    assert gate.find_drops(worsen(found, asked // 20), found) == [], "a gain is no drop"


def test_the_check_of_ci_fails_with_one_line_for_each_figure(
    card: Scorecard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card.quality is not None
    assert command.check(Scorecard(quality=card.quality)) == 0
    assert command.check(Scorecard(quality=worsen(card.quality, 40))) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert all(line.startswith("quality dropped: misspelt names, ") for line in told)
    assert command.check(Scorecard()) == 1


def test_completion_that_got_worse_is_found(card: Scorecard) -> None:
    found = card.quality
    assert found is not None
    own = found.peers[MARQUEE]
    assert own.completion is not None
    lower = msgspec.structs.replace(own.completion.slip, mean=0.2, low=0.15, high=0.25)
    completion = msgspec.structs.replace(own.completion, slip=lower)
    worse = msgspec.structs.replace(own, completion=completion)
    drops = gate.find_drops(found, msgspec.structs.replace(found, peers={MARQUEE: worse}))
    assert [line.split(":")[0] for line in drops] == ["completion, slip"]


def test_what_cannot_be_compared_is_refused(card: Scorecard) -> None:
    found = card.quality
    assert found is not None
    other = msgspec.structs.replace(found, queries={"misspelt": "other 0", "right": "other 1"})
    with pytest.raises(ValueError, match="different queries"):
        gate.find_drops(found, other)
    meta = msgspec.structs.replace(found.meta, not_measured={MARQUEE: "it burnt"})
    with pytest.raises(ValueError, match="it burnt"):
        gate.find_drops(found, msgspec.structs.replace(found, peers={}, meta=meta))


def test_a_run_replaces_only_what_it_measured(card: Scorecard, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_scorecard(path, card)
    assert card.quality is not None
    changed = msgspec.structs.replace(card.quality, peers={})
    run.merge(path, Scorecard(quality=changed))
    merged = read_scorecard(path)
    assert merged.quality == changed
    assert (merged.speed, merged.growth, merged.reindex) == (card.speed, card.growth, card.reindex)
    path.write_text("{")
    run.merge(path, Scorecard(quality=changed))
    assert read_scorecard(path) == Scorecard(quality=changed)


def test_only_a_run_that_leaves_nothing_out_makes_the_committed_figures() -> None:
    def options(*argv: str) -> run.Options:
        return command.read_options(command._parse(argv))

    assert command.is_full(options())
    assert command.is_full(options("--sections", "growth"))
    assert command.is_full(options("--ten-million", "--resume"))
    for argv in (["--quick"], ["--only", "sqlite"], ["--every", "2"], ["--sizes", "10"], ["--data", "x"]):
        assert not command.is_full(options(*argv)), argv
    assert options("--only", "sqlite").only == (MARQUEE, "sqlite")


def test_a_second_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))
    monkeypatch.setenv("MARQUEE_INDEX_PREFIX", "test-alone")
    with run.alone(tmp_path / "scorecard" / "test-alone" / "lock"):
        assert command.main(["--quick"]) == 1
    assert capsys.readouterr().err == "python -m benchmarks: another run of the scorecard is under way\n"


def test_failures_are_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "README", Path("no-such-file"))
    assert command.main(["--render"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def write(folder: Path, name: str, *rows: str) -> None:
    with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in ("header", *rows))


def test_popular_is_who_has_votes_or_else_credits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no name\.basics"):
        corpora.list_people(tmp_path)
    write(tmp_path, "name.basics")
    with pytest.raises(ValueError, match="no people"):
        corpora.list_people(tmp_path)
    people = [
        f"nm{at}\tName {at}\t\\N\t\\N\tactor\t{known}" for at, known in enumerate(("tt1", r"\N", r"\N"))
    ]
    write(tmp_path, "name.basics", *people, "nm8\t\\N\t\\N\t\\N\t\\N\t\\N", "nm9\ttoo few fields")
    write(
        tmp_path, "title.principals", *(f"tt{at}\t1\tnm{who}\tactor" for at, who in ((2, 1), (3, 1), (4, 2)))
    )
    write(tmp_path, "title.ratings")
    assert list(read_people(corpora.list_people(tmp_path))) == [
        ("nm1", "Name 1", 2), ("nm2", "Name 2", 1), ("nm0", "Name 0", 0)
    ]  # fmt: skip
    write(tmp_path, "title.ratings", "tt1\t7.0\t50", "tt4\t7.0\t9000000000", r"tt3	\N	\N")
    assert list(read_people(corpora.list_people(tmp_path))) == [
        ("nm2", "Name 2", 2**31 - 1), ("nm0", "Name 0", 50), ("nm1", "Name 1", 0)
    ]  # fmt: skip


def test_promises_that_do_not_hold_say_so() -> None:
    times = {
        MARQUEE: [[4.0, 5.0, 6.0]] * 2,
        "scraper": [[600.0] * 3, [400.0] * 3],
        "cinemagoer": [[2.5] * 3] * 2,
    }
    scraping, library = (promises.hold_against(name, times) for name in ("scraper", "cinemagoer"))
    assert (scraping.holds, scraping.spread) == (True, "80 to 120")
    assert (library.holds, library.measured) == (False, "0.5 times (2.5 against 5.0 ms)")
    answers = [10.0] * 99 + [400.0]
    assert promises.hold_within(Hammered(100, 0, 1.0, answers), 16).holds
    refused = promises.hold_within(Hammered(100, 5, 1.0, answers), 16)
    assert not refused.holds, "what is refused is not answered in time"
    assert refused.measured.startswith("95.24% of 105 within")
    assert promises.hold_fresh([60.0], 1_000_000).holds
    assert not promises.hold_fresh([60.0, 5000.0], 1_000_000).holds
