"""Fetching IMDb's files: conditional, resumed, verified, and put in place only as a complete set.

A *set* is a folder with the four files and `set.json`, which notes for each file how its server names its
state. The newest complete set stays until a newer one is complete, so a source that fails costs freshness and
nothing else.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec

from marquee.catalog.files import TABLES, Table, read_blocks
from marquee.errors import SourceDamagedError, SourceError, SourceUnavailableError
from marquee.progress import SILENT, Progress
from marquee.settings import decode_path

MAX_ATTEMPTS = 5
FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 60.0
# A server that asks for more patience than this is down for us; the set we have is good until then.
MAX_RETRY_AFTER_S = 300.0
TIMEOUT = httpx.Timeout(30.0, connect=10.0)

_SET_FILE = "set.json"


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """How the server named the state of a file, to ask whether it has changed."""

    etag: str = ""
    last_modified: str = ""
    size_bytes: int


class FileSet(msgspec.Struct, frozen=True, kw_only=True):
    """A complete set of files."""

    folder: Path
    files: dict[str, FileState]
    """By table name."""
    confirmed_at: datetime
    """When the server was last asked and had nothing newer than this."""


class _Retriable(Exception):  # noqa: N818  # never leaves this module
    """An attempt failed in a way that another may mend."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def find_set(home: Path) -> FileSet | None:
    """Return the complete set that was fetched last, None where there is none."""
    folder = home / "current"
    try:
        found = msgspec.json.decode((folder / _SET_FILE).read_bytes(), type=FileSet, dec_hook=decode_path)
        sizes = {name: (folder / f"{name}.tsv.gz").stat().st_size for name in found.files}
    except (OSError, msgspec.DecodeError):
        return None
    is_whole = sizes == {name: state.size_bytes for name, state in found.files.items()}
    return found if is_whole and len(sizes) == len(TABLES) else None


async def fetch_set(base_url: str, home: Path, progress: Progress = SILENT) -> FileSet:
    """Bring the files at `base_url` to `home`, fetching only what has changed, all files at once.

    Returns the newest set; it is the one already there if nothing has changed.

    Raises:
        SourceUnavailableError: a file could not be had whole after several attempts.
        SourceDamagedError: a file arrived whole, and is not what it should be.
    """
    previous = find_set(home)
    partial = home / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    progress.start("download", None, "bytes")
    async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=True) as client:
        try:
            async with asyncio.TaskGroup() as group:
                fetches = [
                    group.create_task(_Fetch(client, base_url, table, partial, previous, progress).run())
                    for table in TABLES
                ]
        except ExceptionGroup as failures:  # not `except*`: before Python 3.11.4 it wraps what it raises
            raise failures.exceptions[0] from failures
    progress.finish()
    states = {table.name: fetch.result() for table, fetch in zip(TABLES, fetches, strict=True)}
    return await asyncio.to_thread(_put_in_place, home, partial, previous, states)


def _put_in_place(
    home: Path, partial: Path, previous: FileSet | None, states: dict[str, FileState | None]
) -> FileSet:
    """Make the fetched files (None: unchanged) and those that stay the current set, in one rename."""
    now = datetime.now(UTC)
    if previous is not None and not any(states.values()):
        confirmed = msgspec.structs.replace(previous, confirmed_at=now)
        _write_whole(previous.folder / _SET_FILE, msgspec.json.encode(confirmed, enc_hook=str))
        return confirmed
    folder = home / f"set-{now:%Y%m%dt%H%M%S%f}"
    folder.mkdir()
    files: dict[str, FileState] = {}
    for name, state in states.items():
        target = folder / f"{name}.tsv.gz"
        if state is not None:
            (partial / target.name).rename(target)
            files[name] = state
        else:
            assert previous is not None  # noqa: S101  # a server says "unchanged" only if asked about a set
            os.link(previous.folder / target.name, target)
            files[name] = previous.files[name]
    made = FileSet(folder=folder, files=files, confirmed_at=now)
    _write_whole(folder / _SET_FILE, msgspec.json.encode(made, enc_hook=str))
    link = home / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(home / "current")
    for old in home.glob("set-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return made


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)


class _Fetch:
    """One file, through all of its attempts."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        table: Table,
        partial: Path,
        previous: FileSet | None,
        progress: Progress,
    ) -> None:
        self._client, self._table, self._progress = client, table, progress
        self._url = f"{base_url.rstrip('/')}/{table.name}.tsv.gz"
        # Errors go to jobs, alerts and logs; a mirror's address may hold a password.
        self._shown = re.sub(r"//[^/@]*@", "//", self._url)
        self._path = partial / f"{table.name}.tsv.gz"
        self._part = partial / f"{table.name}.part"
        self._known = previous.files.get(table.name) if previous else None
        self._etag = ""
        self._part.unlink(missing_ok=True)

    async def run(self) -> FileState | None:
        """Return the new state of the file, which then lies in the partial folder; None if unchanged."""
        backoff_s = FIRST_BACKOFF_S
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._attempt()
            except (_Retriable, httpx.TransportError) as error:
                reason = str(error) or type(error).__name__
                if attempt == MAX_ATTEMPTS:
                    raise SourceUnavailableError(
                        f"{self._shown} could not be fetched in {attempt} attempts, the last: {reason}"
                    ) from error
                asked_s = getattr(error, "retry_after_s", None)
            except SourceError:
                raise
            except OSError as error:
                raise SourceUnavailableError(
                    f"{self._part} cannot be written: {error.strerror or error}"
                ) from error
            # Jitter: a thousand installations must not come back in the same second.
            await asyncio.sleep(asked_s if asked_s is not None else backoff_s * random.uniform(0.5, 1.0))  # noqa: S311
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
        raise AssertionError("unreachable")

    async def _attempt(self) -> FileState | None:
        # Only a strong ETag vouches for every byte.
        can_resume = self._part.exists() and self._etag.startswith('"')
        offset = self._part.stat().st_size if can_resume else 0
        async with self._client.stream("GET", self._url, headers=self._headers(offset)) as response:
            if response.status_code == 304:
                return None
            self._check_status(response)
            if response.status_code == 206 and self._continues(response, offset):
                mode = "ab"
            else:
                offset, mode = 0, "wb"
            self._etag = response.headers.get("etag", "")
            total = offset + int(response.headers.get("content-length", -1 - offset))
            with self._part.open(mode) as file:
                # Raw: with a Content-Encoding the client would unpack what we want packed. Without a chunk
                # size: with one it would hold back, and at a broken connection lose, up to a chunk.
                async for data in response.aiter_raw():
                    file.write(data)
                    self._progress.advance(len(data))
            size = self._part.stat().st_size
            if total >= 0 and size != total:
                raise _Retriable(f"{size:,} of {total:,} bytes arrived")
            await self._verify()
            modified = response.headers.get("last-modified", "")
            self._keep(modified)
            return FileState(etag=self._etag, last_modified=modified, size_bytes=size)

    def _headers(self, offset: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if offset:
            # If-Range: should the file have changed since, the server sends the whole new one.
            return headers | {"Range": f"bytes={offset}-", "If-Range": self._etag}
        if self._known and self._known.etag:
            headers["If-None-Match"] = self._known.etag
        elif self._known and self._known.last_modified:
            headers["If-Modified-Since"] = self._known.last_modified
        return headers

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        reason = f"the server answered {status} {response.reason_phrase}".rstrip()
        if status == 416:  # what we have is longer than the file is now
            self._part.unlink(missing_ok=True)
            raise _Retriable(reason)
        if status in (408, 425, 429) or status >= 500:
            raise _Retriable(reason, _read_retry_after(response))
        raise SourceUnavailableError(f"{self._shown}: {reason}")

    def _continues(self, response: httpx.Response, offset: int) -> bool:
        """Say whether a 206 goes on where we stopped, in the same state of the file."""
        same = response.headers.get("etag", self._etag) == self._etag
        if same and response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
            return True
        self._part.unlink(missing_ok=True)
        raise _Retriable("the file changed between two attempts")

    async def _verify(self) -> None:
        """Read the file to its end: gzip checksum, length and header.

        What is wrong with a file that arrived whole may be wrong for a moment only (an error page in its
        place, a file that is being published), so another attempt begins from nothing.
        """
        self._part.replace(self._path)
        try:
            await asyncio.to_thread(self._read_all)
        except SourceDamagedError as error:
            self._path.unlink()
            raise _Retriable(str(error)) from error

    def _read_all(self) -> None:
        for _ in read_blocks(self._path, self._table):
            pass

    def _keep(self, modified: str) -> None:
        """Give the file the age its server says it has: it is what `Source.published_at` reads."""
        try:
            seconds = parsedate_to_datetime(modified).timestamp()
        except (TypeError, ValueError):
            return
        os.utime(self._path, (seconds, seconds))


def _read_retry_after(response: httpx.Response) -> float | None:
    """Return the seconds a server asks us to wait, at most MAX_RETRY_AFTER_S; None if it does not say."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)
