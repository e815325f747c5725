"""Where a catalogue comes from, and what tells one state of a source from another."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from marquee.catalog.files import TABLES, locate
from marquee.errors import SourceMissingError

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
    attribution: str
    """One line that must be shown wherever the data is."""


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
            published_at=max(_made_at(path) for path in paths.values()),
            attribution=_attribution(folder),
        )
    except OSError as error:
        raise SourceMissingError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def open_sample() -> Source:
    """Describe the sample that comes with the package."""
    return open_source(Path(str(resources.files("marquee.catalog"))) / "sample", "sample")


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
