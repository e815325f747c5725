"""The managed node as others use it: acquire, start, stop, status, remove."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx
import msgspec

from marquee.engine.node import locks
from marquee.engine.node.account import choose_account
from marquee.engine.node.config import (
    USERNAME,
    choose_heap_mb,
    measure_memory,
    read_password,
    write_config,
)
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.log import summarize_failure
from marquee.engine.node.provision import check_space, explain_disk_errors, provision
from marquee.engine.node.state import Launch, State, read_state, write_state
from marquee.errors import NodeStartError
from marquee.progress import SILENT, Progress
from marquee.settings import Settings

BOOT_TIMEOUT_S = 120.0
# The supervisor answers within this or never will: it only has to import itself.
_SUPERVISOR_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 45.0
# Below this the server would refuse to write from the first document on.
_MIN_FREE_MB = 500
_POLL_S = 0.1


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
                    _end(self._layout)


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know about the node. Sizes in bytes, `started_at` in seconds since 1970.

    `state` is "absent" before the first installation. `users` are the process ids of present users, `kept` tells
    whether it stays up without any (`marquee node start`). `reason` says why it failed, or last died.
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
    layout = _prepare(settings)
    with locks.hold(layout.lock):
        user = locks.User(layout)
        try:
            state = _ensure_running(layout, progress, heap_mb)
            return NodeLease(layout, user, state, read_password(layout))
        except BaseException:
            user.leave()
            raise


def start(settings: Settings, progress: Progress = SILENT, *, heap_mb: int | None = None) -> NodeStatus:
    """Like `acquire`, but the node stays up without users until `stop`. Returns its status."""
    layout = _prepare(settings)
    with locks.hold(layout.lock):
        user = locks.User(layout)
        try:
            _ensure_running(layout, progress, heap_mb)
            layout.kept.touch()
        finally:
            user.leave()
    return status(settings)


def read_credentials(settings: Settings) -> tuple[str, str]:
    """Return user and password of the node, for whoever may read its files."""
    return USERNAME, read_password(Layout(settings.home))


def stop(settings: Settings) -> tuple[int, ...]:
    """Stop the node, whoever uses it, and wait until it is gone. Returns the process ids of its users."""
    layout = Layout(settings.home)
    if not layout.root.exists():
        return ()
    with locks.hold(layout.lock):
        users = tuple(locks.list_users(layout))
        _end(layout)
    return users


def remove(settings: Settings) -> int:
    """Stop the node and delete all of its files, the data included. Returns the bytes that became free."""
    layout = Layout(settings.home)
    if not layout.root.exists():
        return 0
    stop(settings)
    freed = _measure(layout.root)
    shutil.rmtree(layout.root)
    return freed


def status(settings: Settings) -> NodeStatus:
    """Look at the node, without starting or changing anything."""
    layout = Layout(settings.home)
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


def _prepare(settings: Settings) -> Layout:
    layout = Layout(settings.home.expanduser().absolute())
    with explain_disk_errors(layout.home, 1):
        layout.root.mkdir(parents=True, exist_ok=True)
        # Root's umask must not keep the unprivileged user out; everything secret below has its own mode.
        layout.root.chmod(0o755)
    return layout


def _ensure_running(layout: Layout, progress: Progress, heap_mb: int | None) -> State:
    """Join the running node or start one. The caller holds the lock."""
    state = read_state(layout)
    if state.supervisor is not None and state.supervisor.is_alive() and state.version == ENGINE_VERSION:
        progress.start("wait for Elasticsearch")
        try:
            return _await_ready(layout, state.launch)
        except NodeStartError:
            # It hangs, or ended at this very moment: begin again.
            pass
        finally:
            progress.finish()
    _end(layout)
    locks.forget_dead_users(layout)
    runtime = provision(layout, progress)
    check_space(layout.root, _MIN_FREE_MB)
    progress.start("start Elasticsearch")
    try:
        heap_mb = heap_mb or choose_heap_mb(measure_memory())
        with explain_disk_errors(layout.root, _MIN_FREE_MB):
            layout.instance.mkdir(parents=True, exist_ok=True)
            layout.instance.chmod(0o755)
            account = choose_account(layout.instance)
            write_config(layout, account, heap_mb=heap_mb, port=state.port, password=read_password(layout))
            launch = Launch(
                identity=uuid.uuid4().hex,
                home=str(layout.home),
                runtime=str(runtime.folder),
                heap_mb=heap_mb,
                uid=account.uid,
                gid=account.gid,
                prefix=account.prefix,
            )
            _spawn(layout, launch)
        try:
            return _await_ready(layout, launch.identity)
        except BaseException:
            _end(layout)
            raise
    finally:
        progress.finish()


def _spawn(layout: Layout, launch: Launch) -> None:
    with layout.supervisor_log.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "marquee.engine.node.supervisor", msgspec.json.encode(launch).decode()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in this terminal is for us, not for the node others use as well.
            start_new_session=True,
            # Not the user's folder: that could hold modules of our names, and could not be unmounted.
            cwd=layout.root,
            check=False,
        )
    if done.returncode:
        text = layout.supervisor_log.read_text(errors="replace").strip()[-800:]
        raise NodeStartError(f"the supervisor of the node does not run: {text}")


def _await_ready(layout: Layout, launch: str) -> State:
    """Wait until the server of this launch answers."""
    began = time.monotonic()
    auth = (USERNAME, read_password(layout))
    # No proxy of the environment: this goes to ourselves.
    with httpx.Client(auth=auth, timeout=5.0, trust_env=False) as client:
        while True:
            state = read_state(layout)
            waited = time.monotonic() - began
            if state.launch == launch:
                if state.phase == "running" and _answers(client, state.url):
                    return state
                if state.phase in ("failed", "stopped"):
                    raise NodeStartError(
                        summarize_failure(layout, f"Elasticsearch did not start: {state.reason}")
                    )
                if state.supervisor is not None and not state.supervisor.is_alive():
                    raise NodeStartError(summarize_failure(layout, "the supervisor of the node was killed"))
            elif waited > _SUPERVISOR_TIMEOUT_S:
                raise NodeStartError(
                    summarize_failure(layout, "the supervisor of the node gives no sign of life")
                )
            if waited > BOOT_TIMEOUT_S:
                raise NodeStartError(
                    summarize_failure(layout, f"Elasticsearch did not answer within {BOOT_TIMEOUT_S:.0f} s")
                )
            time.sleep(_POLL_S)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        answer = client.get(f"{url}/_cluster/health", params={"wait_for_status": "yellow", "timeout": "2s"})
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _end(layout: Layout) -> None:
    """Stop whatever runs of this node and wait until it is gone. The caller holds the lock."""
    layout.kept.unlink(missing_ok=True)
    state = read_state(layout)
    if state.supervisor is not None:
        state.supervisor.signal(15)
        state.supervisor.wait(_STOP_TIMEOUT_S)
    # Without its supervisor the server stops by itself, only not at once; by force if it hangs.
    for process in (state.launcher, state.server, state.supervisor):
        if process is not None and not process.wait(_STOP_TIMEOUT_S):
            process.signal(9)
            process.wait(5.0)
    state = read_state(layout)
    if state.phase in ("starting", "running"):
        state.phase = "stopped"
        write_state(layout, state)


def _measure(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:  # deleted meanwhile: segments of an index come and go
            continue
    return total
