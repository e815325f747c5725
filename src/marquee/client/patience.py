"""How long a client waits for an answer, and when it asks again. No I/O: the clock, and a call's tries."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from marquee import __version__
from marquee.client.call import Call
from marquee.client.errors import (
    ClientError,
    ConnectionLostError,
    NotUnderstoodError,
    ProblemError,
    RateLimitedError,
    TimedOutError,
    UnavailableError,
    class_of,
    read_problem,
)
from marquee.client.tolerance import tolerate
from marquee.errors import SettingsError

T = TypeVar("T")

FIRST_WAIT_S = 0.2
"""Before the second try, where the service does not say; doubled before each further one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a service is reached."""

    base_url: str
    """Its address; may have a path, where a proxy puts it below one."""
    token: str | None = field(default=None, repr=False)
    """Sent as `Authorization: Bearer`."""
    timeout_s: float = 30.0
    """Seconds that a call may take, all its tries and waits together.

    Without asyncio, a server that sends the head of an answer byte by byte can hold a call for longer.
    """
    retries: int = 2
    """Tries after the first."""
    max_retry_wait_s: float = 10.0
    """Seconds to wait for another try at most; where the service wants a longer wait, it is not tried."""

    def __post_init__(self) -> None:
        try:
            address = urlsplit(self.base_url)
            is_usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        except ValueError:
            is_usable = False
        if not is_usable:
            shown = self.base_url.rpartition("@")[2]  # without a password
            raise SettingsError(f"{shown!r} is no address of a service: http://host:port")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise SettingsError("the token holds what no HTTP header can")
        if not (0 < self.timeout_s < math.inf and self.retries >= 0 and self.max_retry_wait_s >= 0):
            raise SettingsError("timeout_s is a number above 0; retries and max_retry_wait_s are 0 or more")

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with every request."""
        sent = {"Accept": "application/json", "User-Agent": f"marquee-client/{__version__}"}
        return sent if self.token is None else sent | {"Authorization": f"Bearer {self.token}"}

    @property
    def shown_url(self) -> str:
        """The address as it may be shown: without a password in it."""
        address = urlsplit(self.base_url)
        return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"


class Tries:
    """The tries of one call: how much time is left, what was answered, whether it is asked again."""

    def __init__(self, options: Options, *, is_repeatable: bool, timeout_s: float | None = None) -> None:
        self._options, self._is_repeatable = options, is_repeatable
        self._timeout_s = options.timeout_s if timeout_s is None else timeout_s
        self._deadline = time.monotonic() + self._timeout_s
        self._tried = 0

    def check_time(self) -> None:
        """Raise TimedOutError where no time is left: a byte now and then must not take for ever."""
        if time.monotonic() >= self._deadline:
            raise self.late()

    @property
    def left_s(self) -> float:
        """Seconds until the call must have its answer; more than 0.

        Raises:
            TimedOutError: there are none.
        """
        self.check_time()
        return max(self._deadline - time.monotonic(), 0.001)

    def late(self) -> TimedOutError:
        """Return the error of a call that takes too long."""
        return TimedOutError(f"no answer from {self._options.shown_url} within {self._timeout_s:g} s")

    def lost(self, reason: Exception) -> ConnectionLostError:
        """Return the error of a connection that failed or broke."""
        said = " ".join(str(reason).split()) or type(reason).__name__
        error = ConnectionLostError(f"no answer from {self._options.shown_url}: {said}")
        error.__cause__ = reason
        return error

    def plan(self, error: ClientError) -> float:
        """Return the seconds to wait for another try; raises the error where there is none."""
        is_passing = isinstance(error, RateLimitedError | UnavailableError | ConnectionLostError)
        is_over = isinstance(error, TimedOutError) or self._tried >= self._options.retries
        if not self._is_repeatable or not is_passing or is_over:
            raise error
        wait_s = error.retry_after_s if isinstance(error, ProblemError) else None
        if wait_s is None:
            # Not all at once who were cut off at once.
            own_s = FIRST_WAIT_S * 2.0 ** min(self._tried, 32) * random.uniform(0.5, 1.5)  # noqa: S311
            wait_s = min(own_s, self._options.max_retry_wait_s)
        if wait_s > self._options.max_retry_wait_s or wait_s >= self._deadline - time.monotonic():
            raise error
        self._tried += 1
        return wait_s

    def begin_anew(self) -> None:
        """Forget the tries so far: something came."""
        self._tried = 0
        self._deadline = time.monotonic() + self._timeout_s


def read_answer(call: Call[T], status: int, headers: Mapping[str, str], body: bytes) -> T:
    """Return what was answered.

    Raises:
        ProblemError: a problem.
        NotUnderstoodError: something else than is answered to such a call.
    """
    check_status(status, headers, body)
    if call.answer is type(None):
        return None
    try:
        return msgspec.json.decode(body, type=tolerate(call.answer))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotUnderstoodError(f"the answer is not Marquee's: is its address right? ({error})") from error


def check_status(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise what `read_answer` raises of an answer that is none of success."""
    if status >= HTTPStatus.BAD_REQUEST:
        problem = read_problem(status, headers.get("content-type", ""), body)
        retry_after_s = read_retry_after(headers.get("retry-after"))
        raise class_of(status)(problem, retry_after_s, headers.get("x-request-id"))
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        target = headers.get("location", "")
        raise NotUnderstoodError(f"the address answers {status} and points to {target!r}: is it right?")


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds from now that a `Retry-After` says, in either of its forms; None for neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
