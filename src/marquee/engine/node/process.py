"""The Java processes of one launch: Elasticsearch's launcher, and the server it starts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import msgspec

from marquee.engine.node.account import Account
from marquee.engine.node.layout import Layout
from marquee.engine.node.provision import Runtime
from marquee.engine.node.state import ProcessId

# A clean stop takes well under a second when idle, and some seconds in the middle of a big merge.
_STOP_TIMEOUT_S = 30.0


class ServerProcess:
    """A launched server. It ends when `stop` is called or when this process ends, in whatever way."""

    def __init__(self, layout: Layout, runtime: Runtime, account: Account) -> None:
        shutil.rmtree(layout.temporary, ignore_errors=True)
        layout.temporary.mkdir(mode=0o700)
        account.own(layout.temporary)
        with layout.console.open("wb") as console:
            self._launcher = subprocess.Popen(
                [*account.prefix, *_build_command(layout, runtime)],
                # The pipe nobody writes to: its end is the signal to stop, see java/launcher/Launcher.java.
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=runtime.server,
                env=_build_environ(layout),
                user=account.uid,
                group=account.gid,
                extra_groups=[] if account.uid is not None else None,
            )
        self.launcher = ProcessId.of(self._launcher.pid)

    def poll(self) -> int | None:
        """Return the launcher's exit code, None while it runs."""
        return self._launcher.poll()

    def find_server(self) -> ProcessId | None:
        """Return the process that serves, which the launcher starts after about a second."""
        import psutil

        try:
            children = psutil.Process(self._launcher.pid).children()
        except psutil.Error:
            return None
        # While it reads the options of the virtual machine the launcher has short-lived children as well.
        for child in children:
            try:
                if any("org.elasticsearch.bootstrap" in word for word in child.cmdline()):
                    return ProcessId.of(child.pid)
            except psutil.Error:
                continue
        return None

    def stop(self, server: ProcessId | None) -> None:
        """Stop cleanly, and after 30 s by force. Returns when no process is left."""
        if self._launcher.stdin is not None:
            self._launcher.stdin.close()
        try:
            self._launcher.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()
        if server is not None and not server.wait(5.0):
            server.signal(signal.SIGKILL)
            server.wait(5.0)


def find_strays(layout: Layout) -> list[ProcessId]:
    """Return every process of this node, recorded or not, the supervisor first.

    The state file can be lost, or come from a version of ours that wrote it differently.
    """
    import psutil

    # Both stand on the command line: the first of the launcher, the second of the server.
    marks = (f"-Des.path.conf={layout.config}", f"-XX:ErrorFile={layout.logs}/")
    request = msgspec.json.encode({"home": str(layout.home)}).decode().strip("{}")
    supervisors, servers = [], []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "marquee.engine.node.supervisor" in words and request in words[-1]:
            supervisors.append(process.pid)
        elif any(word.startswith(marks) for word in words):
            servers.append(process.pid)
    found = [ProcessId.of(pid) for pid in supervisors + servers]
    return [process for process in found if process is not None]


def _build_command(layout: Layout, runtime: Runtime) -> list[str]:
    # What bin/elasticsearch does, without its need for bash. Relative to the server's folder: a colon in the
    # name of a folder would split the class path.
    return [
        str(runtime.java),
        "-Xms4m",
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dcli.name=server",
        "-Dcli.libs=lib/tools/server-cli",
        f"-Des.path.home={runtime.server}",
        f"-Des.path.conf={layout.config}",
        "-Des.distribution.type=zip",
        "-cp",
        os.pathsep.join(("lib/*", "lib/cli-launcher/*", f"../{runtime.launcher.name}")),
        "marquee.launcher.Launcher",
    ]


def _build_environ(layout: Layout) -> dict[str, str]:
    # Nothing of the user's environment: JAVA_TOOL_OPTIONS, ES_JAVA_OPTS and the like would change the server.
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "ES_TMPDIR": str(layout.temporary)}
