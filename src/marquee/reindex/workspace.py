"""The folder a reindex works in. What a killed one left is told by its lock, which died with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Between making a folder and locking it a process needs microseconds.
_UNLOCKED_FOR_S = 60.0


class Workspace:
    """A folder of one reindex, gone when it ends. Use as a context manager."""

    def __init__(self, home: Path) -> None:
        parent = home / "work"
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="reindex-", dir=parent))
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def remove_abandoned(home: Path) -> None:
    """Remove the folders of killed reindexes."""
    for folder in (home / "work").glob("reindex-*"):
        with _claim(folder) as is_abandoned:
            if is_abandoned:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _claim(folder: Path) -> Iterator[bool]:
    """Yield whether the process that made a folder is gone, holding its lock meanwhile."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield _is_old(folder)
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _UNLOCKED_FOR_S
    except FileNotFoundError:
        return False
