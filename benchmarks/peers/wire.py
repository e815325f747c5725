"""What runs between the scorecard and a peer's process: length-prefixed MessagePack on stdin and stdout."""

from __future__ import annotations

import struct
from typing import IO, Literal

import msgspec

from benchmarks.peers.protocol import Built
from benchmarks.subject import SearchReply, SuggestReply

Kind = Literal["search", "suggest"]


class Build(msgspec.Struct, frozen=True, tag=True):
    """Index this folder."""

    folder: str
    people: int


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Answer one question after another; each is timed inside the peer's process."""

    kind: Kind
    questions: list[str]
    limit: int


class Hammer(msgspec.Struct, frozen=True, tag=True):
    """Answer questions of so many clients at once, each asking again as soon as it is answered."""

    kind: Kind
    questions: list[str]
    limit: int
    clients: int
    seconds: float


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Say how much memory is resident."""


class Close(msgspec.Struct, frozen=True, tag=True):
    """Stop and clean up."""


Request = Build | Ask | Hammer | Measure | Close


class Answered(msgspec.Struct, frozen=True):
    """One answer and its milliseconds."""

    took_ms: float
    search: SearchReply | None = None
    suggest: SuggestReply | None = None


class Hammered(msgspec.Struct, frozen=True):
    """How many were answered and refused in how many seconds, and the milliseconds of each answer."""

    answered: int
    refused: int
    seconds: float
    took_ms: list[float]


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request; `error` says in one line why there is none."""

    error: str | None = None
    built: Built | None = None
    answers: list[Answered] = []
    hammered: Hammered | None = None
    resident_bytes: int = 0


_HEAD = struct.Struct(">I")
MOST_BYTES = 1 << 28


def send(file: IO[bytes], message: Request | Reply) -> None:
    """Write one message.

    Raises:
        OSError: the other side is gone.
    """
    body = msgspec.msgpack.encode(message)
    file.write(_HEAD.pack(len(body)) + body)
    file.flush()


def length_of(head: bytes) -> int:
    """Return the length of the message that a head announces.

    Raises:
        ValueError: no message is as long as that: something else was written there.
    """
    (length,) = _HEAD.unpack(head)
    if length > MOST_BYTES:
        raise ValueError(f"a message of {length:,} bytes")
    return int(length)


HEAD_BYTES = _HEAD.size
