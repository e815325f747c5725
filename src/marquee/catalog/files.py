"""The files of a source: where they are, whether they are what they claim, and their lines in blocks.

Source of the format: IMDb's dataset page. Tab-separated UTF-8 with a header line, no quoting, `\\N` for
"unknown"; published as gzip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from marquee.errors import SourceDamagedError, SourceMissingError


class Table(msgspec.Struct, frozen=True):
    """One of the four files."""

    name: str
    columns: tuple[str, ...]


NAMES = Table(
    "name.basics",
    ("nconst", "primaryName", "birthYear", "deathYear", "primaryProfession", "knownForTitles"),
)
TITLES = Table(
    "title.basics",
    (
        "tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear",
        "runtimeMinutes", "genres",
    ),
)  # fmt: skip
PRINCIPALS = Table("title.principals", ("tconst", "ordering", "nconst", "category", "job", "characters"))
RATINGS = Table("title.ratings", ("tconst", "averageRating", "numVotes"))
TABLES = (NAMES, TITLES, PRINCIPALS, RATINGS)

BLOCK_BYTES = 8 << 20
_READ_BYTES = 256 << 10
_PIECE_BYTES = 4 << 20
_LONGEST_LINE_BYTES = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class Block(msgspec.Struct, frozen=True):
    """Whole lines of a file, without the header."""

    data: bytes
    """Lines, each ended by a line feed."""
    first_line: int
    """Line number of the first, 1-based; the header is line 1."""
    read_bytes: int
    """Bytes of the file as it lies on disk that were read since the block before."""


def locate(folder: Path) -> dict[str, Path]:
    """Return the path of each table's file in a folder; of `.tsv.gz` and `.tsv` the former wins.

    Raises:
        SourceMissingError: the folder or some of the files are not there; the message names them all.
    """
    if not folder.is_dir():
        raise SourceMissingError(f"{folder} is not a folder")
    found: dict[str, Path] = {}
    for table in TABLES:
        for suffix in (".tsv.gz", ".tsv"):
            path = folder / f"{table.name}{suffix}"
            if path.is_file():
                found[table.name] = path
                break
    missing = [f"{table.name}.tsv.gz" for table in TABLES if table.name not in found]
    if missing:
        raise SourceMissingError(f"{folder} lacks {', '.join(missing)} (.tsv will do as well)")
    return found


def preflight(paths: dict[str, Path]) -> None:
    """Check kind and header of every file, reading only its beginning.

    Raises:
        SourceDamagedError: a file is empty, a web page, not gzip, or has another header.
        SourceMissingError: a file cannot be read.
    """
    for table in TABLES:
        beginning = b""
        for data, _ in _pieces(paths[table.name]):
            beginning += data
            if b"\n" in beginning or len(beginning) > _READ_BYTES:
                break
        _check_header(paths[table.name], table, beginning.split(b"\n", 1)[0])


def read_blocks(path: Path, table: Table, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the lines of a file in blocks of about `block_bytes`, in bounded memory.

    A gzip file is checked to its very end, so the file is known to be whole only when the iterator is
    exhausted. A last line without a line feed gets one.

    Raises:
        SourceDamagedError: wrong header, truncated, damaged, or garbage after the end.
        SourceMissingError: the file cannot be read.
    """
    buffer = bytearray()
    line = 0
    read_bytes = 0
    for data, size in _pieces(path):
        read_bytes += size
        buffer += data
        if line == 0 and (end := buffer.find(b"\n")) >= 0:
            _check_header(path, table, bytes(buffer[:end]))
            del buffer[: end + 1]
            line = 2
        if len(buffer) >= block_bytes and line:
            end = buffer.rfind(b"\n") + 1
            if end == 0:
                if len(buffer) > _LONGEST_LINE_BYTES:
                    raise SourceDamagedError(f"{path}: line {line} has no end within {len(buffer)} bytes")
                continue
            block = Block(bytes(buffer[:end]), line, read_bytes)
            del buffer[:end]
            yield block
            line += block.data.count(b"\n")
            read_bytes = 0
    if line == 0:
        _check_header(path, table, bytes(buffer))
    elif buffer:
        if not buffer.endswith(b"\n"):
            buffer += b"\n"
        yield Block(bytes(buffer), line, read_bytes)


def _check_header(path: Path, table: Table, line: bytes) -> None:
    expected = "\t".join(table.columns)
    header = line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
    if header == expected:
        return
    if header.lstrip().startswith("<"):
        raise SourceDamagedError(f"{path} is a web page, not data: it begins with {header.strip()[:60]!r}")
    raise SourceDamagedError(f"{path} has the header {header[:200]!r} instead of {expected!r}")


def _pieces(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield decompressed pieces of bounded size, each with the bytes of the file it cost.

    Raises what `read_blocks` raises.
    """
    try:
        with path.open("rb") as file:
            first = file.read(_READ_BYTES)
            if not first:
                raise SourceDamagedError(f"{path} is empty")
            if path.suffix != ".gz":
                while first:
                    yield first, len(first)
                    first = file.read(_READ_BYTES)
                return
            if not first.startswith(_GZIP_MAGIC):
                kind = "a web page, not" if first.lstrip()[:1] == b"<" else "not"
                raise SourceDamagedError(f"{path} is {kind} gzip data: it begins with {first[:40]!r}")
            yield from _inflate(path, first, file)
    except OSError as error:
        raise SourceMissingError(f"{path} cannot be read: {error.strerror or error}") from error


def _inflate(path: Path, data: bytes, file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield what the gzip members of `file` hold, `data` being what was read of it already.

    zlib and not the `gzip` module, because that one can't say how many bytes of the file it has read. The
    checksum and the length at the end of each member are verified by zlib.

    Raises:
        SourceDamagedError: truncated, damaged, or garbage after the end.
    """
    inflater = zlib.decompressobj(wbits=31)
    cost = len(data)
    while True:
        try:
            output = inflater.decompress(data, _PIECE_BYTES)
        except zlib.error as error:
            raise SourceDamagedError(f"{path} is damaged: {_reason(error)}") from error
        yield output, cost
        cost = 0
        if inflater.eof:
            data = inflater.unused_data.lstrip(b"\0")  # padding with zeros is legal
            while len(data) < len(_GZIP_MAGIC) and (more := file.read(_READ_BYTES)):
                cost += len(more)
                data = (data + more).lstrip(b"\0")
            if not data:
                return
            if not data.startswith(_GZIP_MAGIC):
                raise SourceDamagedError(f"{path} has garbage after the end of its gzip data: {data[:40]!r}")
            inflater = zlib.decompressobj(wbits=31)
        else:
            data = inflater.unconsumed_tail
            if not data:
                data = file.read(_READ_BYTES)
                cost = len(data)
            if not data:
                raise SourceDamagedError(
                    f"{path} is truncated: its gzip data stops after {file.tell()} bytes, before its end"
                )


def _reason(error: zlib.error) -> str:
    text = str(error).rpartition(": ")[2]
    return {
        "incorrect data check": "the checksum of its content is wrong",
        "incorrect length check": "the length of its content is wrong",
    }.get(text, f"its gzip data is invalid ({text})")
