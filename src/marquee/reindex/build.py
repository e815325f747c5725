"""Building a generation: rows assembled, then loaded as documents.

The one after the other: side by side they took the same time, since both use all cores (400,000 synthetic
people on two: 43, 32 and 36 s side by side, 34, 35 and 34 s in turn).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.encoding import encode_actors, encode_titles, encode_tokens
from marquee.catalog.sources import Source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.loading import Chunk, load
from marquee.engine.mappings import Kind
from marquee.engine.pacing import Pace
from marquee.progress import Progress
from marquee.reindex.workspace import Workspace
from marquee.settings import Settings


class _Stop(Exception):  # noqa: N818  # never leaves this module
    """The work was cancelled."""


class _Stoppable:
    """Progress that ends the work it watches: a thread can't be cancelled, but it reports block by block."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.is_stopped = False

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        self._check()
        self._progress.start(stage, total, unit)

    def advance(self, amount: int) -> None:
        self._check()
        self._progress.advance(amount)

    def finish(self) -> None:
        self._progress.finish()

    def _check(self) -> None:
        if self.is_stopped:
            raise _Stop


async def assemble_rows(
    settings: Settings, source: Source, workspace: Workspace, progress: Progress
) -> Assembly:
    """Assemble in a thread; when cancelled, end it within a block and wait for its end.

    Raises:
        SourceError: a file is missing or damaged.
    """
    stoppable = _Stoppable(progress)
    rows = workspace.folder / "rows"
    thread = asyncio.create_task(asyncio.to_thread(assemble, source.folder, settings, rows, stoppable))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stoppable.is_stopped = True
        await asyncio.wait([thread])
        thread.exception()  # _Stop, or none if it was done: either way it is of no use any more
        raise


async def load_documents(
    settings: Settings,
    cluster: Cluster,
    assembly: Assembly,
    generation: str,
    progress: Progress,
    pace: Pace | None = None,
) -> None:
    """Load all documents into the indexes of a generation.

    Raises:
        EngineError: the engine failed or refused documents.
    """
    documents: dict[Kind, tuple[Iterator[Chunk], int]] = {
        "actors": (encode_actors(assembly.actor_files), assembly.actors),
        "titles": (encode_titles(assembly.title_files), assembly.titles),
        "tokens": (encode_tokens(assembly.token_files), assembly.tokens),
    }
    for kind, (chunks, total) in documents.items():
        progress.start(f"index {kind}", total, "docs")
        alias = generations.loading_alias(settings.index_prefix, kind, generation)
        await load(cluster, alias, chunks, progress.advance, pace=pace)
