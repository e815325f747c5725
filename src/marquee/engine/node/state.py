"""What runs, and where: the state file, and how a recorded process is recognised."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from marquee.engine.node.artifacts import missing_extra
from marquee.engine.node.layout import Layout

Phase = Literal["starting", "running", "stopped", "failed"]


class ProcessId(msgspec.Struct, frozen=True):
    """A process, not to be mistaken for a later one of its number: `birth` says when that one was born."""

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Describe the running process `pid`; None when there is none."""
        birth = _read_birth(pid)
        return None if birth is None else cls(pid=pid, birth=birth)

    def is_alive(self) -> bool:
        """Tell whether this very process still runs. A zombie does not."""
        psutil = _psutil()
        try:
            if _read_birth(self.pid) != self.birth:
                return False
            return bool(psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def is_of_this_boot(self) -> bool:
        """Tell whether this process, alive or not, was started since the machine was."""
        boot, slash, _ = self.birth.rpartition("/")
        if slash:
            return boot == _read_boot()
        with contextlib.suppress(ValueError):  # of a damaged file
            return bool(float(self.birth) >= _psutil().boot_time())
        return False

    def signal(self, number: int) -> None:
        """Send a signal, if the process is still there."""
        psutil = _psutil()
        if self.is_alive():
            with contextlib.suppress(psutil.Error):
                psutil.Process(self.pid).send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the process has ended; False when it has not within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


class State(msgspec.Struct, kw_only=True):
    """One life of the node, written by its supervisor.

    `launch` identifies it; `runtime` is the folder it runs from; `launcher` is Elasticsearch's own launcher,
    `server` the Java process that serves; `port` is remembered from life to life; `reason` says why it failed
    or was restarted.
    """

    launch: str = ""
    version: str = ""
    phase: Phase = "stopped"
    supervisor: ProcessId | None = None
    launcher: ProcessId | None = None
    server: ProcessId | None = None
    runtime: str = ""
    port: int = 0
    heap_mb: int = 0
    started_at: float = 0.0
    restarts: int = 0
    reason: str = ""

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


class Launch(msgspec.Struct, kw_only=True, frozen=True):
    """What the supervisor is asked to run. `identity` comes back in the state file; `port` 0: any."""

    identity: str
    home: str
    runtime: str
    heap_mb: int
    port: int = 0
    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()


def read_state(layout: Layout) -> State:
    """Return the recorded state; an unreadable or missing file means that nothing was ever started."""
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def write_state(layout: Layout, state: State) -> None:
    """Write the state, whole or not at all."""
    unfinished = layout.state.with_name(layout.state.name + ".unfinished")
    unfinished.write_bytes(msgspec.json.encode(state))
    unfinished.replace(layout.state)


def _read_birth(pid: int) -> str | None:
    """Return in which boot of the machine, and at which tick of it, `pid` was started; None if it is gone."""
    try:
        # Not psutil's create_time: it moves with the clock, and a laptop's clock is set when it wakes up.
        # The name in brackets may hold blanks; the start is the 20th field behind it.
        ticks = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        boot = _read_boot()
    except OSError:
        psutil = _psutil()
        try:
            return f"{psutil.Process(pid).create_time():.2f}"
        except psutil.Error:
            return None
    return f"{boot}/{ticks}"


def _read_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _psutil() -> Any:
    try:
        import psutil
    except ImportError as error:
        raise missing_extra("psutil") from error
    return psutil
