"""A circuit breaker: what has failed several times running is left alone for a moment, then tried once.

Ours, since of the maintained libraries one measures by the wall clock and both let every waiting call through
at the first try: a herd of requests would then wait for an engine that is still away.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Literal

from marquee import standstill

State = Literal["closed", "open", "half-open"]
STATES: tuple[State, ...] = ("closed", "open", "half-open")


class BreakerOpenError(Exception):
    """The call was not made: what it asks was away a moment ago."""


class Breaker:
    """Guards calls to one server. Not shared between threads."""

    def __init__(
        self,
        failures: tuple[type[Exception], ...],
        *,
        threshold: int,
        pause_s: float,
        refusal: Callable[[], Exception] = BreakerOpenError,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open after `threshold` calls running ended in one of `failures`, for `pause_s` seconds.

        `refusal` makes what is raised where a call must not be made.
        """
        self._failures, self._threshold, self._pause_s = failures, threshold, pause_s
        self._refusal = refusal
        self._clock = clock
        self._failed = 0
        self._opened_at = 0.0
        self._is_trying = False

    @property
    def state(self) -> State:
        """closed: calls are made. open: none is. half-open: the next one is a trial, or one is under way."""
        if self._failed < self._threshold:
            return "closed"
        return "half-open" if self._is_due() else "open"

    def guard(self) -> contextlib.AbstractContextManager[bool]:
        """Make a call, and learn from how it ends; yields whether it is a trial, for which others wait.

        Raises:
            Exception: the refusal, as it must not be made now.
        """
        return _Guard(self)

    def begin(self) -> bool:
        """Begin a call; returns whether it is a trial. For `guard`."""
        is_trial = self._failed >= self._threshold
        if is_trial:
            if self._is_trying or not self._is_due():
                raise self._refusal()
            self._is_trying = True
        return is_trial

    def end(self, kind: type[BaseException] | None, *, is_trial: bool, stood: int) -> None:
        """Learn from how a call ended, for which `stood` was counted at its beginning. For `guard`, and for
        who gave up before his call was made."""
        if kind is None:
            self._failed = 0
        elif issubclass(kind, self._failures):
            # Calls that began before it opened tell nothing new; their end must not put off the trial.
            tells = is_trial or self._failed < self._threshold
            if tells and standstill.count() == stood:
                self._failed += 1
                self._opened_at = self._clock()
        elif issubclass(kind, Exception):
            self._failed = 0  # it answers, whatever it says
        # Also where the trial was cancelled, which tells nothing: the next call is one, then.
        if is_trial:
            self._is_trying = False

    def _is_due(self) -> bool:
        return self._clock() - self._opened_at >= self._pause_s


class _Guard:
    """One call. A class, since a generator takes twice as long."""

    __slots__ = ("_breaker", "_is_trial", "_stood")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def __enter__(self) -> bool:
        self._is_trial = self._breaker.begin()
        self._stood = standstill.count()
        return self._is_trial

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._breaker.end(kind, is_trial=self._is_trial, stood=self._stood)
