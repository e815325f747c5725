"""A circuit breaker: what has failed several times running is left alone for a moment, then tried once.

Ours, since of the maintained libraries one measures by the wall clock and both let every waiting call through
at the first try: a herd of requests would then wait for an engine that is still away.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Literal

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open after `threshold` calls running ended in one of `failures`, for `pause_s` seconds."""
        self._failures, self._threshold, self._pause_s = failures, threshold, pause_s
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

    @contextlib.contextmanager
    def guard(self) -> Iterator[bool]:
        """Make a call, and learn from how it ends; yields whether it is a trial, for which others wait.

        Raises:
            BreakerOpenError: it must not be made now.
        """
        is_trial = self._failed >= self._threshold
        if is_trial:
            if self._is_trying or not self._is_due():
                raise BreakerOpenError
            self._is_trying = True
        stood = standstill.count()
        try:
            yield is_trial
        except self._failures:
            # Calls that began before it opened tell nothing new; their end must not put off the trial.
            tells = is_trial or self._failed < self._threshold
            if tells and standstill.count() == stood:
                self._failed += 1
                self._opened_at = self._clock()
            raise
        except Exception:
            self._failed = 0  # it answers, whatever it says
            raise
        else:
            self._failed = 0
        finally:
            # Also where the trial was cancelled, which tells nothing: the next call is one, then.
            if is_trial:
                self._is_trying = False

    def _is_due(self) -> bool:
        return self._clock() - self._opened_at >= self._pause_s
