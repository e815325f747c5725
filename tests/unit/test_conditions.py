"""What counts as trouble, what does not, and what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from marquee.reindex.alerts import CLAIM, Incident, advance
from marquee.reindex.conditions import Condition, assess, write_digest
from marquee.reindex.job import State
from marquee.reindex.status import EngineStatus, Status, format_span
from tests.statuses import FULL, GENERATION, make_stale, make_status, make_unreachable, summarise

NOW = datetime(2026, 11, 22, 3, 5, tzinfo=UTC)


def bad(status: Status) -> dict[str, Condition]:
    return {each.kind: each for each in assess(status) if each.is_bad}


def test_a_service_that_is_well() -> None:
    assert [each.kind for each in assess(make_status())] == ["engine", "full-disk", "stale", "failed-run"]
    assert bad(make_status()) == {}


def test_data_are_stale_after_24_hours_and_not_before() -> None:
    assert bad(make_stale(24 * 3600)) == {}
    found = bad(make_stale(24 * 3600 + 60))["stale"]
    assert found.title == "data are 1 d old"
    assert bad(make_stale(26 * 3600))["stale"].title == "data are 1 d 2 h old"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (make_stale(workers=0), "No worker is alive"),
        # Who cannot write down that he is alive is none the less.
        (make_stale(workers=0, engine=FULL), "make room"),
        (make_stale(pinned=GENERATION), "`marquee unpin`"),
        (make_stale(next_run_at=None), "MARQUEE_SCHEDULE"),
        (make_stale(), "`marquee jobs`"),
    ],
)
def test_the_advice_names_the_likeliest_cause(status: Status, advice: str) -> None:
    assert advice in bad(status)["stale"].advice


def test_data_that_do_not_age_are_never_stale() -> None:
    (stale,) = [each for each in assess(make_status(data_age_s=None)) if each.kind == "stale"]
    assert not stale.is_bad
    assert "does not age" in stale.detail


def test_where_nothing_is_live_nothing_is_old() -> None:
    status = make_status(generation=None, source=None, data_age_s=None, fresh=False, degraded=True)
    assert [each.kind for each in assess(status)] == ["engine", "full-disk", "failed-run"]


@pytest.mark.parametrize(("state", "is_bad"), [("succeeded", False), ("failed", True), ("refused", True)])
def test_a_run_that_failed_or_was_refused(state: State, is_bad: bool) -> None:
    found = bad(make_status(last_result=summarise(state, "a file is truncated")))
    assert ("failed-run" in found) == is_bad
    if is_bad:
        assert "a file is truncated" in found["failed-run"].detail
        assert state in found["failed-run"].title


def test_no_run_and_an_unreadable_one_are_neither_good_nor_bad() -> None:
    assert [each.kind for each in assess(make_status(last_result=None))] == ["engine", "full-disk", "stale"]


@pytest.mark.parametrize(("state", "is_bad"), [("green", False), ("yellow", False), ("red", True)])
def test_the_engines_states(state: str, is_bad: bool) -> None:
    found = bad(make_status(engine=EngineStatus(version="8.18.0", status=state)))
    assert ("engine" in found) == is_bad


def test_a_full_disk_tells_a_person_to_make_room() -> None:
    status = make_status(engine=FULL)
    (full,) = bad(status).values()
    assert full.kind == "full-disk"
    assert "until a person makes room" in full.detail
    assert "Make room" in full.advice
    assert "engine: yellow 8.18.0, takes no writes" in write_digest(full, status, "", None)


def test_of_an_engine_that_is_away_nothing_else_is_known() -> None:
    (condition,) = assess(make_unreachable())
    assert (condition.kind, condition.is_bad) == ("engine", True)


def test_the_digest_says_why_what_to_do_and_the_figures() -> None:
    status = make_stale(26 * 3600, workers=0, last_result=summarise("failed", "the source answers 500"))
    condition = bad(status)["stale"]
    digest = write_digest(condition, status, "", None)
    for part in (
        condition.detail,
        "What to do: No worker is alive",
        f"generation: {GENERATION}",
        "holds: 28,079 actors, 36,254 titles",
        "source: imdb, published ",
        "data age: 1 d 2 h",
        "last success: ",
        "(3 h ago)",
        "last run: 20261122t030512-abcdef failed: the source answers 500",
        "next look: ",
        "(in 3 h",
        "workers: 0",
        "engine: yellow 8.18.0",
    ):
        assert part in digest


def test_the_digest_of_a_recovery_says_what_it_was_and_for_how_long() -> None:
    (condition,) = [each for each in assess(make_status()) if each.kind == "stale"]
    digest = write_digest(
        condition, make_status(), "data are 1 d old", datetime.now(UTC) - timedelta(hours=2, minutes=5)
    )
    assert "It was: data are 1 d old." in digest
    assert "lasted 2 h 5 min" in digest
    assert "engine: unreachable" in write_digest(condition, make_unreachable(), "", None)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"), (-5, "0 s"), (59.4, "59 s"), (60, "1 min"), (3600, "1 h"), (11_520, "3 h 12 min"),
        (3661, "1 h 1 min"), (3605, "1 h"), (86_400, "1 d"), (90_061, "1 d 1 h"), (864_000, "10 d"),
    ],
)  # fmt: skip
def test_lengths_of_time(seconds: float, told: str) -> None:
    assert format_span(seconds) == told


BAD = Condition(kind="stale", is_bad=True, title="old", detail="")
GOOD = Condition(kind="stale", is_bad=False, title="fresh", detail="")


def test_an_incident_opens_is_told_once_and_closes() -> None:
    assert advance(Incident(), GOOD, NOW) is None
    opened = advance(Incident(), BAD, NOW)
    assert opened == Incident(is_open=True, title="old", opened_at=NOW, is_told=False, claimed_at=NOW)
    told = Incident(is_open=True, title="old", opened_at=NOW, reached=(1, 2))
    assert advance(told, BAD, NOW) is None
    closed = advance(told, GOOD, NOW)
    assert closed is not None
    assert (closed.is_open, closed.is_told, closed.reached, closed.title) == (False, False, (), "old")


def test_who_claimed_it_is_given_time_to_tell() -> None:
    claimed = Incident(is_open=True, is_told=False, claimed_at=NOW)
    assert advance(claimed, BAD, NOW + CLAIM / 2) is None
    late = advance(claimed, BAD, NOW + CLAIM)
    assert late is not None
    assert late.claimed_at == NOW + CLAIM
    failed = Incident(is_open=True, is_told=False, reached=(1,))
    again = advance(failed, BAD, NOW)
    assert again is not None
    assert again.reached == (1,)
