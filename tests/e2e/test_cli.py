"""The command as people and scripts call it: real processes on the real engine."""

from __future__ import annotations

import asyncio
import functools
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.lease import Lease
from marquee.engine.records import Records
from marquee.reindex.jobs import Jobs
from marquee.settings import Settings
from tests.conftest import engine_environ, write_tsv
from tests.imdb_server import Source as Server
from tests.imdb_server import say

README = Path(__file__).parents[2] / "README.md"
COMMANDS = [
    "up", "serve", "worker", "reindex", "jobs", "cancel", "generations", "rollback", "pin", "unpin", "search",
    "suggest", "match", "status", "synth", "node",
]  # fmt: skip


@pytest.fixture
def environ(settings: Settings, endpoint: Endpoint, sample: str) -> dict[str, str]:
    """The environment of a shell that uses the sample of this run."""
    return engine_environ(settings, endpoint)


@pytest.fixture
def own_environ(settings: Settings, endpoint: Endpoint, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell with an index prefix in which nothing is indexed yet."""
    name = f"{settings.index_prefix}-cli-{tmp_path.name[-19:].lower().replace('_', '-')}"[:41].rstrip("-")
    environ = engine_environ(msgspec.structs.replace(settings, index_prefix=name), endpoint)
    return environ | {"MARQUEE_LEASE_TTL_S": "3", "MARQUEE_SCHEDULE": "off"}


@functools.cache
def _start_forks() -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("forks.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(environ: dict[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    forks = _start_forks()
    assert forks.stdin is not None
    assert forks.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        streams = {name: Path(folder) / name for name in ("stdout", "stderr")}
        paths = {name: str(path) for name, path in streams.items()}
        print(json.dumps({"environ": environ, "arguments": arguments, **paths}), file=forks.stdin, flush=True)
        status = int(forks.stdout.readline())
        said = {name: path.read_text() for name, path in streams.items()}
    done = subprocess.CompletedProcess(arguments, status, **said)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a failed command says."""
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tsv(tmp_path, "name.basics", [("nm0000001", "Ann Lee", r"\N", r"\N", "actor", "tt0000001")])
    write_tsv(tmp_path, "title.basics", [("tt0000001", "movie", "Noon", "Noon", "0", *[r"\N"] * 4)])
    write_tsv(tmp_path, "title.principals", [("tt0000001", "1", "nm0000001", "actor", r"\N", r"\N")])
    write_tsv(tmp_path, "title.ratings", [])
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["--help"], *[[name, "--help"] for name in COMMANDS]])
def test_every_command_explains_itself(environ: dict[str, str], arguments: list[str]) -> None:
    done = run(environ, *arguments, code=0 if arguments else 2)
    assert "Usage: marquee" in done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_shows_every_command(command: str) -> None:
    assert f"marquee {command}" in README.read_text()


def test_search_as_json_is_the_apis_answer(environ: dict[str, str], service_url: str) -> None:
    printed = json.loads(run(environ, "search", "jake gylenhal", "--limit", "3", "--json").stdout)
    answered = httpx.get(f"{service_url}/v1/actors/search?q=jake+gylenhal&limit=3").json()
    assert {**printed, "took_ms": 0} == {**answered, "took_ms": 0}


def test_search_as_a_table(environ: dict[str, str]) -> None:
    shown = run(environ, "search", "jake gylenhal", "--limit", "2", "--explain").stdout
    assert "Did you mean Jake Gyllenhaal?" in shown
    assert "fuzzy, 2 edits" in shown
    assert "found by" in shown


def test_suggest(environ: dict[str, str]) -> None:
    assert "Jake Gyllenhaal" in run(environ, "suggest", "jake gyl").stdout
    found = json.loads(run(environ, "suggest", "jake gyl", "--json").stdout)
    assert found["suggestions"][0]["highlight"] == [[0, 4], [5, 8]]


def test_status(environ: dict[str, str], own_environ: dict[str, str], sample: str) -> None:
    assert sample in run(environ, "status").stdout
    assert json.loads(run(environ, "status", "--json").stdout)["fresh"] is True
    assert "none is live" in run(own_environ, "status", code=1).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", ""], "holds no letter"),
        (["search", "🎬"], "holds no letter"),
        (["search", "ja\udcffke", "--json"], "control character"),
        (["search", "x" * 201], "length <= 200"),
        (["search", "jake", "--limit", "0"], ">= 1"),
        (["search", "jake", "--limit", "ten"], "expected `int`"),
        (["suggest", "jake", "--limit", "51"], "<= 50"),
        (["serve", "--port", "70000"], "port=70000"),
        (["serve", "--host", ""], "host=''"),
        (["serve", "--host", "nonsense.invalid"], "not known): use --port or --host"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    environ: dict[str, str], arguments: list[str], message: str
) -> None:
    assert message in error_line(run(environ, *arguments, code=2))


def test_options_that_exclude_each_other(environ: dict[str, str], folder: Path) -> None:
    done = run(environ, "reindex", "--sample", "--data", str(folder), code=2)
    assert "exclude each other" in done.stderr


def test_an_unknown_setting_is_a_warning(environ: dict[str, str]) -> None:
    done = run({**environ, "MARQUEE_PROT": "1"}, "status")
    assert "MARQUEE_PROT is not a setting of Marquee; the nearest is MARQUEE_PORT" in done.stderr


def test_an_engine_that_is_away(environ: dict[str, str]) -> None:
    away = {**environ, "MARQUEE_ELASTICSEARCH_URL": "http://127.0.0.1:9"}
    assert "cannot be reached" in error_line(run(away, "search", "jake", code=1))
    status = run(away, "status", code=1)
    assert "unreachable" in status.stdout
    assert "none is live" not in status.stdout, "nobody knows"
    assert "cannot be reached" in status.stderr


def test_a_terminal_that_does_not_know_the_letters(environ: dict[str, str]) -> None:
    ascii_only = {**environ, "PYTHONIOENCODING": "ascii"}  # is read when Python starts
    command = [sys.executable, "-m", "marquee", "search", "rene zelweger", "--limit", "1"]
    shown = subprocess.run(command, env=ascii_only, check=True, capture_output=True, timeout=60).stdout
    assert b"Ren?e Zellweger" in shown


def test_a_home_that_is_none_is_one_line(own_environ: dict[str, str], folder: Path) -> None:
    file = folder / "name.basics.tsv"
    done = run({**own_environ, "MARQUEE_HOME": str(file)}, "reindex", "--data", str(folder), code=1)
    assert f"Not a directory: {file}" in error_line(done)


def test_output_that_cannot_be_written(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "marquee", "suggest", "jake"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=environ, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_reindex_builds_then_has_nothing_to_do(own_environ: dict[str, str], folder: Path) -> None:
    first = json.loads(run(own_environ, "reindex", "--data", str(folder), "--json").stdout)
    assert first["state"] == "succeeded"
    assert (first["figures"]["built"], first["figures"]["counts"]) == (True, {"actors": 1, "titles": 1})
    again = run(own_environ, "reindex")
    assert f"{first['generation']}; nothing to do" in again.stdout.replace("\n", " ")
    assert "Ann Lee" in run(own_environ, "search", "an lee").stdout


def test_reindex_needs_a_source_at_first(own_environ: dict[str, str]) -> None:
    assert "name a source" in error_line(run(own_environ, "reindex", code=2))


def read_status(environ: dict[str, str]) -> dict[str, Any]:
    """The status but for the engine, which is yellow for a moment whenever another test makes an index."""
    status: dict[str, Any] = json.loads(run(environ, "status", "--json").stdout)
    del status["engine"]
    return status


def test_a_bad_source_changes_nothing(own_environ: dict[str, str], folder: Path) -> None:
    run(own_environ, "reindex", "--data", str(folder))
    before = read_status(own_environ)
    assert "is not a folder" in error_line(
        run(own_environ, "reindex", "--data", str(folder / "none"), code=1)
    )
    (folder / "title.ratings.tsv").unlink()
    assert "title.ratings" in error_line(run(own_environ, "reindex", "--data", str(folder), code=1))
    assert read_status(own_environ) == before, "no job was made of it"


def test_a_taken_port_is_said_at_once(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "up"):
            assert "in use" in error_line(run(environ, command, "--port", str(port), code=2))


class Up:
    """A running `marquee up`."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self.stderr = ""
        command = [sys.executable, "-m", "marquee", "up", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for_address(self) -> str:
        assert self.process.stdout is not None
        line = next((line for line in self.process.stdout if "http://" in line), "")
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return "http://" + line.split("http://")[1].split("/")[0].strip()

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        _, self.stderr = self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def started() -> Iterator[list[Up]]:
    """What was started and must not be left behind."""
    processes: list[Up] = []
    yield processes
    for each in processes:
        each.process.kill()
        each.process.communicate()


def test_up_builds_serves_and_ends(own_environ: dict[str, str], folder: Path, started: list[Up]) -> None:
    started.append(Up(own_environ, "--data", str(folder)))
    url = started[0].wait_for_address()
    assert httpx.get(f"{url}/v1/actors/search?q=an+lee").json()["hits"][0]["name"] == "Ann Lee"
    first = httpx.get(f"{url}/v1/status").json()["generation"]
    assert started[0].end() == 130
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)

    started.append(Up(own_environ))
    assert httpx.get(f"{started[1].wait_for_address()}/v1/status").json()["generation"] == first
    assert started[1].end(signal.SIGTERM) == 0

    write_tsv(folder, "name.basics", [("nm0000001", "Bea Lee", r"\N", r"\N", "actor", r"\N")])
    started.append(Up(own_environ, "--data", str(folder)))
    url = started[2].wait_for_address()
    assert httpx.get(f"{url}/v1/actors/nm0000001").json()["actor"]["name"] == "Bea Lee"
    assert started[2].end() == 130


@pytest.fixture
def imdb() -> Iterator[Server]:
    """A server of files that has none."""
    server = Server()
    server.faults = {name: [say(404)] * 1000 for name in server.files}
    yield server
    server.close()


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [("truncated", 1, "truncated"), ("dirt", 3, "not good enough"), ("away", 1, "answered 404")],
)
def test_up_with_a_source_that_fails_serves_what_is_live_if_anything(
    own_environ: dict[str, str],
    folder: Path,
    imdb: Server,
    started: list[Up],
    fault: str,
    code: int,
    reason: str,
) -> None:
    environ, bad = {**own_environ, "MARQUEE_IMDB_BASE_URL": imdb.url}, folder / "bad"
    fault_options = {"truncated": ["--break", "truncated"], "dirt": ["--dirt", "0.3"]}
    run(environ, "synth", "--people", "500", *fault_options.get(fault, []), str(bad))
    source = ["--imdb"] if fault == "away" else ["--data", str(bad)]
    first = run(environ, "up", "--port", "0", *source, code=code)
    assert reason in next(line for line in first.stderr.splitlines() if line.startswith("error: "))

    live = json.loads(run(environ, "reindex", "--data", str(folder), "--json").stdout)["generation"]
    started.append(Up(environ, *source))
    assert httpx.get(f"{started[0].wait_for_address()}/v1/status").json()["generation"] == live
    assert started[0].end() == 130
    (warning,) = [line for line in started[0].stderr.splitlines() if line.startswith("warning: ")]
    assert "the source named is not indexed now: " in warning
    assert reason in warning
    assert f"serving {live}" in warning


def test_up_with_a_folder_that_is_not_there_is_an_error_whatever_is_live(
    own_environ: dict[str, str], folder: Path
) -> None:
    run(own_environ, "reindex", "--data", str(folder))
    missing = str(folder / "typo")
    assert "is not a folder" in error_line(run(own_environ, "up", "--port", "0", "--data", missing, code=1))


def test_up_serves_what_is_live_while_another_job_waits(
    own_environ: dict[str, str], folder: Path, started: list[Up]
) -> None:
    run(own_environ, "reindex", "--data", str(folder))
    left = json.loads(run(own_environ, "reindex", "--no-wait", "--json").stdout)
    other = folder / "other"
    run(own_environ, "synth", "--people", "50", str(other))
    started.append(Up(own_environ, "--data", str(other)))
    url = started[0].wait_for_address()
    assert httpx.get(f"{url}/v1/actors/search?q=an+lee").json()["hits"][0]["name"] == "Ann Lee"
    assert json.loads(run(own_environ, "jobs", left["id"], "--json").stdout)["state"] == "succeeded"
    assert started[0].end() == 130
    assert f"the source named is not indexed now: job {left['id']} is requested" in started[0].stderr


def test_up_takes_the_place_of_a_job_whose_worker_died(
    own_environ: dict[str, str], endpoint: Endpoint, folder: Path, started: list[Up]
) -> None:
    before = json.loads(run(own_environ, "reindex", "--data", str(folder), "--json").stdout)
    left = json.loads(run(own_environ, "reindex", "--no-wait", "--json").stdout)

    async def begin_and_die() -> None:
        async with Cluster(endpoint) as cluster:
            records = Records(cluster, own_environ["MARQUEE_INDEX_PREFIX"])
            await Lease.take(records, "dead worker", 1.0, left["id"])
            jobs = Jobs(records)
            await jobs.begin(await jobs.get(left["id"]), "dead worker")

    asyncio.run(begin_and_die())
    other = folder / "other"
    run(own_environ, "synth", "--people", "50", str(other))
    started.append(Up(own_environ, "--data", str(other)))
    status = httpx.get(f"{started[0].wait_for_address()}/v1/status").json()
    assert status["generation"] > before["generation"]
    assert json.loads(run(own_environ, "jobs", left["id"], "--json", code=1).stdout)["state"] == "failed"
    assert started[0].end() == 130
    assert "warning: " not in started[0].stderr


def test_an_interrupted_reindex_leaves_nothing(own_environ: dict[str, str], started: list[Up]) -> None:
    work = Path(own_environ["MARQUEE_HOME"]) / "work"
    for by in (signal.SIGINT, signal.SIGTERM):
        started.append(Up(own_environ, "--sample"))
        deadline = time.monotonic() + 60
        while not (work.exists() and list(work.iterdir())):
            assert time.monotonic() < deadline, "nothing was begun"
            time.sleep(0.02)
        assert started[-1].end(by) == 130
        assert "none is live" in run(own_environ, "status", code=1).stdout
        assert not list(work.iterdir())


def test_a_killed_reindex_leaves_nothing_after_the_next(
    own_environ: dict[str, str], endpoint: Endpoint, folder: Path, started: list[Up]
) -> None:
    indexes = f"{endpoint.urls[0]}/{own_environ['MARQUEE_INDEX_PREFIX']}-*"
    auth = (endpoint.username, endpoint.password) if endpoint.username else None
    work = Path(own_environ["MARQUEE_HOME"]) / "work"
    started.append(Up(own_environ, "--sample"))
    deadline = time.monotonic() + 60
    while not httpx.get(indexes, auth=auth).json():
        assert time.monotonic() < deadline, "nothing was begun"
        time.sleep(0.05)
    started[0].process.kill()
    started[0].process.wait()
    while list(work.iterdir()):  # its rebuild sees that it is gone, and cleans up
        assert time.monotonic() < deadline, "the rebuild lives on"
        time.sleep(0.05)
    built = json.loads(run(own_environ, "reindex", "--data", str(folder), "--json").stdout)
    left = [name for name in httpx.get(indexes, auth=auth).json() if "-operations-" not in name]
    assert all(built["generation"] in name for name in left)
    assert not list(work.iterdir())


def test_the_wheel_holds_all_it_needs(environ: dict[str, str], tmp_path: Path) -> None:
    root = README.parent
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(root)]
    subprocess.run(wheel, check=True, timeout=120)
    built = next(tmp_path.glob("marquee_search-*.whl"))
    target = tmp_path / "installed"
    install = [*pip, "install", "-q", "--no-deps", "--target", str(target), str(built)]
    subprocess.run(install, check=True, timeout=120)
    for part in (
        "index_mappings/actors.v1.json",
        "catalog/sample/name.basics.tsv.gz",
        "catalog/sample/ATTRIBUTION.txt",
        "api/static/demo.html",
        "api/static/swagger-ui/LICENSE",
        "py.typed",
    ):
        assert (target / "marquee" / part).is_file(), part
    assert list((target / "marquee" / "engine" / "node").rglob("*.java"))
    script = "import marquee, marquee.engine.mappings as m; print(marquee.__file__, m.mapping_path('actors'))"
    clean = {**environ, "PYTHONPATH": str(target)}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=clean, cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()
    assert all(path.startswith(str(target)) for path in printed)


def test_synth_makes_files_that_reindex_takes_or_refuses(own_environ: dict[str, str], tmp_path: Path) -> None:
    good, bad, dirty = tmp_path / "good", tmp_path / "bad", tmp_path / "dirty"
    run(own_environ, "synth", "--people", "500", str(good))
    built = json.loads(run(own_environ, "reindex", "--data", str(good), "--json").stdout)
    assert 0 < built["figures"]["counts"]["actors"] <= 500
    for kind in ("truncated", "html", "header", "missing"):
        run(own_environ, "synth", "--people", "50", "--break", kind, str(bad / kind))
        error_line(run(own_environ, "reindex", "--data", str(bad / kind), code=1))
    planted = json.loads(
        run(own_environ, "synth", "--people", "500", "--dirt", "0.3", "--json", str(dirty)).stdout
    )
    assert sum(planted["name.basics"].values()) > 50
    assert "--force" in error_line(run(own_environ, "reindex", "--data", str(dirty), code=3))
    status = json.loads(run(own_environ, "status", "--json").stdout)
    assert status["generation"] == built["generation"], "what was live stays"
    assert run(own_environ, "synth", "--people", "0", str(tmp_path / "none"), code=2).stdout == ""
