"""The steps of a reindex, from files to swapped aliases. Any failure leaves the aliases where they were."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from marquee import __version__
from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.encoding import encode_actors, encode_titles
from marquee.catalog.sources import Source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import BuildMeta, Generation, SourceMeta
from marquee.engine.loading import load
from marquee.engine.mappings import KINDS, MAPPING_VERSION, Kind
from marquee.errors import EngineConflictError, EngineError
from marquee.progress import Progress
from marquee.reindex.gate import check_rejects
from marquee.settings import Settings

# An incomplete generation older than this is what a crash left, not a build that still runs.
MAX_BUILD_TIME = timedelta(hours=24)
# Each conflict is a build that began in the same moment; more than a few are another trouble.
MAX_CONFLICTS = 5


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a reindex ended well."""

    generation: str
    built: bool
    """False where the live generation already holds what would have been built."""
    counts: dict[Kind, int]
    took_s: float


def read_basis(settings: Settings, source: Source) -> str:
    """Return a digest of all that determines the documents: equal digests, equal documents."""
    parts = (
        source.fingerprint,
        str(MAPPING_VERSION),
        settings.people,
        ",".join(sorted(settings.title_types)),
        str(settings.adult),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_current(live: Generation | None, basis: str | None) -> Outcome | None:
    """Return what a reindex would say if the live generation has this basis (None: any), else None."""
    if live is None or live.meta is None or (basis is not None and live.meta.basis != basis):
        return None
    return Outcome(generation=live.id, built=False, counts=live.meta.counts, took_s=0.0)


async def reindex(
    settings: Settings,
    cluster: Cluster,
    source: Source,
    progress: Progress,
    *,
    force: bool = False,
    reason: str = "",
) -> Outcome:
    """Build a generation from `source` and swap it in; nothing is built where the live one is the same.

    `force` builds although nothing has changed, and passes the gate's limits; never damaged files.

    Raises:
        SourceError: a file is missing or damaged.
        GateRefusedError: too much of the source is unusable.
        EngineError: the engine failed; the new generation is deleted.
    """
    started = time.monotonic()
    prefix = settings.index_prefix
    basis = await asyncio.to_thread(read_basis, settings, source)
    live = await generations.find_live(cluster, prefix)
    current = find_current(live, basis)
    if current is not None and not force:
        await _confirm(cluster, prefix, live, source)
        return current
    work = await asyncio.to_thread(_make_work_folder, settings.home)
    try:
        assembly = await _assemble(settings, source, work, progress)
        if not force:
            check_rejects(assembly.quality)
        meta = BuildMeta(
            source=SourceMeta(
                kind=source.kind, published_at=source.published_at, confirmed_at=source.confirmed_at
            ),
            location=str(source.folder),
            basis=basis,
            attribution=source.attribution,
            counts={"actors": assembly.actors, "titles": assembly.titles},
            marquee_version=__version__,
            reason=reason,
            quality=msgspec.to_builtins(assembly.quality),
        )
        generation = await _build_and_swap(settings, cluster, assembly, meta, progress)
        await asyncio.to_thread(_write_quality, settings, generation, meta)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    await _prune(cluster, settings)
    return Outcome(
        generation=generation, built=True, counts=meta.counts, took_s=round(time.monotonic() - started, 2)
    )


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


async def _assemble(settings: Settings, source: Source, work: Path, progress: Progress) -> Assembly:
    """Assemble in a thread; when cancelled, end it within a block and wait for its end."""
    stoppable = _Stoppable(progress)
    thread = asyncio.create_task(asyncio.to_thread(assemble, source.folder, settings, work, stoppable))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stoppable.is_stopped = True
        await asyncio.wait([thread])
        thread.exception()  # _Stop, or none if it was done: either way it is of no use any more
        raise


async def _confirm(cluster: Cluster, prefix: str, live: Generation | None, source: Source) -> None:
    """Note that what is live still is what the source publishes: its data are as old as that."""
    if live is None or live.meta is None or live.meta.source.confirmed_at >= source.confirmed_at:
        return
    confirmed = msgspec.structs.replace(live.meta.source, confirmed_at=source.confirmed_at)
    await generations.write_meta(
        cluster, prefix, live.id, msgspec.structs.replace(live.meta, source=confirmed)
    )


def _make_work_folder(home: Path) -> Path:
    parent = home / "work"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="reindex-", dir=parent))


def generation_folder(home: Path, generation: str) -> Path:
    """Return the folder of what is kept of a generation outside the engine: its `quality.json`."""
    return home / "generations" / generation


def _write_quality(settings: Settings, generation: str, meta: BuildMeta) -> None:
    folder = generation_folder(settings.home, generation)
    folder.mkdir(parents=True, exist_ok=True)
    report = msgspec.json.format(msgspec.json.encode(meta.quality), indent=2)
    (folder / "quality.json").write_bytes(report + b"\n")


async def _build_and_swap(
    settings: Settings, cluster: Cluster, assembly: Assembly, meta: BuildMeta, progress: Progress
) -> str:
    """Create, load, complete and swap in a generation; an unfinished one is deleted, whatever ended it."""
    generation = await _create(cluster, settings)
    try:
        documents = {
            "actors": encode_actors(assembly.actor_files),
            "titles": encode_titles(assembly.title_files),
        }
        for kind in KINDS:
            index = generations.index_name(settings.index_prefix, kind, generation)
            progress.start(f"index {kind}", meta.counts[kind], "docs")
            await load(cluster, index, documents[kind], progress.advance)
        progress.start("refresh and check")
        await generations.complete(
            cluster, settings.index_prefix, generation, meta, replicas=settings.replicas
        )
        await generations.swap(cluster, settings.index_prefix, generation)
        progress.finish()
    except BaseException:
        await asyncio.shield(_discard(cluster, settings.index_prefix, generation))
        raise
    return generation


async def _create(cluster: Cluster, settings: Settings) -> str:
    """Create the indexes of a new generation and return its id.

    Builds that begin in one second choose the same id: the later must not discard what is the other's.
    """
    for attempt in range(MAX_CONFLICTS + 1):
        generation = generations.new_id(await generations.list_generations(cluster, settings.index_prefix))
        try:
            await generations.create(cluster, settings.index_prefix, generation, settings.shards)
        except EngineConflictError:
            if attempt == MAX_CONFLICTS:
                raise
        except BaseException:
            await asyncio.shield(_discard(cluster, settings.index_prefix, generation))
            raise
        else:
            break
    return generation


async def _discard(cluster: Cluster, prefix: str, generation: str) -> None:
    try:
        # A swap whose answer was lost may have happened: what is live is never deleted.
        live = await generations.find_live(cluster, prefix)
        if live is None or live.id != generation:
            await generations.delete(cluster, prefix, generation)
    except EngineError:
        # The engine is away, which is why the build failed: a later reindex removes what is left.
        return


async def _prune(cluster: Cluster, settings: Settings) -> None:
    """Delete the generations beyond those that are kept, and what crashed builds left; never the live one."""
    every = await generations.list_generations(cluster, settings.index_prefix)
    complete = [each for each in every if each.complete]
    kept = {each.id for each in complete[: settings.keep_generations]}
    oldest = datetime.now(UTC) - MAX_BUILD_TIME
    for each in every:
        is_orphan = not each.complete and each.built_at < oldest
        if not each.live and (is_orphan or (each.complete and each.id not in kept)):
            await generations.delete(cluster, settings.index_prefix, each.id)
            folder = generation_folder(settings.home, each.id)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
