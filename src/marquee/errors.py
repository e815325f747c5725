"""Everything that can go wrong, as one tree.

MarqueeError
├── SettingsError             a MARQUEE_ variable or a command option has an unusable value
├── RequestError              a request parameter is wrong (carries one message per parameter)
│   └── EmptyQueryError       nothing searchable is left of the query
├── NotFoundError             no such actor, title, generation or job
├── ConflictError             what is asked for does not go together with how things stand
│   └── LeaseHeldError        another reindex is under way
├── OtherReleaseError         a record was written by another release of Marquee, in terms unknown to this one
├── LeaseLostError            another process has taken over what this one was doing
├── AccessError               who asks may not
│   ├── UnauthorizedError     no token, or an unknown one
│   ├── ForbiddenError        a token of another role
│   ├── AdminDisabledError    no token is configured at all
│   └── RateLimitError        asked too often (carries when to come again)
├── OverloadedError           more is asked than can be answered in time
├── SourceError               the data source cannot be used; the live generation is untouched
│   ├── SourceMissingError    a folder or file is not there
│   ├── SourceUnavailableError  the server of the files does not give them
│   └── SourceDamagedError    a file is truncated, has a wrong header, is not what it claims
├── TableError                a file of names cannot be read, or what was matched not be written
├── ReindexFailedError        a job ended otherwise than it should have
├── GateRefusedError          a build is whole, but not good enough to be swapped in
├── EngineError               Elasticsearch did not do what was asked
│   ├── EngineUnavailableError    no answer, an answer that came too late, or an incomplete one
│   │   └── EngineFullError       it answers, but takes no writes: its disk is full
│   ├── EngineNotReadyError       it answers, but no generation is live yet
│   ├── EngineRejectedError       it refused the request (a bug of ours, or a block)
│   │   ├── EngineSetupError      it does not let us in, or is no Elasticsearch: a setting is wrong
│   │   └── EngineConflictError   what was to be created exists already
│   └── LoadError                 documents of a bulk load failed for good
└── NodeError                 the managed local Elasticsearch
    ├── ProvisionError        download, checksum, compilation or disk space
    └── NodeStartError        installed, but it does not come up

No class knows an HTTP status or an exit code: `api/problems` and `cli` map them.
"""

from __future__ import annotations


class MarqueeError(Exception):
    """Base of every error Marquee raises on purpose; its text is one line a user can act on."""


class SettingsError(MarqueeError):
    """A `MARQUEE_` variable or a command option has an unusable value."""


class RequestError(MarqueeError):
    """One or more request parameters are wrong.

    `errors` maps the parameter's name to what is wrong with it.
    """

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors


class EmptyQueryError(RequestError):
    """Nothing searchable is left of the query after normalisation."""

    def __init__(self, parameter: str = "q") -> None:
        super().__init__({parameter: "holds no letter and no digit to search for"})


class NotFoundError(MarqueeError):
    """No such actor, title, generation or job."""


class ConflictError(MarqueeError):
    """What is asked for does not go together with how things stand; the text says with what."""


class LeaseHeldError(ConflictError):
    """Another reindex is under way. `job` is its id, empty where it has none."""

    def __init__(self, message: str, job: str = "") -> None:
        super().__init__(message)
        self.job = job


class OtherReleaseError(MarqueeError):
    """A record was written by another release of Marquee, in terms that this one does not know."""


class LeaseLostError(MarqueeError):
    """Another process has taken over what this one was doing: it must stop, and change nothing more."""


class AccessError(MarqueeError):
    """Who asks may not."""


class UnauthorizedError(AccessError):
    """There is no token, or an unknown one."""


class ForbiddenError(AccessError):
    """The token has another role."""


class AdminDisabledError(AccessError):
    """No token is configured: nobody can administer over HTTP."""


class OverloadedError(MarqueeError):
    """More is asked than can be answered in time; it was not tried."""


class RateLimitError(AccessError):
    """Somebody asks too often; `retry_after_s` is in how many seconds to come again."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceError(MarqueeError):
    """The data source cannot be used."""


class SourceMissingError(SourceError):
    """A folder or file of the source is not there."""


class SourceUnavailableError(SourceError):
    """The server of the files does not give them, or not whole."""


class SourceDamagedError(SourceError):
    """A file of the source is truncated, has a wrong header, or is not what it claims to be."""


class TableError(MarqueeError):
    """A file of names cannot be read, or its matches cannot be written; the text says in which line."""


class ReindexFailedError(MarqueeError):
    """A job ended otherwise than it should have; the text says why."""


class GateRefusedError(MarqueeError):
    """A build is whole, but not good enough to be swapped in; the text says what to do."""


class EngineError(MarqueeError):
    """Elasticsearch did not do what was asked."""

    reason = ""
    """The part of the text that is Elasticsearch's own, and may quote what was asked."""


class EngineUnavailableError(EngineError):
    """Elasticsearch gave no answer, gave it too late, or gave an incomplete one."""


class EngineFullError(EngineUnavailableError):
    """Elasticsearch answers, but takes no writes until there is room on its disk."""


class EngineNotReadyError(EngineError):
    """Elasticsearch answers, but no generation is live yet."""


class EngineRejectedError(EngineError):
    """Elasticsearch refused the request."""


class EngineSetupError(EngineRejectedError):
    """Elasticsearch does not let us in, or what answers is not Elasticsearch: a setting is to be changed."""


class EngineConflictError(EngineRejectedError):
    """What was to be created exists already."""


class LoadError(EngineError):
    """Documents of a bulk load failed for good."""


class NodeError(MarqueeError):
    """The managed local Elasticsearch cannot be used."""


class ProvisionError(NodeError):
    """Installing the managed node failed: download, checksum, compilation or disk space."""


class NodeStartError(NodeError):
    """The managed node is installed but does not come up."""
