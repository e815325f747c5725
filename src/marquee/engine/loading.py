"""Bulk loading: ready-made `_bulk` bytes in, every document in the index or an error out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from marquee.engine.cluster import Cluster, Json
from marquee.engine.pacing import PIECE_DOCUMENTS, Pace
from marquee.errors import EngineUnavailableError, LoadError

# One request in flight loads 33 k documents a second, two or three 54 k, more gain nothing.
REQUESTS_IN_FLIGHT = 3
# 429 means that the engine's queues are full; they empty within seconds or the engine is in trouble.
MAX_RETRIES = 8
FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 15.0

Chunk = tuple[bytes, int]


async def load(
    cluster: Cluster,
    alias: str,
    chunks: Iterator[Chunk],
    on_loaded: Callable[[int], None],
    in_flight: int = REQUESTS_IN_FLIGHT,
    pace: Pace | None = None,
) -> int:
    """Load chunks of `_bulk` lines (with the number of documents in each) through an alias; return the total.

    `chunks` is advanced in a thread, so it may compute. With a `pace`, the load gives way while somebody
    searches. `on_loaded` hears of every chunk that is in.

    Raises:
        LoadError: documents were refused for good; names how many and the first reason.
        EngineUnavailableError: the engine stayed away through all retries.
    """
    total = 0

    async def run_lane() -> None:
        nonlocal total
        while (chunk := await _next(chunks, turn)) is not None:
            body, count = chunk
            if pace is not None and await pace.is_busy():
                for piece, piece_count in _split(body, count):
                    async with pace.take_turn():
                        await _load_chunk(cluster, alias, piece, piece_count)
                    on_loaded(piece_count)
            else:
                await _load_chunk(cluster, alias, body, count)
                on_loaded(count)
            total += count

    turn = asyncio.Lock()  # an iterator is not safe to advance from two threads at once
    try:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(in_flight):
                lanes.create_task(run_lane())
    except ExceptionGroup as group:  # not `except*`: before Python 3.11.4 it wraps what it raises
        raise group.exceptions[0] from group
    return total


def _split(body: bytes, count: int) -> Iterator[Chunk]:
    """Yield a chunk in pieces of PIECE_DOCUMENTS."""
    lines = body.split(b"\n")
    for start in range(0, count, PIECE_DOCUMENTS):
        piece = lines[2 * start : 2 * (start + PIECE_DOCUMENTS)]
        yield b"\n".join(piece).rstrip(b"\n") + b"\n", min(PIECE_DOCUMENTS, count - start)


async def _next(chunks: Iterator[Chunk], turn: asyncio.Lock) -> Chunk | None:
    async with turn:
        return await asyncio.to_thread(next, chunks, None)


async def _load_chunk(cluster: Cluster, alias: str, body: bytes, count: int) -> None:
    """Load one chunk, repeating only what the engine had no room for."""
    backoff_s, reason = FIRST_BACKOFF_S, ""
    for attempt in range(MAX_RETRIES + 1):
        try:
            items = await cluster.bulk(alias, body)
        except EngineUnavailableError:
            # The chunk may have been loaded all the same; ids make the repetition harmless.
            if attempt == MAX_RETRIES:
                raise
        else:
            if len(items) != count:
                raise LoadError(f"{alias}: {count} documents sent, {len(items)} answered")
            reason = next((_reason(item) for item in items if item["status"] == 429), "")
            body, count = _rest(alias, body, items)
            if count == 0:
                return
        await asyncio.sleep(backoff_s)
        backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
    raise LoadError(
        f"{alias}: the engine had no room for {count} documents after {MAX_RETRIES} retries: {reason}"
    )


def _reason(item: Json) -> str:
    error = item.get("error", {})
    return f"{error.get('type')}: {error.get('reason')}"


def _rest(alias: str, body: bytes, items: list[Json]) -> Chunk:
    """Return the lines of the documents that were told to come again (429), if no other one failed."""
    failed = [item for item in items if item["status"] >= 300 and item["status"] != 429]
    if failed:
        raise LoadError(
            f"{alias} refused {len(failed)} of {len(items)} documents, the first with {_reason(failed[0])}"
        )
    again = [position for position, item in enumerate(items) if item["status"] == 429]
    if not again:
        return b"", 0
    lines = body.split(b"\n")
    kept = [lines[2 * position] + b"\n" + lines[2 * position + 1] + b"\n" for position in again]
    return b"".join(kept), len(again)
