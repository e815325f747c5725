"""What keeps a call from being answered, as one tree.

ClientError
├── ProblemError               the service answered with a problem, or a proxy before it with an error
│   ├── BadRequestError        400, 413, 414, 415, 431 and the like: this request can never be answered
│   ├── UnauthorizedError      401: there is no token, or an unknown one
│   ├── ForbiddenError         403: the token has another role, or nobody may administer
│   ├── NotFoundError          404: no such person, title, generation or job
│   ├── ConflictError          409: it does not go together with how things stand
│   ├── RateLimitedError       429: asked too often
│   └── UnavailableError       502, 503, 504: overloaded, or what it needs is away
├── ConnectionLostError        no answer came, or not a whole one
│   └── TimedOutError          none came in time
└── NotUnderstoodError         what came is no answer of Marquee's

`ProblemError` itself is what has no class of its own: 500, say.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from marquee.errors import MarqueeError

if TYPE_CHECKING:
    from marquee.reindex.job import Job

MAX_QUOTED = 200
"""Letters of somebody else's error page that are told."""


class ParameterError(msgspec.Struct, frozen=True):
    """What is wrong with one parameter."""

    parameter: str = ""
    """Its name, or where in the body it stands: `queries[3].born`."""
    message: str = ""
    """What is wrong with it, for people."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem (RFC 9457) as anybody may send it: all of its members may be missing."""

    type: str = "about:blank"
    """Which kind: `/problems/bad-request`. It never changes: decide by it."""
    title: str = ""
    """The kind in words."""
    status: int = 0
    """The HTTP status."""
    detail: str = ""
    """What happened this time, for people."""
    errors: tuple[ParameterError, ...] = ()
    """Every parameter that is wrong."""
    job: msgspec.Raw = msgspec.Raw(b"null")
    """Of `/problems/job-running`: the job under way, as JSON."""


class ClientError(MarqueeError):
    """Whatever keeps a call from being answered; its text is one line."""


class ProblemError(ClientError):
    """The service answered with a problem instead of data.

    `problem` is all of it; `retry_after_s` is in how many seconds the service wants to be asked again, None
    where it does not say; `request_id` is what the service's log knows the request by.
    """

    def __init__(
        self, problem: Problem, retry_after_s: float | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(problem, retry_after_s, request_id)
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.request_id = request_id

    def __str__(self) -> str:
        said = f"{self.status} {self.title}" + (f": {self.detail}" if self.detail else "")
        # It goes to terminals, and may come from anywhere.
        return "".join(each if each.isprintable() else " " for each in said)

    @property
    def type(self) -> str:
        """Which kind of problem: `/problems/bad-request`; "about:blank" where it is none of Marquee's."""
        return self.problem.type

    @property
    def title(self) -> str:
        """The kind of problem in words."""
        return self.problem.title

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def detail(self) -> str:
        """What happened this time, for people."""
        return self.problem.detail

    @property
    def errors(self) -> tuple[ParameterError, ...]:
        """Every parameter that is wrong; only where parameters are."""
        return self.problem.errors


class BadRequestError(ProblemError):
    """The request can never be answered; `errors` names what is wrong with it."""


class UnauthorizedError(ProblemError):
    """There is no token, or an unknown one."""


class ForbiddenError(ProblemError):
    """The token has another role, or nobody may administer this service over HTTP."""


class NotFoundError(ProblemError):
    """No such person, title, generation or job."""


class ConflictError(ProblemError):
    """What is asked for does not go together with how things stand."""

    @property
    def job(self) -> Job | None:
        """Of `/problems/job-running`: the job under way, as it was then."""
        from marquee.client.tolerance import tolerate
        from marquee.reindex.job import Job

        try:
            return msgspec.json.decode(self.problem.job, type=tolerate(Job))
        except msgspec.DecodeError:  # none, or of another form
            return None


class RateLimitedError(ProblemError):
    """Asked too often."""


class UnavailableError(ProblemError):
    """The service is overloaded, or away with what it needs."""


class ConnectionLostError(ClientError):
    """No answer came, or not a whole one; `__cause__` is why."""


class TimedOutError(ConnectionLostError):
    """No answer came in time, all tries and waits taken together."""


class NotUnderstoodError(ClientError):
    """What came is no answer of Marquee's: the address may be another service's."""


_CLASSES: dict[int, type[ProblemError]] = {
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
    HTTPStatus.BAD_GATEWAY: UnavailableError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
    HTTPStatus.GATEWAY_TIMEOUT: UnavailableError,
}


def class_of(status: int) -> type[ProblemError]:
    """Return the class of what is answered with a status of 400 or more."""
    default = BadRequestError if status < HTTPStatus.INTERNAL_SERVER_ERROR else ProblemError
    return _CLASSES.get(status, default)


def read_problem(status: int, media_type: str, body: bytes) -> Problem:
    """Return the problem in an answer; of what is none, one of type "about:blank" made from the status."""
    problem = Problem()
    if media_type.partition(";")[0].strip().lower() == "application/problem+json":
        # Cut off, or not as the RFC has it: what the status says is left.
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            problem = msgspec.json.decode(body, type=Problem)
    else:
        detail = " ".join(body[: 4 * MAX_QUOTED].decode(errors="replace").split())[:MAX_QUOTED]
        problem = Problem(detail=detail)
    title = problem.title or _name(status)
    return msgspec.structs.replace(problem, status=status, title=title)


def _name(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "HTTP error"
