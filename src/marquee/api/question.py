"""What is asked, in the form in which questions are compared."""

from __future__ import annotations

import hashlib
from functools import cached_property

import msgspec

from marquee.search.answer import Answer
from marquee.search.request import TypedRequest

# The promise is an answer within 500 ms; one that takes longer than this is of no use to who waits for it.
ANSWER_WITHIN_S = 2.0


class Question(msgspec.Struct, frozen=True, dict=True):
    """What is asked."""

    endpoint: str
    """"search", "suggest" …"""
    answer: type[Answer]
    key: bytes
    """The normalised question, encoded."""
    query: str = ""
    """What was typed."""
    limit_s: float = ANSWER_WITHIN_S
    """Seconds it may take."""
    is_heavy: bool = False
    """Whether it is as much work as a hundred others."""

    media_type: str = "application/json"
    """Of what is answered."""
    callback: str = ""
    """A function of the asking page that the answer is handed to, as a script (JSONP); empty: none."""

    @cached_property
    def digest(self) -> bytes:
        """What the cache knows it by: a hundred names with ten titles each are 400 KB."""
        return hashlib.blake2b(self.key, digest_size=16).digest()


def typed(endpoint: str, answer: type[Answer], asked: TypedRequest) -> Question:
    """Return the question of somebody who typed: what is the same when normalised is the same question."""
    normalised = msgspec.structs.replace(asked, q=asked.key)
    return Question(endpoint, answer, msgspec.msgpack.encode(normalised), asked.q)
