"""Service and workers as processes of their own, and the indexes of a benchmark."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from marquee.catalog.synth import synthesise
from marquee.engine.cluster import Cluster, Endpoint

START_TIMEOUT_S = 30
ADMIN_TOKEN = "benchmark"  # noqa: S105  # of a service on 127.0.0.1 that lives as long as its benchmark


def environ_for(endpoint: Endpoint, prefix: str, home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a process that uses this engine and prefix, and nothing of the shell's."""
    url = ",".join(endpoint.urls)
    if endpoint.username:
        url = url.replace("://", f"://{endpoint.username}:{endpoint.password}@")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    return environ | {
        "MARQUEE_ELASTICSEARCH_URL": url,
        "MARQUEE_INDEX_PREFIX": prefix,
        "MARQUEE_HOME": str(home),
        "MARQUEE_ADMIN_TOKEN": ADMIN_TOKEN,
        "MARQUEE_SCHEDULE": "off",
        **settings,
    }


@contextlib.contextmanager
def run_service(environ: dict[str, str]) -> Iterator[str]:
    """Run `marquee serve`; yield its address once it answers searches."""
    # It takes a port itself: one found free here may be another benchmark's before the service has begun.
    command = [sys.executable, "-m", "marquee", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = next((line for line in process.stdout if "http://" in line), None)
            assert told is not None, "the service did not start"
            port = urlsplit(told[told.index("http://") :].split()[0]).port
            until = time.monotonic() + START_TIMEOUT_S
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready").close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < until, "the service did not start"
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def start_worker(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `marquee worker`."""
    command = [sys.executable, "-m", "marquee", "worker"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = psutil.Process(process.pid)
        for each in (*tree.children(recursive=True), tree):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()


async def index_synthetic(cluster: Cluster, environ: dict[str, str], folder: Path, people: int) -> None:
    """Make files of so many people, and index them alone under the prefix of `environ`."""
    synthesise(folder, people, seed=1)
    await remove_indexes(cluster, environ["MARQUEE_INDEX_PREFIX"])
    command = [sys.executable, "-m", "marquee", "reindex", "--data", str(folder)]
    subprocess.run(command, env=environ, check=True, capture_output=True)  # noqa: ASYNC221


async def remove_indexes(cluster: Cluster, prefix: str) -> None:
    """Delete every index of a benchmark's prefix."""
    found = await cluster.request("GET", f"/{prefix}-*", params={"filter_path": "*.aliases"})
    for index in found:
        await cluster.request("DELETE", f"/{index}")
