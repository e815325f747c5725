from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from marquee.errors import SettingsError
from marquee.reindex.schedule import read_trigger

TUESDAY = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def next_times(expression: str, count: int = 1) -> list[datetime]:
    trigger = read_trigger(expression)
    assert trigger is not None
    found: list[datetime] = []
    after = TUESDAY
    for _ in range(count):
        after = trigger.get_next_fire_time(None, after)
        found.append(after)
        after += timedelta(seconds=1)
    return found


def test_the_default_looks_every_six_hours() -> None:
    hours = [each.hour for each in next_times("0 */6 * * *", 4)]
    assert hours == [12, 18, 0, 6]


@pytest.mark.parametrize(
    ("weekday", "day"),
    [("0", 29), ("7", 29), ("1", 30), ("2", 24), ("sun", 29), ("1-5", 24), ("*/2", 24), ("0,3", 25)],
)
def test_weekdays_are_crons(weekday: str, day: int) -> None:
    (found,) = next_times(f"0 12 * * {weekday}")
    assert (found.day, found.hour) == (day, 12)


@pytest.mark.parametrize(
    "expression", ["", "daily", "* * * *", "61 * * * *", "0 0 * * 8", "0 0 30 2 * *", "0 3 1 * 1"]
)
def test_a_malformed_expression_is_a_clear_error(expression: str) -> None:
    with pytest.raises(SettingsError, match=r"MARQUEE_SCHEDULE=.*cannot be used"):
        read_trigger(expression)


@pytest.mark.parametrize("expression", ["off", "OFF", " off "])
def test_off_is_no_schedule(expression: str) -> None:
    assert read_trigger(expression) is None
