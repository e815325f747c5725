"""The steps of a reindex, from files to swapped aliases. Any failure leaves the aliases where they were."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from marquee import __version__
from marquee.catalog.assemble import Assembly
from marquee.catalog.sources import Source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import BuildMeta, Generation, SourceMeta
from marquee.engine.mappings import MAPPING_VERSION
from marquee.progress import Progress
from marquee.reindex.build import assemble_rows, create, discard, load_documents
from marquee.reindex.gate import check_rejects
from marquee.reindex.workspace import Workspace, find_abandoned
from marquee.settings import Settings

# An incomplete generation older than this is what a crash on another machine left, not a build that runs.
MAX_BUILD_TIME = timedelta(hours=24)


_log = logging.getLogger("marquee.reindex")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a reindex ended well."""

    generation: str
    built: bool
    """False where the live generation already holds what would have been built."""
    counts: dict[str, int]
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
    return Outcome(generation=live.id, built=False, counts=live.meta.shown_counts, took_s=0.0)


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
    await _sweep(settings, cluster)
    workspace = await asyncio.to_thread(Workspace, settings.home)
    try:
        assembly = await assemble_rows(settings, source, workspace, progress)
        if not force:
            check_rejects(assembly.quality)
        meta = _describe(source, basis, assembly, reason)
        generation = await create(cluster, settings, workspace)
        try:
            await load_documents(settings, cluster, assembly, generation, progress)
            progress.start("refresh and check")
            await generations.complete(cluster, prefix, generation, meta, replicas=settings.replicas)
            await generations.swap(cluster, prefix, generation)
            progress.finish()
        except BaseException:
            await asyncio.shield(discard(cluster, prefix, generation))
            raise
        try:
            await asyncio.to_thread(_write_quality, settings, generation, meta)
        except OSError as error:
            # The generation is live and holds the report as well; a full disk here makes no failure of it.
            _log.warning("quality.json of %s cannot be written: %s", generation, error)
    finally:
        await asyncio.to_thread(workspace.close)
    await _prune(cluster, settings)
    return Outcome(
        generation=generation,
        built=True,
        counts=meta.shown_counts,
        took_s=round(time.monotonic() - started, 2),
    )


async def _sweep(settings: Settings, cluster: Cluster) -> None:
    """Remove what killed runs on this machine left: their folders and their half-built generations."""
    with find_abandoned(settings.home) as notes:
        for note in notes:
            if note.prefix == settings.index_prefix:
                await discard(cluster, note.prefix, note.generation)


def _describe(source: Source, basis: str, assembly: Assembly, reason: str) -> BuildMeta:
    return BuildMeta(
        source=SourceMeta(
            kind=source.kind, published_at=source.published_at, confirmed_at=source.confirmed_at
        ),
        location=str(source.folder),
        basis=basis,
        attribution=source.attribution,
        counts={"actors": assembly.actors, "titles": assembly.titles, "tokens": assembly.tokens},
        marquee_version=__version__,
        reason=reason,
        quality=msgspec.to_builtins(assembly.quality),
    )


async def _confirm(cluster: Cluster, prefix: str, live: Generation | None, source: Source) -> None:
    """Note that what is live still is what the source publishes: its data are as old as that."""
    if live is None or live.meta is None or live.meta.source.confirmed_at >= source.confirmed_at:
        return
    confirmed = msgspec.structs.replace(live.meta.source, confirmed_at=source.confirmed_at)
    await generations.write_meta(
        cluster, prefix, live.id, msgspec.structs.replace(live.meta, source=confirmed)
    )


def generation_folder(settings: Settings, generation: str) -> Path:
    """Return the folder of what is kept of a generation outside the engine: its `quality.json`."""
    return settings.home / "generations" / settings.index_prefix / generation


def _write_quality(settings: Settings, generation: str, meta: BuildMeta) -> None:
    folder = generation_folder(settings, generation)
    folder.mkdir(parents=True, exist_ok=True)
    report = msgspec.json.format(msgspec.json.encode(meta.quality), indent=2)
    (folder / "quality.json").write_bytes(report + b"\n")


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
            folder = generation_folder(settings, each.id)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
