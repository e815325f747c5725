"""Building a generation: rows are assembled and documents loaded side by side.

Assembling keeps one core busy for minutes, loading mostly the engine's: at 14 M people the one after the
other takes the sum of both. So each file of finished rows is loaded while the next one is being assembled.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path

from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.encoding import encode_actors, encode_titles
from marquee.catalog.sources import Source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.loading import load
from marquee.engine.mappings import KINDS, Kind
from marquee.errors import EngineConflictError, EngineError
from marquee.progress import Progress
from marquee.reindex.workspace import Workspace
from marquee.settings import Settings

# Each conflict is a build that began in the same moment; more than a few are another trouble.
MAX_CONFLICTS = 5

_ENCODERS = {"actors": encode_actors, "titles": encode_titles}


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


class _Feed:
    """Files on their way from the thread that assembles to the one that encodes."""

    def __init__(self) -> None:
        self._files: queue.SimpleQueue[Path | None] = queue.SimpleQueue()

    def put(self, path: Path) -> None:
        self._files.put(path)

    def close(self) -> None:
        """Say that no more will come; who waits must never wait for ever."""
        self._files.put(None)

    def __iter__(self) -> Iterator[Path]:
        while (path := self._files.get()) is not None:
            yield path


class Build:
    """One build, from a source to a loaded generation that is neither checked nor swapped in."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        source: Source,
        workspace: Workspace,
        progress: Progress,
    ) -> None:
        self._settings, self._cluster, self._source = settings, cluster, source
        self._workspace, self._progress = workspace, progress
        self._feeds = {kind: _Feed() for kind in KINDS}
        self._generation: str | None = None
        self._creation = asyncio.Lock()
        self._has_rows = asyncio.Event()
        self._loaded = 0
        self._is_assembled = False

    async def run(self) -> tuple[str, Assembly]:
        """Assemble and load; return the id of the generation and what it was made of.

        Whatever ends it early, the indexes it began are deleted.

        Raises:
            SourceError: a file is missing or damaged.
            EngineError: the engine failed or refused documents.
        """
        try:
            async with asyncio.TaskGroup() as group:
                assembling = group.create_task(self._assemble())
                for kind in KINDS:
                    group.create_task(self._load(kind))
        except BaseException as error:
            await asyncio.shield(self.discard())
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from error
            raise
        return await self._create(), assembling.result()

    async def discard(self) -> None:
        """Delete what was begun, unless it is live: a swap whose answer was lost may have happened."""
        if self._generation is not None:
            await discard(self._cluster, self._settings.index_prefix, self._generation)

    async def _assemble(self) -> Assembly:
        """Assemble in a thread; when cancelled, end it within a block and wait for its end."""
        loop = asyncio.get_running_loop()

        def pass_on(kind: Kind, path: Path) -> None:
            self._feeds[kind].put(path)
            loop.call_soon_threadsafe(self._has_rows.set)

        progress = _Stoppable(self._progress)
        work = asyncio.to_thread(
            assemble, self._source.folder, self._settings, self._workspace.folder / "rows", progress, pass_on
        )
        thread = asyncio.create_task(work)
        try:
            assembly = await asyncio.shield(thread)
            self._has_rows.set()
        except asyncio.CancelledError:
            progress.is_stopped = True
            await asyncio.wait([thread])
            thread.exception()  # _Stop, or none if it was done: either way it is of no use any more
            raise
        finally:
            for feed in self._feeds.values():
                feed.close()
        if rest := assembly.actors + assembly.titles - self._loaded:
            self._progress.start("index the rest", rest, "docs")
        self._is_assembled = True
        return assembly

    async def _load(self, kind: Kind) -> None:
        await self._has_rows.wait()
        index = generations.index_name(self._settings.index_prefix, kind, await self._create())
        await load(self._cluster, index, _ENCODERS[kind](self._feeds[kind]), self._count)

    def _count(self, documents: int) -> None:
        self._loaded += documents
        if self._is_assembled:
            self._progress.advance(documents)

    async def _create(self) -> str:
        """Create the indexes, once, when the first rows are there: a damaged source never gets so far."""
        async with self._creation:
            if self._generation is None:
                self._generation = await create(self._cluster, self._settings, self._workspace)
            return self._generation


async def create(cluster: Cluster, settings: Settings, workspace: Workspace) -> str:
    """Create the indexes of a new generation, noted in the workspace, and return its id.

    Builds that begin in one second choose the same id: the later must not discard what is the other's.

    Raises:
        EngineError: the engine failed; what was created of the indexes is deleted.
    """
    for attempt in range(MAX_CONFLICTS + 1):
        generation = generations.new_id(await generations.list_generations(cluster, settings.index_prefix))
        workspace.note(settings.index_prefix, generation)
        try:
            await generations.create(cluster, settings.index_prefix, generation, settings.shards)
        except EngineConflictError:
            if attempt == MAX_CONFLICTS:
                raise
        except BaseException:
            await asyncio.shield(discard(cluster, settings.index_prefix, generation))
            raise
        else:
            break
    return generation


async def discard(cluster: Cluster, prefix: str, generation: str) -> None:
    """Delete a generation that is not live; an engine that is away is no error."""
    try:
        live = await generations.find_live(cluster, prefix)
        if live is None or live.id != generation:
            await generations.delete(cluster, prefix, generation)
    except EngineError:
        # Why the build failed, mostly: a later reindex removes what is left.
        return
