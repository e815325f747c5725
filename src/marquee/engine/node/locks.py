"""Locks between processes. The kernel lets go of them when their holder ends, kill -9 included."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from marquee.engine.node.layout import Layout


class Lock:
    """An exclusive lock on a file; `close` lets go of it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, *, wait: bool) -> bool:
        """Take the lock; without `wait` return False when another process has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._file)


@contextlib.contextmanager
def hold(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock `path`; yields False at once if another process has it and `wait` is False."""
    with contextlib.closing(Lock(path)) as lock:
        yield lock.take(wait=wait)


class User:
    """One process's use of the node: a file with its process id, locked for as long as it lives.

    Register only while holding `layout.lock`.
    """

    def __init__(self, layout: Layout) -> None:
        layout.users.mkdir(exist_ok=True)
        self._path = layout.users / uuid.uuid4().hex
        self._file: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, str(os.getpid()).encode())

    def leave(self) -> None:
        """Give the use up. May be called more than once."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def list_users(layout: Layout) -> list[int]:
    """Return the process ids of the node's present users. One that was killed counts no more."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in layout.users.iterdir():
            with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
                try:
                    fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(int(file.read()))
    return sorted(found)


def forget_dead_users(layout: Layout) -> None:
    """Delete the files of users that were killed. Call only while holding `layout.lock`."""
    for path in layout.users.iterdir() if layout.users.is_dir() else ():
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
