"""`marquee match` as people call it: on the real engine, on a service, and ended in every way there is."""

from __future__ import annotations

import contextlib
import csv
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests.conftest import FAULTS, engine_environ, run_service
from tests.e2e.test_cli import error_line, run
from tests.proxy import Proxy

ROWS = 1_000
NAMES = ["jake gylenhal", "scarlet johansen", "tom hanks", "rene zelweger", "arnold shwarzeneger"]


@pytest.fixture
def environ(settings: Settings, endpoint: Endpoint, sample: str) -> dict[str, str]:
    """The environment of a shell that uses the sample of this run."""
    return engine_environ(settings, endpoint)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A table of so many rows, most of whose names are different questions."""
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "born"])
        writer.writerows((row, NAMES[row % 5], 1900 + row // 10) for row in range(ROWS))
    return path


def check_whole(path: Path) -> None:
    """Check that every row is there once, in its place, with who is meant by it."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == list(range(ROWS))
    wanted = [
        "Jake Gyllenhaal",
        "Scarlett Johansson",
        "Tom Hanks",
        "Renée Zellweger",
        "Arnold Schwarzenegger",
    ]
    assert [row["match_name"] for row in rows] == [wanted[row % 5] for row in range(ROWS)]


@contextlib.contextmanager
def start(environ: dict[str, str], path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a match with hints, and yield it once its journal has some rows."""
    command = [sys.executable, "-m", "marquee", "match", str(path), "--name", "name", "--born", "born"]
    journal = path.with_name("people.matched.csv.journal")
    with subprocess.Popen(
        [*command, "--jobs", "1", *options], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until = time.monotonic() + 60
            while not journal.exists() or journal.read_bytes().count(b"\n") < 100:
                assert time.monotonic() < until
                assert process.poll() is None, process.communicate()
                time.sleep(0.005)
            yield process
        finally:
            process.kill()


def resume(environ: dict[str, str], path: Path, *options: str) -> dict[str, int]:
    """Go on with the run that was interrupted, check what comes of it, and return its summary."""
    arguments = ["match", str(path), "--name", "name", "--born", "born", "--resume", "--json", *options]
    summary: dict[str, int] = json.loads(run(environ, *arguments).stdout)
    check_whole(path.with_name("people.matched.csv"))
    assert 0 < summary["resumed_rows"] < ROWS == summary["rows"] == summary["matched"]
    assert sorted(each.name for each in path.parent.iterdir()) == ["people.csv", "people.matched.csv"]
    return summary


def test_a_table_with_hints_and_candidates(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "who;film\njake gylenhal;Donnie Darko\n;\n" + "x" * 10_000 + ";\nzzzzqqqq xxxx;\n" + "jane smith;\n"
    )
    done = run(environ, "match", str(path), "--name", "who", "--title", "film", "--candidates", "1")
    rows = list(csv.DictReader((tmp_path / "people.matched.csv").open(newline=""), delimiter=";"))
    assert rows[0]["name"] == "Jake Gyllenhaal"
    assert float(rows[0]["candidate_1_score"]) < float(rows[0]["score"])
    assert [row["nconst"] for row in rows[1:4]] == ["", "", ""]
    assert "has more than 200 characters: row 3" in done.stdout
    assert "empty" in done.stdout
    assert "people.matched.csv" in done.stdout
    assert "matching: 5 rows" in done.stderr
    # What is there is not written over by accident, and never the input.
    again = run(environ, "match", str(path), "--name", "who", code=1)
    assert "is there already: --overwrite replaces it" in error_line(again)
    run(environ, "match", str(path), "--name", "who", "--force")
    own = run(environ, "match", str(path), "--name", "who", "--out", str(path), "--overwrite", code=2)
    assert "which is never written to" in error_line(own)
    done = run(environ, "match", str(path), "--name", "who", "--resume")
    assert "no run of it was interrupted" in done.stderr


@pytest.mark.parametrize("suffix", ["tsv.gz", "jsonl.zst", "parquet"])
def test_every_format(environ: dict[str, str], tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"name": ["tom hanks", None, "scarlet johansen"], "born": [None, 1970, 1984]})
    path, out = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    if suffix == "parquet":
        frame.write_parquet(path)
    elif suffix == "tsv.gz":
        frame.write_csv(path, separator="\t", compression="gzip", check_extension=False)
    else:
        frame.write_ndjson(path, compression="zstd", check_extension=False)
    done = run(environ, "match", str(path), "--name", "name", "--born", "born", "--out", str(out), "--json")
    if suffix == "parquet":
        result = pl.read_parquet(out)
    else:
        result = pl.read_csv(out, separator="\t") if suffix == "tsv.gz" else pl.read_ndjson(out)
    assert result["match_name"].to_list() == ["Tom Hanks", None, "Scarlett Johansson"]
    assert result["ambiguous"].to_list() == [False, None, False]
    summary = json.loads(done.stdout)
    assert {name: summary[name] for name in ("rows", "matched", "empty", "asked", "out")} == {
        "rows": 3, "matched": 2, "empty": 1, "asked": 2, "out": str(out)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        (b"id\n1\n", [], 2, "has no such column; it has: id"),
        (b"name\n\xe9\n", [], 1, "line 2: the byte 0xE9 is not UTF-8"),
        (b"", [], 1, "is empty"),
        (b"name\na\n", ["--encoding", "x"], 2, "--encoding x is not known"),
        (b"name\na\n", ["--url", "nowhere"], 2, "is no address of a service"),
        (b"name\na\n", ["--out", "/nowhere/x.csv"], 1, "No such file or directory: /nowhere/x.csv.journal"),
        (None, [], 1, "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    environ: dict[str, str], tmp_path: Path, content: bytes | None, options: list[str], code: int, said: str
) -> None:
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_bytes(content)
    assert said in error_line(run(environ, "match", str(path), "--name", "name", *options, code=code))
    assert [each.name for each in tmp_path.iterdir()] == ["in.csv"] * (content is not None)


def test_killed_while_it_writes(environ: dict[str, str], people: Path) -> None:
    with start(environ, people) as process:
        with people.with_name("people.matched.csv.journal").open("rb") as file:
            assert file.readline().startswith(b'{"version":1,')
        second = run(environ, "match", str(people), "--name", "name", "--born", "born", "--resume", code=1)
        assert "another run is at work" in error_line(second)
        process.send_signal(signal.SIGKILL)
        process.wait()
    other = run(environ, "match", str(people), "--name", "name", "--resume", code=1)
    assert "was begun with --born born" in error_line(other)
    resume(environ, people)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(environ: dict[str, str], people: Path, number: signal.Signals) -> None:
    with start(environ, people) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"of {ROWS:,} rows are kept: the same command with --resume goes on from there" in said
    assert "Traceback" not in said
    assert not people.with_name("people.matched.csv").exists()
    resume(environ, people)


def test_an_engine_that_goes_away_half_way(
    environ: dict[str, str], people: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    address = urlsplit(endpoint.urls[0])
    assert address.hostname
    assert address.port
    proxy = Proxy((address.hostname, address.port))
    own = environ | {
        "MARQUEE_ELASTICSEARCH_URL": environ["MARQUEE_ELASTICSEARCH_URL"].replace(
            f"{address.hostname}:{address.port}", f"127.0.0.1:{proxy.port}"
        )
    }
    try:
        with start(own, people) as process:
            proxy.take_away()
            time.sleep(1.0)
            assert process.poll() is None
            proxy.is_up = True
            process.wait(timeout=60)
        assert process.returncode == 0
        check_whole(people.with_name("people.matched.csv"))
    finally:
        proxy.close()


def test_a_service_that_dies_half_way(
    environ: dict[str, str], people: Path, settings: Settings, endpoint: Endpoint, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    hashed = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    (tmp_path / "tokens").write_text(f"reader read {hashed}\n")
    token.write_text("secret\n")
    protected = {"MARQUEE_PUBLIC": "false", "MARQUEE_TOKENS_FILE": str(tmp_path / "tokens")}
    own = {name: value for name, value in environ.items() if "ELASTICSEARCH" not in name}
    with run_service(settings, endpoint, protected) as url:
        refused = run(own, "match", str(people), "--name", "name", "--url", url, code=1)
        assert "401" in error_line(refused)
        own["MARQUEE_TOKEN_FILE"] = str(token)
        with start(own, people, "--url", url) as process:
            pass
        assert process.returncode == -signal.SIGKILL
    # As `run` would, but for its patience.
    command = [sys.executable, "-m", "marquee", "match", str(people), "--name", "name", "--born", "born"]
    hasty = own | {"PYTHONPATH": str(FAULTS), "FAULT_PACE": "marquee.matching.service.TIMEOUT_S=1"}
    lost = subprocess.run(
        [*command, "--resume", "--url", url], env=hasty, capture_output=True, text=True, check=False
    )
    assert lost.returncode == 1
    assert "no answer from" in error_line(lost)
    assert "--resume goes on from there" in lost.stderr
    token.unlink()
    (tmp_path / "tokens").unlink()
    own = own | {"MARQUEE_TOKEN_FILE": ""}
    with run_service(settings, endpoint) as url:
        resume(own, people, "--url", url)


def test_a_disk_that_fills(environ: dict[str, str], people: Path) -> None:
    command = [sys.executable, "-m", "marquee", "match", str(people), "--name", "name", "--born", "born"]

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    done = subprocess.run(command, env=environ, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "people.matched.csv.journal cannot be written: File too large" in error_line(done)
    assert "--resume goes on from there" in done.stderr
    resume(environ, people)
