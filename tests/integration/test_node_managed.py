"""The managed node itself: installed, started, shared, killed, damaged, and whole again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from marquee.engine import node
from marquee.engine.node import artifacts, provision
from marquee.engine.node.artifacts import ARTIFACTS, SERVER, Artifact, is_intact
from marquee.engine.node.layout import Layout
from marquee.engine.node.provision import Runtime, locate_runtime
from marquee.engine.node.state import read_state
from marquee.errors import NodeStartError, ProvisionError
from marquee.progress import SILENT
from marquee.settings import Settings, read_settings
from tests.engine_nodes import compile_little

HEAP_MB = 400

# A user of the node in a process of its own: says what it got, and leaves when its input ends.
USER = f"""
import json, sys
from marquee.engine import node
from marquee.settings import read_settings
with node.acquire(read_settings()[0], heap_mb={HEAP_MB}) as lease:
    print(json.dumps([lease.url, lease.username, lease.password, lease.version]), flush=True)
    sys.stdin.read()
"""


def make_settings(home: Path) -> Settings:
    return read_settings({"MARQUEE_HOME": str(home)})[0]


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder by hard links where the disk allows it: tests replace files, none writes into one."""

    def copy(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real artifacts: from this machine's cache where they are whole, else from Maven Central."""
    folder = tmp_path_factory.mktemp("downloads")
    cache = Layout(read_settings()[0].home).downloads
    for artifact in ARTIFACTS:
        if is_intact(artifact, cache / artifact.filename):
            shutil.copy2(cache / artifact.filename, folder)
        artifacts.fetch(artifact, folder, SILENT)
    return folder


class Offline:
    """Maven Central replaced by a folder, or by nothing; counts what is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.folder: Path | None = None
        monkeypatch.setattr(artifacts, "_download", self._download)

    def _download(self, artifact: Artifact, folder: Path, progress: object) -> Path:
        self.asked.append(artifact.filename)
        if self.folder is None:
            raise ProvisionError("there is no network")
        folder.mkdir()
        return Path(shutil.copy2(self.folder / artifact.filename, folder))


@pytest.fixture(scope="module")
def installed(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A home in which the node is installed but was never started."""
    layout = Layout(tmp_path_factory.mktemp("installed"))
    layout.root.mkdir()
    # A download that broke off, as a power cut leaves it behind.
    layout.downloads.mkdir()
    whole = (downloads / SERVER.filename).read_bytes()
    (layout.downloads / SERVER.filename).write_bytes(whole[: len(whole) // 2])
    (layout.root / "runtime-8.18.0-abc.unfinished" / "server").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as monkeypatch:
        central = Offline(monkeypatch)
        central.folder = downloads
        runtime = provision.provision(layout, SILENT)
        assert central.asked == [artifact.filename for artifact in ARTIFACTS]
        assert [path.name for path in layout.root.glob("runtime-*")] == [runtime.folder.name]
        again = provision.provision(layout, SILENT)
        assert again.folder == runtime.folder
        assert len(central.asked) == len(ARTIFACTS), "an intact cache was not used"
    return layout


@pytest.fixture
def home(installed: Layout, tmp_path: Path) -> Iterator[Path]:
    """A home of its own with the node installed; nothing runs in it afterwards."""
    # A blank and a letter beyond ASCII: people have both in their home folders.
    home = tmp_path / "ma maison é"
    layout = Layout(home)
    link_tree(installed.root, layout.root)
    compile_little(layout)
    yield home
    node.stop(make_settings(home))
    assert find_processes(home) == []


def find_processes(home: Path) -> list[psutil.Process]:
    """Every living process of the node in `home`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            is_ours = any(
                part in line for part in ("node.supervisor", "marquee.launcher", "org.elasticsearch")
            )
            if is_ours and str(home) in line and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(what: Callable[[], Any], timeout_s: float) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (result := what()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
    return result


@contextlib.contextmanager
def run_user(home: Path) -> Iterator[subprocess.Popen[str]]:
    environ = os.environ | {"MARQUEE_HOME": str(home)}
    # Its own session stands for a terminal of its own: a signal to its group reaches it and its children.
    process = subprocess.Popen(
        [sys.executable, "-c", USER],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_lease(user: subprocess.Popen[str]) -> tuple[str, tuple[str, str]]:
    """Wait until a user has the node; its address and its credentials."""
    assert user.stdout is not None
    assert user.stderr is not None
    line = user.stdout.readline()
    assert line, user.stderr.read()
    url, username, password, version = json.loads(line)
    assert version == "8.18.0"
    return url, (username, password)


def put_document(url: str, auth: tuple[str, str], name: str) -> None:
    answer = httpx.put(f"{url}/films/_doc/1?refresh=true", json={"name": name}, auth=auth, timeout=30)
    assert answer.status_code in (200, 201), answer.text


def get_document(url: str, auth: tuple[str, str]) -> str:
    answer = httpx.get(f"{url}/films/_doc/1", auth=auth, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["_source"]["name"])


def test_a_damaged_installation_repairs_itself_offline(
    installed: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    link_tree(installed.root, layout.root)
    central = Offline(monkeypatch)
    runtime = locate_runtime(layout)
    jar = next(runtime.server.glob("lib/lucene-core-*.jar"))
    content = bytearray(jar.read_bytes())
    content[len(content) // 2] ^= 1
    jar.unlink()
    jar.write_bytes(content)
    assert provision.provision(layout, SILENT).folder == runtime.folder
    content[len(content) // 2] ^= 1
    assert jar.read_bytes() == content
    assert central.asked == []
    assert Runtime(runtime.folder).java.stat().st_mode & 0o111


def test_a_disk_that_fills_up_says_so(installed: Layout, tmp_path: Path) -> None:
    """On a real disk of 64 MB where we may mount one, else with the error injected."""
    script = """
import sys
from pathlib import Path
from marquee.engine.node import provision
from marquee.engine.node.layout import Layout
from marquee.progress import SILENT
layout = Layout(Path(sys.argv[2]))
layout.root.mkdir()
layout.downloads.symlink_to(sys.argv[1])
if sys.argv[3] == "look":
    pass
else:
    provision.check_space = lambda folder, needed_mb: None
if sys.argv[3] == "inject":
    import errno, os, shutil
    def fail(*args): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    shutil.copyfileobj = fail
try:
    provision.provision(layout, SILENT)
except provision.ProvisionError as error:
    print(error)
    print(sorted(path.name for path in layout.root.iterdir() if not path.name.endswith(".unfinished")))
"""
    for number, (how, said) in enumerate((("look", "too full: 740 MB"), ("fill", "became full: 240 MB"))):
        disk = tmp_path / str(number)
        disk.mkdir()
        run = [sys.executable, "-c", script, str(installed.downloads), str(disk), how]
        mount = 'mount -t tmpfs -o size=64m none "$0" && exec "$@"'
        namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        done = subprocess.run(
            [*namespace, "sh", "-c", mount, str(disk), *run], capture_output=True, text=True, check=False
        )
        if done.returncode:
            run[-1] = "inject" if how == "fill" else how
            done = subprocess.run(run, capture_output=True, text=True, check=True)
            if how == "look":
                continue  # a disk of this size is what could not be had; the unit test has the rest
        assert said in done.stdout, done.stdout + done.stderr
        assert f"{disk}/node" in done.stdout
        assert "MARQUEE_HOME" in done.stdout
        assert done.stdout.splitlines()[-1] == "['downloads']", "something half-finished looks installed"


def test_it_is_shared_and_survives_kills(home: Path) -> None:
    layout = Layout(home)
    with run_user(home) as first, run_user(home) as second:
        # Two starts at the same moment meet the same node.
        url, auth = read_lease(first)
        assert read_lease(second) == (url, auth)
        status = node.status(make_settings(home))
        assert status.state == "running"
        assert status.users == tuple(sorted((first.pid, second.pid)))
        assert status.heap_mb == HEAP_MB
        assert not status.kept
        assert len(find_processes(home)) == 3, "supervisor, launcher, server"
        assert node.tail(make_settings(home), 5)

        # Only this machine reaches it, only with the password, and not as root.
        assert status.pid is not None
        server = psutil.Process(status.pid)
        listening = [one.laddr.ip for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
        assert httpx.get(f"{url}/_cluster/health").status_code == 401
        assert httpx.get(f"{url}/_cluster/health", auth=("marquee", "guess")).status_code == 401
        put_document(url, auth, "Metropolis")

        # kill -9 of one user leaves the node to the other.
        first.kill()
        first.wait()
        assert node.status(make_settings(home)).users == (second.pid,)

        # kill -9 of the server: it comes back by itself, at the same address, with its data.
        server.kill()
        wait_until(lambda: read_state(layout).restarts == 1, 20)
        with node.acquire(make_settings(home), heap_mb=HEAP_MB) as lease:
            assert (lease.url, (lease.username, lease.password)) == (url, auth)
            assert get_document(url, auth) == "Metropolis"

        # Ctrl-C in the terminal of the last user stops it; no process is left when that user is gone.
        assert find_processes(home)
        os.killpg(second.pid, signal.SIGINT)
        second.wait(30)
        assert find_processes(home) == []
        assert node.status(make_settings(home)).state == "stopped"


def test_it_starts_over_stale_files_and_a_taken_port(home: Path) -> None:
    settings, layout = make_settings(home), Layout(home)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        # A state file as a power cut leaves it: its process ids belong to others now, its port is taken.
        taken = stranger.getsockname()[1]
        me = {"pid": os.getpid(), "birth": "an earlier boot/17"}
        stale = {
            "launch": "x",
            "phase": "running",
            "port": taken,
            "supervisor": me,
            "launcher": me,
            "server": me,
        }
        layout.state.write_text(json.dumps(stale))
        layout.kept.touch()
        assert node.status(settings).state == "stopped"
        with node.acquire(settings, heap_mb=HEAP_MB):
            assert not node.status(settings).kept, "it was kept until the machine started again"
            node.start(settings)
    status = node.status(settings)
    assert status.port != taken
    assert status.kept
    assert status.users == ()
    auth = ("marquee", layout.password.read_text().strip())
    assert layout.password.stat().st_mode & 0o777 == 0o600
    put_document(status.url, auth, "Nosferatu")

    # kill -9 of the supervisor: its server neither stays nor stands in the way of the next start.
    supervisor = read_state(layout).supervisor
    assert supervisor is not None
    supervisor.signal(signal.SIGKILL)
    with run_user(home) as user:
        url, auth = read_lease(user)
        assert get_document(url, auth) == "Nosferatu"
        assert url == status.url, "the port is remembered"
        assert len(find_processes(home)) == 3
        assert node.status(settings).kept, "a killed supervisor does not undo `marquee node start`"
        # kill -9 of the only user: the node goes too, by itself, unless it is kept.
        layout.kept.unlink()
        user.kill()
        user.wait()
        wait_until(lambda: not find_processes(home), 20)
    assert node.remove(settings) > 10**8
    assert not layout.root.exists()
    assert node.status(settings).state == "absent"


def test_a_server_that_cannot_boot_says_why(home: Path) -> None:
    layout = Layout(home)
    layout.data.mkdir(parents=True)
    (layout.data / "_state").write_text("not a folder")
    with pytest.raises(NodeStartError) as caught:
        node.acquire(make_settings(home), heap_mb=HEAP_MB)
    text = str(caught.value)
    assert "FileAlreadyExistsException" in text
    assert str(layout.log) in text
    assert len(text) < 2000
    assert find_processes(home) == []
    assert node.status(make_settings(home)).state == "failed"
    assert node.status(make_settings(home)).users == ()
