"""The process that owns the server: started detached, ends with it.

It stops the server when nobody uses it any more, restarts it when it dies, and notes in the state file what
runs. When it is killed itself, the kernel closes the pipe to the server, which then stops by itself.

Run as `python -m marquee.engine.node.supervisor REQUEST`, with a JSON `Launch`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec

from marquee.engine.node.account import Account
from marquee.engine.node.config import write_settings
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.locks import hold, list_users
from marquee.engine.node.process import ServerProcess
from marquee.engine.node.provision import Runtime
from marquee.engine.node.state import Launch, ProcessId, State, write_state

_POLL_S = 0.25
# How long the node waits for another user once the last one is gone: `kill -9` and a crashed test run end
# here; a user that leaves properly stops the node at once.
_IDLE_S = 3.0
# A server that died this often within this time is not restarted again.
_MAX_RESTARTS = 3
_RESTART_WINDOW_S = 600.0


class Supervisor:
    """Watches one server from launch to end."""

    def __init__(self, launch: Launch) -> None:
        self._layout = Layout(Path(launch.home))
        self._runtime = Runtime(Path(launch.runtime))
        self._account = Account(uid=launch.uid, gid=launch.gid, prefix=launch.prefix)
        self._stop = threading.Event()
        self._idle_since: float | None = None
        self._deaths: list[float] = []
        self._state = State(
            launch=launch.identity,
            version=ENGINE_VERSION,
            phase="starting",
            supervisor=ProcessId.of(os.getpid()),
            runtime=launch.runtime,
            port=launch.port,
            heap_mb=launch.heap_mb,
            started_at=time.time(),
        )

    def run(self) -> None:
        """Launch the server and return when it has ended for good."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop.set())
        while True:
            # On a restart the same port again: that is where its users look for it.
            write_settings(self._layout, self._account, self._state.port)
            process = ServerProcess(self._layout, self._runtime, self._account)
            self._note(phase="starting", launcher=process.launcher, server=None)
            reason = self._watch(process)
            if reason is None:
                self._note(phase="stopped", launcher=None, server=None)
                return
            if not self._may_restart():
                self._note(phase="failed", launcher=None, server=None, reason=reason)
                return
            self._note(restarts=self._state.restarts + 1, reason=reason)

    def _watch(self, process: ServerProcess) -> str | None:
        """Return None after a wanted end, or why the server died."""
        while True:
            code = process.poll()
            if code is not None:
                return f"the server ended by itself with exit code {code}"
            if self._state.server is None and (server := process.find_server()):
                self._note(server=server)
            if self._state.phase == "starting" and (port := self._read_port()):
                self._note(phase="running", port=port)
            if self._stop.wait(_POLL_S) or not self._layout.root.exists():
                process.stop(self._state.server)
                return None
            if self._is_idle():
                # Under the lock nobody can begin to use the node between our look and its end.
                with hold(self._layout.lock, wait=False) as held:
                    if held and not self._is_used():
                        process.stop(self._state.server)
                        return None

    def _read_port(self) -> int:
        try:
            return int(self._layout.ports.read_text().split()[0].rpartition(":")[2])
        except (OSError, IndexError, ValueError):
            return 0

    def _is_used(self) -> bool:
        return self._layout.kept.exists() or bool(list_users(self._layout))

    def _is_idle(self) -> bool:
        if self._is_used():
            self._idle_since = None
            return False
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        return now - self._idle_since >= _IDLE_S

    def _may_restart(self) -> bool:
        # One that never listened would not do so the next time either; who started it is told at once.
        if self._state.phase == "starting" and not self._deaths:
            return False
        now = time.monotonic()
        self._deaths = [when for when in self._deaths if now - when < _RESTART_WINDOW_S]
        self._deaths.append(now)
        return len(self._deaths) <= _MAX_RESTARTS

    def _note(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self._state, name, value)
        with contextlib.suppress(FileNotFoundError):  # somebody deleted the whole folder: nothing to note
            write_state(self._layout, self._state)


def main() -> None:
    """Detach from whoever started us, then supervise."""
    launch = msgspec.json.decode(sys.argv[1], type=Launch)
    # A second fork: the supervisor is nobody's child, so no zombie stays with a starter that lives on.
    if os.fork():
        os._exit(0)
    supervisor = Supervisor(launch)
    try:
        supervisor.run()
    except Exception as error:
        layout = Layout(Path(launch.home))
        if layout.root.exists():
            write_state(
                layout, State(launch=launch.identity, phase="failed", reason=f"supervisor: {error!r}")
            )
        raise


if __name__ == "__main__":
    main()
