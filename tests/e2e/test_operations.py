"""Reindexes from the command line: jobs and workers, the gate, dry runs, rollback and pin."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests.conftest import engine_environ, run_service, write_tsv
from tests.e2e.test_cli import error_line, run

PEOPLE = [f"Person {letter}{other}" for letter in "abcdefghij" for other in "klmnopqrst"]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    name = f"{settings.index_prefix}-ops-{tmp_path.name[-18:].lower().replace('_', '-')}"[:41].rstrip("-")
    return msgspec.structs.replace(settings, index_prefix=name)


@pytest.fixture
def environ(own: Settings, endpoint: Endpoint) -> dict[str, str]:
    return engine_environ(own, endpoint) | {"MARQUEE_LEASE_TTL_S": "3", "MARQUEE_SCHEDULE": "off"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_people(folder, PEOPLE)
    return folder


def write_people(folder: Path, names: list[str], year: str = "1980") -> None:
    write_tsv(
        folder,
        "name.basics",
        [(f"nm{n:07}", name, year, r"\N", "actor", r"\N") for n, name in enumerate(names)],
    )
    write_tsv(
        folder,
        "title.basics",
        [("tt0000001", "movie", "Film", "Film", "0", "2001", r"\N", "113", "Drama")],
    )
    write_tsv(
        folder,
        "title.principals",
        [("tt0000001", str(n), f"nm{n:07}", "actor", r"\N", r"\N") for n in range(len(names))],
    )
    write_tsv(folder, "title.ratings", [("tt0000001", "8.0", "800000")])


@pytest.fixture
def worker(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "marquee", "worker"]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def read_json(environ: dict[str, str], *arguments: str, code: int = 0) -> Any:
    return json.loads(run(environ, *arguments, "--json", code=code).stdout)


def list_ids(environ: dict[str, str]) -> list[tuple[str, bool, str]]:
    found = read_json(environ, "generations")
    return [(each["id"], each["live"], (each["meta"] or {}).get("set_aside", "")) for each in found]


def test_rollback_goes_back_and_only_so_far(environ: dict[str, str], folder: Path) -> None:
    first = read_json(environ, "reindex", "--data", str(folder))["generation"]
    write_people(folder, [*PEOPLE, "Somebody New"])
    second = read_json(environ, "reindex")["generation"]
    assert read_json(environ, "rollback", "--reason", "looks odd") == {
        "generation": first,
        "previous": second,
    }
    assert list_ids(environ) == [(second, False, "rolled back"), (first, True, "")]
    assert "no usable generation older" in error_line(run(environ, "rollback", code=1))
    assert "there is no generation" in error_line(run(environ, "rollback", "v1-20200101t000000", code=1))
    assert second in run(environ, "rollback", second).stdout
    assert list_ids(environ) == [(second, True, ""), (first, False, "")]


def test_a_pin_holds_what_is_live_until_it_is_taken_off(environ: dict[str, str], folder: Path) -> None:
    first = read_json(environ, "reindex", "--data", str(folder))["generation"]
    assert read_json(environ, "pin")["generation"] == first
    write_people(folder, [*PEOPLE, "Somebody New"])
    held = read_json(environ, "reindex")
    assert held["figures"]["swapped"] is False
    assert "is pinned" in held["reason"]
    assert list_ids(environ) == [(held["generation"], False, "held"), (first, True, "")]
    assert "pinned" in run(environ, "generations").stdout
    run(environ, "unpin")
    again = read_json(environ, "reindex")
    assert (again["generation"], again["figures"]["built"]) == (held["generation"], False), "not built twice"
    assert list_ids(environ)[0] == (held["generation"], True, "")
    assert "no generation is pinned" in error_line(run(environ, "unpin", code=1))


def test_the_gate_refuses_half_of_the_people_and_force_passes_it(
    environ: dict[str, str], folder: Path
) -> None:
    first = read_json(environ, "reindex", "--data", str(folder))["generation"]
    write_people(folder, PEOPLE[:50])
    told = error_line(run(environ, "reindex", code=3))
    assert "50 actors where 100 are live" in told
    assert "--force" in told
    assert [each[1:] for each in list_ids(environ)] == [(False, "refused"), (True, "")]
    assert "refused" in run(environ, "generations").stdout
    (job, _) = read_json(environ, "jobs")
    assert job["state"] == "refused"
    assert "a reason only" in error_line(run(environ, "reindex", "--force", code=3))
    forced = read_json(environ, "reindex", "--force", "--reason", "half of them left")
    assert forced["figures"]["gate"]["forced"] is True
    live = next(each for each in list_ids(environ) if each[1])
    assert live[0] == forced["generation"] != first


def test_a_refused_one_is_made_live_by_force_and_a_reason(environ: dict[str, str], folder: Path) -> None:
    run(environ, "reindex", "--data", str(folder))
    write_people(folder, PEOPLE[:50])
    run(environ, "reindex", code=3)
    refused = list_ids(environ)[0][0]
    assert "force is needed" in error_line(run(environ, "rollback", refused, code=1))
    assert "reason" in error_line(run(environ, "rollback", refused, "--force", code=2))
    assert list_ids(environ)[0] == (refused, False, "refused")
    run(environ, "rollback", refused, "--force", "--reason", "half of them left")
    assert list_ids(environ)[0] == (refused, True, "")


@pytest.mark.parametrize("command", ["reindex", "rollback", "pin", "unpin"])
def test_an_unusable_reason_is_wrong_usage(environ: dict[str, str], command: str) -> None:
    assert "--reason: " in error_line(run(environ, command, "--reason", "x" * 501, code=2))
    assert "--reason: " in error_line(run(environ, command, "--reason", "\x1b[2J", code=2))


def test_a_dry_run_tells_the_difference_and_changes_nothing(environ: dict[str, str], folder: Path) -> None:
    run(environ, "reindex", "--data", str(folder))
    before = list_ids(environ)
    write_people(folder, [*PEOPLE[:-1], "Renamed Person", "Somebody New"])
    job = read_json(environ, "reindex", "--dry-run")
    difference = job["figures"]["difference"]["actors"]
    assert [difference[each] for each in ("added", "removed", "changed")] == [1, 0, 1]
    assert job["generation"] is None
    shown = run(environ, "reindex", "--dry-run").stdout
    assert "Somebody New" in shown
    assert list_ids(environ) == before


def test_no_wait_leaves_it_to_a_worker_and_jobs_follows_it(
    environ: dict[str, str], folder: Path, worker: subprocess.Popen[str]
) -> None:
    assert worker.stdout is not None
    assert "is up" in worker.stdout.readline()
    job = read_json(environ, "reindex", "--data", str(folder), "--no-wait")
    assert job["state"] == "requested"
    done = run(environ, "jobs", job["id"])
    assert "is live: 100 actors" in done.stdout.replace("\n", " ")
    assert "index actors" in done.stderr
    assert read_json(environ, "jobs")[0]["state"] == "succeeded"
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0


def test_a_worker_that_somebody_interrupts_says_so(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert "is up" in worker.stdout.readline()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=15) == 130


def test_without_a_worker_a_job_waits_and_can_be_cancelled(environ: dict[str, str], folder: Path) -> None:
    done = run(environ, "reindex", "--data", str(folder), "--no-wait", "--json")
    assert "no worker is running" in done.stderr
    job = json.loads(done.stdout)
    told = error_line(run(environ, "reindex", "--data", str(folder), code=4))
    assert job["id"] in told
    assert "is cancelled" in run(environ, "cancel", job["id"]).stdout
    assert "has ended" not in run(environ, "cancel", job["id"]).stderr
    assert "there is no job" in error_line(run(environ, "cancel", "none", code=1))
    assert "there is no job" in error_line(run(environ, "jobs", "none", code=1))
    run(environ, "reindex", "--data", str(folder))


def test_a_second_reindex_is_told_that_one_is_under_way(environ: dict[str, str], folder: Path) -> None:
    command = [sys.executable, "-m", "marquee", "reindex", "--sample"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as first:
        until = time.monotonic() + 30
        while not any(each["state"] == "running" for each in read_json(environ, "jobs")):
            assert time.monotonic() < until
        told = error_line(run(environ, "reindex", "--data", str(folder), code=4))
        assert "another reindex is under way" in told
        assert first.wait(timeout=60) == 0


@pytest.mark.parametrize("command", ["worker", "up"])
def test_a_malformed_schedule_is_said_at_the_start(environ: dict[str, str], command: str) -> None:
    told = error_line(run({**environ, "MARQUEE_SCHEDULE": "every day"}, command, code=2))
    assert "MARQUEE_SCHEDULE='every day' cannot be used" in told


@pytest.mark.parametrize("command", [["worker"], ["up", "--port", "0"]])
def test_an_unusable_alert_address_is_said_without_its_secret(
    environ: dict[str, str], folder: Path, command: list[str]
) -> None:
    run(environ, "reindex", "--data", str(folder))
    done = run({**environ, "MARQUEE_ALERT_URLS": "nonsense://user:hunter2@host"}, *command, code=2)
    assert "MARQUEE_ALERT_URLS" in error_line(done)
    assert "hunter2" not in done.stdout + done.stderr


def test_the_api_runs_what_the_terminal_sees(
    own: Settings, endpoint: Endpoint, environ: dict[str, str], folder: Path, worker: subprocess.Popen[str]
) -> None:
    first = read_json(environ, "reindex", "--data", str(folder))["generation"]
    headers = {"Authorization": "Bearer s3cret"}
    with run_service(own, endpoint, {"MARQUEE_ADMIN_TOKEN": "s3cret"}) as url:
        body = {"kind": "reindex", "source": "live", "force": True, "reason": "over HTTP"}
        made = httpx.post(f"{url}/v1/admin/jobs", json=body, headers=headers)
        assert made.status_code == 202
        events = f"{url}{made.headers['location']}/events"
        with httpx.stream("GET", events, headers=headers, timeout=60) as told:
            data = [line.removeprefix("data: ") for line in told.iter_lines() if line.startswith("data: ")]
        states = [json.loads(each) for each in data]
        assert states[-1]["state"] == "succeeded"
        second = states[-1]["generation"]
        assert httpx.get(f"{url}/v1/status").json()["generation"] == second != first
        assert 'marquee_last_job_state{state="succeeded"} 1.0' in httpx.get(f"{url}/metrics").text
        path = f"{url}/v1/admin/generations/{first}/activate"
        back = httpx.post(path, json={"reason": "x"}, headers=headers)
        assert back.json() == {"generation": first, "previous": second}
        entries = httpx.get(f"{url}/v1/admin/audit", headers=headers).json()["entries"]
        assert [each["action"] for each in entries][:2] == ["rollback", "swap"]
        assert entries[0]["by"] == "admin"
    assert worker.poll() is None
