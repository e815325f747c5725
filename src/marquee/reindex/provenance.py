"""What a generation was built from and with, and the report of it outside the engine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from marquee import __version__
from marquee.catalog.assemble import Assembly
from marquee.catalog.sources import Source
from marquee.engine.generations import BuildMeta, SourceMeta
from marquee.engine.mappings import MAPPING_VERSION
from marquee.settings import Settings


def read_options(settings: Settings) -> dict[str, str]:
    """Return the settings that decide who and what is indexed."""
    return {
        "people": settings.people,
        "title_types": ",".join(sorted(settings.title_types)),
        "adult": str(settings.adult).lower(),
    }


def read_basis(settings: Settings, source: Source) -> str:
    """Return a digest of all that determines the documents: equal digests, equal documents."""
    parts = (source.fingerprint, str(MAPPING_VERSION), *read_options(settings).values())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def describe_build(
    settings: Settings, source: Source, basis: str, assembly: Assembly, reason: str
) -> BuildMeta:
    """Return what is recorded of a generation built from an assembly."""
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
        fill=assembly.fill,
        options=read_options(settings),
    )


def write_quality(settings: Settings, generation: str, meta: BuildMeta) -> None:
    """Write the quality report of a generation where people find it; raises OSError."""
    folder = generation_folder(settings, generation)
    folder.mkdir(parents=True, exist_ok=True)
    report = msgspec.json.format(msgspec.json.encode(meta.quality), indent=2)
    (folder / "quality.json").write_bytes(report + b"\n")


def generation_folder(settings: Settings, generation: str) -> Path:
    """Return the folder of what is kept of a generation outside the engine: its `quality.json`."""
    return settings.home / "generations" / settings.index_prefix / generation


def forget_folders(settings: Settings, existing: Collection[str]) -> None:
    """Remove the folders of generations that other machines have deleted."""
    parent = generation_folder(settings, "x").parent
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.name not in existing:
            shutil.rmtree(folder, ignore_errors=True)
