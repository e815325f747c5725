"""What one request may take of the engine: a deadline for all its calls together, and what they took.

It goes with the context of the task that set it, so that no function between has to pass it on.
"""

from __future__ import annotations

import contextlib
import time
from contextvars import ContextVar

from marquee.errors import EngineUnavailableError

_budget: ContextVar[Budget | None] = ContextVar("budget", default=None)


class Budget:
    """The budget of one request, and a context manager: within it, a call is under way. Times are in seconds.

    A class, like `_Use`, since a generator takes twice as long.
    """

    def __init__(self, limit_s: float) -> None:
        """Begin now."""
        self._ends_at = time.perf_counter() + limit_s
        self._calls = 0
        self._began_at = 0.0
        self._spent_s = 0.0

    @property
    def left_s(self) -> float:
        """What is left until the deadline; negative once it has passed."""
        return self._ends_at - time.perf_counter()

    @property
    def spent_s(self) -> float:
        """How long at least one call was under way; of calls side by side no moment counts twice."""
        return self._spent_s

    def clip(self, timeout_s: float) -> float:
        """Return how long a call may take that would get `timeout_s` by itself.

        Raises:
            EngineUnavailableError: the deadline has passed.
        """
        if (left_s := self.left_s) <= 0:
            raise EngineUnavailableError("Elasticsearch took all the time a request has")
        return min(timeout_s, left_s)

    def __enter__(self) -> None:
        if self._calls == 0:
            self._began_at = time.perf_counter()
        self._calls += 1

    def __exit__(self, *_: object) -> None:
        self._calls -= 1
        if self._calls == 0:
            self._spent_s += time.perf_counter() - self._began_at


def current() -> Budget | None:
    """Return the budget of whoever calls; None where nobody set one: the call's own timeout counts alone."""
    return _budget.get()


class _Use:
    __slots__ = ("_budget", "_token")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> Budget:
        self._token = _budget.set(self._budget)
        return self._budget

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._token)


def use(budget: Budget) -> contextlib.AbstractContextManager[Budget]:
    """Let all calls within, and of tasks begun within, count against a budget."""
    return _Use(budget)
