"""The bytes of a table: compressed by suffix, watched while they are read, a chunk at a time."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

from marquee.errors import TableError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["", ".gz", ".zst"]
Watch = Callable[[bytes], None]
"""Is shown every piece of the file as it lies on the disk."""

CHUNK_BYTES = 1 << 18
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# What people save under a name that promises text: each by what it begins with.
_STRANGERS = (
    (_GZIP, "is compressed with gzip: give it the suffix .gz"),
    (_ZSTD, "is compressed with zstd: give it the suffix .zst"),
    (b"PAR1", "is a Parquet file: give it the suffix .parquet"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet: save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old spreadsheet: save the sheet as CSV"),
    (b"%PDF", "is a PDF"),
    (b"SQLite format 3", "is a SQLite database"),
)


class InputFile:
    """A file that is read several times, and must be the same each time."""

    def __init__(self, path: Path, compression: Compression = "") -> None:
        """Raises OSError where there is no such file, or it is not to be read."""
        self.path, self.compression = path, compression
        with path.open("rb") as file:  # permissions and folders show here
            self._head = file.read(16)
        self._state = self._stat()
        self.digest = ""
        """Of its bytes, once they were read from end to end."""
        if not self._state[0]:
            raise TableError(f"{path} is empty")

    @property
    def size_bytes(self) -> int:
        """As it lies on the disk."""
        return self._state[0]

    def _stat(self) -> tuple[int, int, int]:
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns, status.st_ino

    def begins_with(self, magic: bytes) -> bool:
        """Say whether the file begins so, as it lies on the disk."""
        return self._head.startswith(magic)

    def check_unchanged(self) -> None:
        """Raise TableError where somebody has written to it meanwhile."""
        if self._stat() != self._state:
            raise TableError(f"{self.path} was changed while it was read")

    def take_digest(self, watch: Watch) -> Watch:
        """Return a watch that also takes the digest, to be given to a read from end to end."""
        digest = hashlib.blake2b(digest_size=16)

        def see(piece: bytes) -> None:
            digest.update(piece)
            self.digest = digest.hexdigest()
            watch(piece)

        return see

    def read_raw(self, watch: Watch) -> None:
        """Show all bytes to `watch`."""
        with self.path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                watch(piece)

    def read(self, watch: Watch | None = None) -> Iterator[bytes]:
        """Yield the content in chunks, decompressed.

        Raises:
            TableError: it is not what its suffix says, is truncated, damaged, or has changed.
        """
        self.check_unchanged()
        self._check_kind()
        with self.path.open("rb") as file:
            stream = _decompress(_Watched(file, watch) if watch else file, self.compression)
            while True:
                try:
                    chunk = stream.read(CHUNK_BYTES)
                except EOFError as error:
                    raise TableError(
                        f"{self.path} is truncated: its {self.compression} ends early"
                    ) from error
                except (gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
                    raise TableError(f"{self.path} is damaged: {error}") from error
                if not chunk:
                    break
                yield chunk
        self.check_unchanged()

    def _check_kind(self) -> None:
        if self.compression:
            magic, name = (_GZIP, "gzip") if self.compression == ".gz" else (_ZSTD, "zstd")
            if not self.begins_with(magic) and not (name == "zstd" and self._is_skippable_frame()):
                raise TableError(f"{self.path} is not what its suffix says: it is no {name}")
            return
        for magic, what in _STRANGERS:
            if self.begins_with(magic):
                raise TableError(f"{self.path} is not what its suffix says: it {what}")

    def _is_skippable_frame(self) -> bool:
        # pzstd begins its files so
        return 0x184D2A50 <= int.from_bytes(self._head[:4], "little") <= 0x184D2A5F


class _Watched(io.RawIOBase):
    """A file that shows what is read of it."""

    def __init__(self, file: IO[bytes], watch: Watch) -> None:
        self._file, self._watch = file, watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self._watch(piece)
        return len(piece)

    def seekable(self) -> bool:
        return False


def _decompress(file: Any, compression: Compression) -> IO[bytes]:
    buffered = io.BufferedReader(file, CHUNK_BYTES) if isinstance(file, io.RawIOBase) else file
    if compression == ".gz":
        return gzip.GzipFile(fileobj=buffered, mode="rb")  # type: ignore[return-value]
    if compression == ".zst":
        return zstd.ZstdFile(buffered, "rb")  # type: ignore[return-value]
    return buffered


def compress(file: IO[bytes], compression: Compression) -> IO[bytes]:
    """Return a file that is compressed into `file`; closing it leaves `file` open."""
    if compression == ".gz":
        # no time stamp: the same rows give the same bytes
        return gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0)  # type: ignore[return-value]
    if compression == ".zst":
        return zstd.ZstdFile(file, "wb", options={zstd.CompressionParameter.checksum_flag: 1})  # type: ignore[return-value]
    return io.BufferedWriter(_Kept(file), CHUNK_BYTES)


class _Kept(io.RawIOBase):
    """A file that outlives who writes to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        return self._file.write(piece)
