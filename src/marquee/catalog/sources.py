"""Where a catalogue comes from, and what tells one state of a source from another."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from marquee.catalog.download import fetch_set, find_set
from marquee.catalog.files import TABLES, locate
from marquee.errors import SourceError, SourceMissingError
from marquee.progress import Progress
from marquee.settings import Settings

SourceKind = Literal["sample", "folder", "imdb"]

IMDB_ATTRIBUTION = "Information courtesy of IMDb (https://www.imdb.com). Used with permission."
ATTRIBUTION_FILE = "ATTRIBUTION.txt"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a data source."""

    kind: SourceKind
    folder: Path
    """Holds the four files."""
    fingerprint: str
    """Hexadecimal; differs whenever the content of any file differs, and only then."""
    published_at: datetime
    """When the newest of the files was made (UTC)."""
    confirmed_at: datetime
    """When these were last known to be the newest there are (UTC): now, or when their server last said so."""
    attribution: str
    """One line that must be shown wherever the data is."""
    note: str = ""
    """Why these are not the newest files, where they may not be."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which source is asked for, before anything of it is read."""

    kind: SourceKind
    folder: Path | None = None
    """For a folder: which."""


def open_source(folder: Path, kind: SourceKind = "folder") -> Source:
    """Describe the source in a folder. Reads every file once, 2.5 GB in about 2 s; checks nothing else.

    Raises:
        SourceMissingError: the folder or a file is not there or can't be read.
    """
    paths = locate(folder)
    try:
        return Source(
            kind=kind,
            folder=folder,
            fingerprint=_fingerprint(paths),
            confirmed_at=datetime.now(UTC),
            published_at=max(_made_at(path) for path in paths.values()),
            attribution=_attribution(folder),
        )
    except OSError as error:
        raise SourceMissingError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def open_sample() -> Source:
    """Describe the sample that comes with the package."""
    return open_source(Path(str(resources.files("marquee.catalog"))) / "sample", "sample")


async def open_imdb(base_url: str, home: Path, progress: Progress) -> Source:
    """Fetch what has changed at IMDb and describe the newest complete set of files.

    Where the server fails, the set fetched before is taken, and `note` says why and how old it is.

    Raises:
        SourceUnavailableError: the server fails, and there is no set from before.
    """
    note = ""
    try:
        files = await fetch_set(base_url, home, progress)
    except SourceError as error:
        previous = find_set(home)
        if previous is None:
            raise
        files = previous
        age_h = (datetime.now(UTC) - files.confirmed_at).total_seconds() / 3600
        note = f"{error}; the files of {age_h:.1f} hours ago are used"
    source = await asyncio.to_thread(open_source, files.folder, "imdb")
    return msgspec.structs.replace(source, confirmed_at=files.confirmed_at, note=note)


async def open_choice(choice: Choice, settings: Settings, progress: Progress) -> Source:
    """Open the source asked for.

    Raises:
        SourceError: it cannot be had; see `open_source` and `open_imdb`.
    """
    if choice.kind == "imdb":
        return await open_imdb(settings.imdb_base_url, settings.home / "imdb", progress)
    if choice.kind == "sample":
        return open_sample()
    assert choice.folder is not None  # noqa: S101  # a choice of kind folder names one
    return await asyncio.to_thread(open_source, choice.folder)


def _fingerprint(paths: dict[str, Path]) -> str:
    # Not the checksum in the gzip trailer: it covers only the last of several members.
    total = hashlib.sha256()
    for table in TABLES:
        with paths[table.name].open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{table.name} {digest}\n".encode())
    return total.hexdigest()[:32]


def _made_at(path: Path) -> datetime:
    """Return the time in the gzip header, or the file's own where there is none (or one of the future)."""
    with path.open("rb") as file:
        header = file.read(8)
    modified = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    if path.suffix == ".gz" and len(header) == 8:
        seconds = int.from_bytes(header[4:8], "little")
        packed = datetime.fromtimestamp(seconds, UTC)
        if seconds and packed <= datetime.now(UTC) + timedelta(days=1):
            return packed
    return modified


def _attribution(folder: Path) -> str:
    path = folder / ATTRIBUTION_FILE
    if not path.is_file():
        return IMDB_ATTRIBUTION
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split()) or IMDB_ATTRIBUTION
