"""The circuit breaker, by a clock of our own."""

from __future__ import annotations

import asyncio

import pytest

from marquee import standstill
from marquee.breaker import Breaker, BreakerOpenError


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker((OSError,), threshold=3, pause_s=1.0, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="away"), breaker.guard():
            raise OSError("away")


def state_of(breaker: Breaker) -> str:
    return breaker.state


def succeed(breaker: Breaker) -> None:
    with breaker.guard():
        pass


def test_failures_running_open_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert state_of(breaker) == "closed"
    fail(breaker)
    assert state_of(breaker) == "open"
    with pytest.raises(BreakerOpenError), breaker.guard():
        pytest.fail("the call was made")


def test_a_success_between_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert state_of(breaker) == "closed"


def test_an_answer_that_is_another_error_is_an_answer(breaker: Breaker) -> None:
    fail(breaker, 2)
    with pytest.raises(KeyError), breaker.guard():
        raise KeyError
    fail(breaker)
    assert state_of(breaker) == "closed"


def test_after_the_pause_one_call_tries(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 1
    assert state_of(breaker) == "half-open"
    with breaker.guard() as is_trial, pytest.raises(BreakerOpenError), breaker.guard():
        assert is_trial, "who makes it must know that others wait"
        pytest.fail("a second call was made beside the trial")
    assert state_of(breaker) == "closed"


def test_a_trial_that_fails_opens_it_for_another_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 1
    fail(breaker)
    assert state_of(breaker) == "open"
    clock.now_s += 1
    succeed(breaker)
    assert state_of(breaker) == "closed"


def test_a_trial_that_was_cancelled_leaves_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 1
    with pytest.raises(asyncio.CancelledError), breaker.guard():
        raise asyncio.CancelledError
    assert state_of(breaker) == "half-open"
    succeed(breaker)
    assert state_of(breaker) == "closed"


def test_calls_that_were_under_way_when_it_opened_do_not_put_off_the_trial(
    breaker: Breaker, clock: Clock
) -> None:
    late = breaker.guard()
    late.__enter__()
    fail(breaker, 3)
    clock.now_s += 0.9
    assert late.__exit__(OSError, OSError("away"), None) in (None, False)
    clock.now_s += 0.1
    assert state_of(breaker) == "half-open"


def test_what_fails_while_this_process_stood_still_is_nobodys_failure(breaker: Breaker) -> None:
    for _ in range(5):
        with pytest.raises(OSError, match="away"), breaker.guard():
            standstill.note(standstill.MIN_S)
            raise OSError("away")
    assert state_of(breaker) == "closed"
    fail(breaker, times=2)
    standstill.note(standstill.MIN_S / 2)
    fail(breaker)
    assert state_of(breaker) == "open", "a little late is no standstill"
