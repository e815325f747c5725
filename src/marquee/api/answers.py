"""What every data answer has in common: its encoding and its headers."""

from __future__ import annotations

import time
import zlib
from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec
from litestar import Request, Response

from marquee.reindex.status import DataAge

# Suggestions and hits change at a swap, once a day; a minute old is as good as new, and saves a widget's
# repeated keystrokes.
MAX_AGE_S = 60


class Answer(Protocol):
    """An answer that knows which generation it came from."""

    @property
    def generation(self) -> str:
        """The generation's id."""


class Answers:
    """Sends answers, with what is known about where they come from."""

    def __init__(self, data_age: DataAge, *, is_public: bool = True) -> None:
        self._data_age = data_age
        # Where a token is needed, no cache on the way may answer who has none.
        self._cache_control = f"{'public' if is_public else 'private'}, max-age={MAX_AGE_S}"

    async def send(
        self, request: Request[Any, Any, Any], work: Awaitable[Answer], body: bytes = b""
    ) -> Response[Any]:
        """Do the work and send its answer; raises what the work raises.

        `body` is what was posted, a part of the question then.
        """
        started = time.perf_counter()
        answer = await work
        took_ms = (time.perf_counter() - started) * 1000
        question = request.scope["path"].encode() + b"?" + request.scope["query_string"] + body
        headers = {
            "Marquee-Generation": answer.generation,
            "Server-Timing": f"total;dur={took_ms:.2f}",
            # Weak: two answers to one question from one generation differ in took_ms alone.
            "ETag": f'W/"{answer.generation}-{zlib.crc32(question):08x}"',
            "Cache-Control": self._cache_control,
        }
        if (age_s := await self._data_age.measure(answer.generation)) is not None:
            headers["Marquee-Data-Age"] = str(age_s)
        return Response(msgspec.json.encode(answer), media_type="application/json", headers=headers)
