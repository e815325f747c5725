"""A cluster of Elasticsearch nodes on this machine, each of which can be killed, frozen and started again."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from marquee.engine.cluster import Endpoint
from marquee.engine.node.account import choose_account
from marquee.engine.node.config import USERNAME, render_settings, write_config, write_private
from marquee.engine.node.layout import Layout
from marquee.engine.node.locks import hold
from marquee.engine.node.process import ServerProcess
from marquee.engine.node.provision import provision
from marquee.progress import SILENT
from marquee.settings import Settings

HEAP_MB = 400
BOOT_TIMEOUT_S = 180.0
PASSWORD = "of-a-cluster-that-lives-as-long-as-its-test"


def compile_little(layout: Layout) -> None:
    """Have a server that lives for a minute do less: it boots with three fifths of the work."""
    options = layout.config / "jvm.options.d" / "test.options"
    options.parent.mkdir(parents=True, exist_ok=True)
    options.write_text("-XX:TieredStopAtLevel=1\n")


class Node:
    """One node, with a folder of its own."""

    def __init__(self, layout: Layout, shared: Layout, http_port: int) -> None:
        self.layout, self.url = layout, f"http://127.0.0.1:{http_port}"
        with hold(shared.lock):
            self._runtime = provision(shared, SILENT)
        self._account = choose_account(layout.instance)
        self._process: ServerProcess | None = None

    @classmethod
    def prepare(cls, folder: Path, shared: Layout, number: int, ports: list[tuple[int, int]]) -> Node:
        """Make folders and configuration of node `number`; `ports` are all nodes' (HTTP, transport)."""
        layout = Layout(folder / f"node-{number}")
        layout.instance.mkdir(parents=True)
        for each in (folder, layout.home, layout.root, layout.instance):
            each.chmod(0o755)
        node = cls(layout, shared, ports[number][0])
        write_config(layout, node._account, heap_mb=HEAP_MB, password=PASSWORD)
        names = [f"node-{each}" for each in range(len(ports))]
        lines = render_settings(layout, 0).splitlines()
        settings: dict[str, Any] = {
            name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)
        }
        del settings["discovery.type"]
        backup = folder / "backup"
        settings |= {
            "node.name": names[number],
            "node.attr.zone": "abc"[number],
            "http.port": ports[number][0],
            "transport.port": ports[number][1],
            "discovery.seed_hosts": [f"127.0.0.1:{port}" for _, port in ports],
            "cluster.initial_master_nodes": names,
            "path.repo": [str(backup)],
        }
        text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
        write_private(layout.config / "elasticsearch.yml", text, node._account)
        backup.mkdir(exist_ok=True)
        node._account.own(backup)
        return node

    def start(self) -> None:
        """Start it; it may need its fellows to answer."""
        self.layout.ports.unlink(missing_ok=True)
        self._process = ServerProcess(self.layout, self._runtime, self._account)

    def kill(self) -> None:
        """Kill it with SIGKILL, as a machine that loses its power."""
        assert self._process is not None
        if server := self._process.find_server():
            server.signal(signal.SIGKILL)
            server.wait(10)
        self._process.stop(None)
        self._process = None

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._process is not None:
            self._process.stop(self._process.find_server())
            self._process = None

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process is not None and self._process.poll() is not None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended by us."""
        return self._process is not None


class Nodes:
    """The nodes of one cluster."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    @property
    def endpoint(self) -> Endpoint:
        """All their addresses."""
        return Endpoint(urls=tuple(node.url for node in self.nodes), username=USERNAME, password=PASSWORD)

    def await_status(self, status: str = "green", timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Wait until all running nodes form a cluster of at least this status."""
        running = [node for node in self.nodes if node.is_running]
        params = {"wait_for_status": status, "wait_for_nodes": str(len(running)), "timeout": "2s"}
        until = time.monotonic() + timeout_s
        with httpx.Client(auth=(USERNAME, PASSWORD), timeout=10, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = client.get(f"{running[0].url}/_cluster/health", params=params)
                    if answer.status_code == httpx.codes.OK and not answer.json()["timed_out"]:
                        return
                for node in running:
                    assert not node.has_ended, node.layout.log.read_text()[-2000:]
                assert time.monotonic() < until, f"the cluster is not {status}"
                time.sleep(0.2)


@contextlib.contextmanager
def run_nodes(settings: Settings, count: int = 3, *, is_brief: bool = False) -> Iterator[Nodes]:
    """Run a cluster of so many nodes; `is_brief`: for about a minute."""
    # Where an unprivileged user gets to, as whom they run.
    folder = Path(tempfile.mkdtemp(prefix="marquee-nodes-", dir="/var/tmp"))
    shared = Layout(settings.home.expanduser().absolute())
    shared.root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(2 * count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        free = [each.getsockname()[1] for each in sockets]
    ports = list(zip(free[:count], free[count:], strict=True))
    nodes = Nodes([Node.prepare(folder, shared, number, ports) for number in range(count)])
    try:
        for node in nodes.nodes:
            if is_brief:
                compile_little(node.layout)
            node.start()
        nodes.await_status()
        yield nodes
    finally:
        for node in nodes.nodes:
            node.stop()
        shutil.rmtree(folder)
