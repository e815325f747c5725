"""The gate's figures: what refuses a build, what passes, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.quality import Example, FileQuality, Quality, Reject
from marquee.engine.generations import BuildMeta, Generation, SourceMeta
from marquee.engine.mappings import Kind
from marquee.errors import SettingsError
from marquee.reindex.gate import (
    Check,
    GateReport,
    check_build,
    explain_refusal,
    is_comparable,
    read_facts,
)
from marquee.settings import Settings

SETTINGS = Settings()
LIVE_ID = "v1-20261123t054003"


def quality(**changes: Any) -> Quality:
    """A report of 1,000 good rows in each file, in which a tenth of the references resolve to nothing."""

    def file(name: str, orphans: dict[str, int]) -> FileQuality:
        return FileQuality(file=f"{name}.tsv.gz", rows=1000, kept=1000, orphans=orphans)

    report = Quality(
        names=file("name.basics", {}),
        titles=file("title.basics", {}),
        principals=file("title.principals", {"title": 50, "person": 50}),
        ratings=file("title.ratings", {"title": 100}),
        known_for=1000,
        known_for_unresolved=100,
    )
    return msgspec.structs.replace(report, **changes)


def build(*, kind: str = "imdb", report: Quality | None = None, **changes: Any) -> BuildMeta:
    day = datetime(2026, 11, 23, tzinfo=UTC)
    meta = BuildMeta(
        source=SourceMeta(kind=kind, published_at=day, confirmed_at=day),
        location="/data",
        basis="abc",
        attribution="",
        counts={"actors": 1000, "titles": 2000, "tokens": 500},
        marquee_version="0.1.0",
        quality=msgspec.to_builtins(report or quality()),
        fill={"actors": {"birth_year": 0.05, "known_for": 0.8}, "titles": {"genres": 0.1, "rating": 0.4}},
        options={"people": "actors"},
    )
    return msgspec.structs.replace(meta, **changes)


def live(meta: BuildMeta | None) -> Generation:
    return Generation(id=LIVE_ID, live=True, complete=True, meta=meta)


def failed(meta: BuildMeta, against: BuildMeta | None = None) -> dict[str, Check]:
    checks = check_build(SETTINGS, meta, live(against) if against else None)
    return {each.name: each for each in checks if not each.passed}


def test_an_equal_build_passes() -> None:
    assert failed(build(), build()) == {}


def test_every_check_has_a_name_of_its_own_and_its_figures() -> None:
    checks = check_build(SETTINGS, build(), live(build()))
    assert len({each.name for each in checks}) == len(checks) == 21
    assert all(each.value is not None and each.limit is not None and each.detail for each in checks)


def test_a_day_of_imdb_passes() -> None:
    """A thousandth more of all, a few more orphans."""
    grown = {"actors": 1001, "titles": 2002, "tokens": 500}
    report = quality(known_for_unresolved=102)
    assert failed(build(counts=grown, report=report), build()) == {}


# absolute: whatever is live


def rejects(count: int, rows: int = 1000) -> FileQuality:
    malformed = Reject(count=count, examples=[Example(17, "xx")])
    other = Reject(count=1, examples=[Example(3, "")])
    return FileQuality(
        file="name.basics.tsv.gz",
        rows=rows,
        kept=rows - count - 1,
        rejects={"missing name": other, "malformed id": malformed},
    )


@pytest.mark.parametrize(("count", "refused"), [(9, []), (10, ["rejects of name.basics"])])
def test_one_row_of_a_hundred_may_be_unusable(count: int, refused: list[str]) -> None:
    assert list(failed(build(report=quality(names=rejects(count))))) == refused


def test_rejects_are_told_with_file_share_and_example() -> None:
    check = failed(build(report=quality(names=rejects(29))))["rejects of name.basics"]
    assert check.detail == (
        "name.basics.tsv.gz: 30 of 1,000 rows (3.0%) are unusable, mostly malformed id (line 17); "
        "at most 1.0% may be"
    )
    assert (check.value, check.limit) == (0.03, 0.01)


def test_of_a_small_file_one_bad_row_is_too_many() -> None:
    assert "rejects of name.basics" in failed(build(report=quality(names=rejects(1, rows=3))))


@pytest.mark.parametrize("kind", ["actors", "titles"])
def test_an_empty_index_is_refused(kind: str) -> None:
    counts = {"actors": 1, "titles": 1, "tokens": 1} | {kind: 0}
    assert list(failed(build(counts=counts))) == [f"any {kind}"]


# against what is live


@pytest.mark.parametrize("kind", ["actors", "titles"])
@pytest.mark.parametrize(
    ("factor", "refused"),
    [(0.95, None), (0.94, "drop"), (1.5, None), (1.51, "growth"), (2, "growth"), (0.001, "drop")],
)
def test_documents_that_vanish_or_multiply_are_refused(
    kind: Kind, factor: float, refused: str | None
) -> None:
    counts = build().counts
    changed = counts | {kind: int(counts[kind] * factor)}
    found = list(failed(build(counts=changed), build()))
    assert found == ([f"{refused} of {kind}"] if refused else [])


def test_a_drop_is_told_with_both_counts() -> None:
    check = failed(build(counts={"actors": 900, "titles": 2000, "tokens": 1}), build())["drop of actors"]
    assert check.detail == "900 actors where 1,000 are live, 10.0% fewer; at most 5.0% may be"


@pytest.mark.parametrize("file", ["names", "titles", "principals", "ratings"])
def test_a_shorter_file_is_refused_although_all_documents_are_there(file: str) -> None:
    def shortened(rows: int) -> BuildMeta:
        before = getattr(quality(), file)
        orphans = dict.fromkeys(before.orphans, 0)
        after = msgspec.structs.replace(before, rows=rows, kept=rows, orphans=orphans)
        return build(report=quality(**{file: after}))

    assert failed(shortened(950), build()) == {}
    (check,) = failed(shortened(900), build()).values()
    assert check.name == f"rows of {getattr(quality(), file).file.removesuffix('.tsv.gz')}"
    assert "900 usable rows where the live generation had 1,000, 10.0% fewer" in check.detail


def test_doubled_rows_are_no_more_rows() -> None:
    doubled = msgspec.structs.replace(quality().names, rows=2000, kept=2000, duplicates=1000)
    assert failed(build(), build(report=quality(names=doubled))) == {}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("title.principals", {"principals": FileQuality(file="p", kept=1000, orphans={"title": 160})}),
        ("title.ratings", {"ratings": FileQuality(file="r", kept=1000, orphans={"title": 160})}),
        ("known-for titles", {"known_for_unresolved": 160}),
    ],
)
def test_more_rows_that_point_at_nobody_and_nothing_are_refused(what: str, changes: dict[str, Any]) -> None:
    found = failed(build(report=quality(**changes)), build())
    assert list(found) == [f"orphans of {what}"]
    assert "16.0%" in found[f"orphans of {what}"].detail
    assert "10.0% of the live ones" in found[f"orphans of {what}"].detail


def test_many_orphans_are_no_fault_where_there_always_were_as_many() -> None:
    """Subset samples of IMDb's files: of theirs, half of the known-for titles are missing."""
    patchwork = quality(known_for_unresolved=520)
    assert failed(build(report=patchwork), build(report=patchwork)) == {}


def test_fewer_orphans_pass() -> None:
    assert failed(build(report=quality(known_for_unresolved=0)), build()) == {}


@pytest.mark.parametrize(
    ("kind", "field", "share", "refused"),
    [
        ("actors", "known_for", 0.73, False),
        ("actors", "known_for", 0.71, True),
        ("actors", "birth_year", 0.0, True),
        ("titles", "genres", 0.08, True),
        ("titles", "rating", 1.0, False),
    ],
)
def test_a_column_that_was_emptied_is_refused_however_few_have_it(
    kind: str, field: str, share: float, refused: bool
) -> None:
    fill = build().fill
    changed = {**fill, kind: {**fill[kind], field: share}}
    found = list(failed(build(fill=changed), build()))
    assert found == ([f"fill of {kind}.{field}"] if refused else [])


def test_a_field_that_nobody_ever_had_may_stay_empty() -> None:
    empty = {"actors": {"birth_year": 0.0}}
    assert failed(build(fill=empty), build(fill=empty)) == {}


@pytest.mark.parametrize("old", [build(fill={}), build(quality={})], ids=["no fill", "no report"])
def test_what_an_older_version_did_not_count_is_not_compared(old: BuildMeta) -> None:
    assert failed(build(), old) == {}


@pytest.mark.parametrize(
    ("against", "comparable"),
    [
        (live(build()), True),
        (live(build(kind="sample")), False),
        (live(build(options={"people": "everyone"})), False),
        (live(None), False),
        (None, False),
    ],
    ids=["same", "other source", "other people", "unknown", "none"],
)
def test_only_what_is_meant_to_be_alike_is_compared(against: Generation | None, comparable: bool) -> None:
    assert is_comparable(build(), against) is comparable
    tiny = build(counts={"actors": 1, "titles": 1, "tokens": 1})
    refused = [each.name for each in check_build(SETTINGS, tiny, against) if not each.passed]
    assert refused == (["drop of actors", "drop of titles"] if comparable else [])


def test_the_limits_are_settings() -> None:
    lax = Settings(gate_max_drop=1.0)
    tiny = build(counts={"actors": 1, "titles": 1, "tokens": 1})
    assert all(each.passed for each in check_build(lax, tiny, live(build())))


# the report


def test_a_report_passes_if_every_check_does() -> None:
    good = Check(name="a", passed=True, detail="")
    bad = Check(name="b", passed=False, detail="")
    assert GateReport.of([good], against=None).passed
    report = GateReport.of([good, bad], against=LIVE_ID, forced=True)
    assert (report.passed, report.forced, report.failed) == (False, True, (bad,))


def test_a_report_survives_the_metadata_of_its_generation() -> None:
    report = GateReport.of(check_build(SETTINGS, build(), live(build())), against=LIVE_ID)
    assert msgspec.convert(msgspec.to_builtins(report), GateReport) == report


def test_a_refusal_names_what_failed_and_what_to_do_in_one_line() -> None:
    tiny = build(counts={"actors": 0, "titles": 2000, "tokens": 0})
    text = explain_refusal(GateReport.of(check_build(SETTINGS, tiny, live(build())), against=LIVE_ID))
    assert "any actors: 0 actors; at least 1 must be there; drop of actors: 0 actors where 1,000" in text
    assert "growth" not in text
    assert "`marquee generations`" in text
    assert "`marquee reindex --force --reason TEXT`" in text
    assert "\n" not in text


# required facts


def test_facts_are_ids_and_names(tmp_path: Path) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text("\ufeffnm0350453\tJake Gyllenhaal\r\n\ntt0246578\tDonnie Darko\n", encoding="utf-8")
    assert read_facts(path) == {"nm0350453": "Jake Gyllenhaal", "tt0246578": "Donnie Darko"}


@pytest.mark.parametrize(
    "line",
    ["nm0350453 Jake Gyllenhaal", "nm0350453\t", "xx0350453\tJake", "nm1\tJake", "nm0000001\tJake\tactor",
     "nm0000000\tA second time"],
)  # fmt: skip
def test_a_malformed_fact_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text(f"nm0000000\tSomebody\n{line}\n")
    with pytest.raises(SettingsError, match=r"MARQUEE_GATE_FACTS_FILE=.*facts.tsv.*line 2"):
        read_facts(path)


def test_a_file_of_facts_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"MARQUEE_GATE_FACTS_FILE=.*missing"):
        read_facts(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_facts(tmp_path / "binary")
