"""The managed node as others use it: acquire, start, stop, status, remove."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from marquee.engine.node import boot, locks
from marquee.engine.node.config import USERNAME, read_password
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.log import read_tail
from marquee.engine.node.provision import explain_disk_errors
from marquee.engine.node.state import State, read_state
from marquee.errors import ProvisionError
from marquee.progress import SILENT, Progress
from marquee.settings import Settings


class NodeLease:
    """The right to use the node until `release`; also a context manager.

    `url` has no slash at the end; sign in with `username` and `password` (HTTP Basic).
    """

    def __init__(self, layout: Layout, user: locks.User, state: State, password: str) -> None:
        self._layout = layout
        self._user = user
        self.url = state.url
        self.username = USERNAME
        self.password = password
        self.version = state.version

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self, *, wait: bool = True) -> None:
        """Give the node up; the last user stops it.

        With `wait` it is gone on return, without it a few seconds later. May be called more than once.
        """
        self._user.leave()
        if wait and self._layout.root.exists():
            with locks.hold(self._layout.lock):
                if not self._layout.kept.exists() and not locks.list_users(self._layout):
                    boot.end(self._layout)


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know about the node. Sizes in bytes, `started_at` in seconds since 1970.

    `state` is "absent" before the first installation. `users` are the process ids of present users, `kept`
    tells whether it stays up without any (`marquee node start`). `reason` says why it failed, or last died.
    """

    state: Literal["absent", "stopped", "starting", "running", "failed"]
    home: str
    version: str
    url: str = ""
    port: int = 0
    pid: int | None = None
    heap_mb: int = 0
    started_at: float | None = None
    restarts: int = 0
    users: tuple[int, ...] = ()
    kept: bool = False
    data_bytes: int = 0
    cache_bytes: int = 0
    log_path: str = ""
    reason: str = ""


def acquire(settings: Settings, progress: Progress = SILENT, *, heap_mb: int | None = None) -> NodeLease:
    """Use the node of `settings.home`: install it if needed, start it or join the running one.

    Returns when it answers. `heap_mb` (MiB) is chosen from the machine's memory unless given.

    Raises:
        ProvisionError: it cannot be installed.
        NodeStartError: it does not come up.
    """
    with _lock_home(settings, progress) as layout:
        user = locks.User(layout)
        try:
            state = boot.ensure_running(layout, progress, heap_mb)
            return NodeLease(layout, user, state, read_password(layout))
        except BaseException:
            user.leave()
            raise


def start(settings: Settings, progress: Progress = SILENT, *, heap_mb: int | None = None) -> NodeStatus:
    """Like `acquire`, but the node stays up without users until `stop`. Returns its status."""
    with _lock_home(settings, progress) as layout:
        user = locks.User(layout)
        try:
            boot.ensure_running(layout, progress, heap_mb)
            layout.kept.touch()
        finally:
            user.leave()
    return status(settings)


def stop(settings: Settings) -> tuple[int, ...]:
    """Stop the node, whoever uses it, and wait until it is gone. Returns the process ids of its users."""
    layout = _locate(settings)
    if not layout.root.exists():
        return ()
    with locks.hold(layout.lock):
        users = tuple(locks.list_users(layout))
        boot.end(layout)
    return users


def remove(settings: Settings) -> int:
    """Stop the node and delete all of its files, the data included. Returns the bytes that became free."""
    layout = _locate(settings)
    if not layout.root.exists():
        return 0
    stop(settings)
    freed = _measure(layout.root)
    shutil.rmtree(layout.root)
    return freed


def status(settings: Settings) -> NodeStatus:
    """Look at the node, without starting or changing anything."""
    layout = _locate(settings)
    state = read_state(layout)
    alive = state.supervisor is not None and state.supervisor.is_alive()
    phase: Literal["absent", "stopped", "starting", "running", "failed"] = state.phase
    if not alive and phase in ("starting", "running"):
        phase = "stopped"
    if not any(layout.root.glob("runtime-*")) and not alive:
        phase = "absent"
    data = _measure(layout.instance)
    return NodeStatus(
        state=phase,
        home=str(layout.root),
        version=state.version if alive else ENGINE_VERSION,
        url=state.url if phase == "running" else "",
        port=state.port,
        pid=state.server.pid if alive and state.server else None,
        heap_mb=state.heap_mb,
        started_at=state.started_at if alive else None,
        restarts=state.restarts,
        users=tuple(locks.list_users(layout)),
        kept=alive and layout.kept.exists(),
        data_bytes=data,
        cache_bytes=_measure(layout.root) - data,
        log_path=str(layout.log),
        reason=state.reason,
    )


def log_path(settings: Settings) -> Path:
    """Return where the server logs; the file exists once it was started."""
    return _locate(settings).log


def tail(settings: Settings, lines: int = 50) -> list[str]:
    """Return the last lines of the server's log, the oldest first; empty before the first start."""
    return read_tail(_locate(settings).log, lines)


def _locate(settings: Settings) -> Layout:
    return Layout(settings.home.expanduser().absolute())


@contextlib.contextmanager
def _lock_home(settings: Settings, progress: Progress) -> Iterator[Layout]:
    """Make the node's folder where it is missing, and hold its lock."""
    layout = _locate(settings)
    if ":" in str(layout.home):
        # It would split the list of folders in which the server looks for its libraries.
        raise ProvisionError(f"MARQUEE_HOME={layout.home} cannot be used: no colon, please")
    with explain_disk_errors(layout.home, 1):
        layout.root.mkdir(parents=True, exist_ok=True)
        # Root's umask must not keep the unprivileged user out; everything secret below has its own mode.
        layout.root.chmod(0o755)
        lock = locks.Lock(layout.lock)
    with contextlib.closing(lock):
        if not lock.take(wait=False):
            progress.start("wait for another Marquee process that starts or stops Elasticsearch")
            lock.take(wait=True)
            progress.finish()
        yield layout


def _measure(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:  # deleted meanwhile: segments of an index come and go
            continue
    return total
