"""The service keeps what its OpenAPI document promises: schemathesis asks all that it allows and all that it
forbids, and the examples are asked and compared."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.reindex import presence
from marquee.reindex.presence import Presence
from marquee.search.cursor import Cursor, encode_cursor
from marquee.settings import Settings
from tests.conftest import remove_indexes, run_service
from tests.empty_generations import LIVE, make_generations

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
EXAMPLES: dict[str, dict[str, Any]] = json.loads((files("marquee.api") / "examples.json").read_text())
AUTHORIZATION = {"Authorization": "Bearer the-admin-token"}
ENVIRON = {"MARQUEE_ADMIN_TOKEN": "the-admin-token"}
# What differs from run to run, and from the sample to a full catalogue; of these the type counts alone.
CHANGING = {
    "generation", "took_ms", "published_at", "confirmed_at", "last_success_at", "next_cursor", "last_job",
    "last_result", "status", "workers",
    # Of the Reconciliation API: each is an address of this service.
    "identifierSpace", "documentation", "logo", "url", "service_url",
}  # fmt: skip
# JSON whose fields nobody promises.
FREE = {"figures", "fill", "gate", "options", "quality"}


@pytest.fixture(scope="module")
def own(settings: Settings) -> Settings:
    """Settings of a prefix of its own: there schemathesis may pin, activate and cancel; no worker builds."""
    return msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-contract")


@pytest.fixture(scope="module")
async def prepared(cluster: Cluster, own: Settings, anyio_backend: str) -> AsyncIterator[Records]:
    """What the examples speak of: two empty generations, and a worker."""
    records = await make_generations(cluster, own.index_prefix)
    now = datetime.now(UTC)
    await presence.announce(records, Presence(id="host:1", version="0.1.0", started_at=now, seen_at=now))
    yield records
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture(scope="module")
def admin_url(own: Settings, endpoint: Endpoint, prepared: Records) -> Iterator[str]:
    with run_service(own, endpoint, ENVIRON) as url:
        yield url


@pytest.fixture(scope="module")
def reading_url(settings: Settings, endpoint: Endpoint, sample: str) -> Iterator[str]:
    with run_service(settings, endpoint, ENVIRON) as url:
        yield url


def run_schemathesis(url: str, folder: Path, *options: str) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(ROOT / "tests/contract/schemathesis.toml"),
        "run", f"{url}/schema/openapi.json",
        "--header", f"Authorization: {AUTHORIZATION['Authorization']}", *options,
    ]  # fmt: skip
    environ = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout


def test_what_apps_ask(reading_url: str, tmp_path: Path) -> None:
    run_schemathesis(reading_url, tmp_path, "--exclude-tag", "admin")


def test_what_administrators_ask(admin_url: str, tmp_path: Path) -> None:
    run_schemathesis(admin_url, tmp_path, "--include-tag", "admin", "--max-examples", "10")


# The examples


def send(
    client: httpx.Client, document: dict[str, Any], name: str, example: dict[str, Any]
) -> httpx.Response:
    """Ask as the example of an operation does."""
    path, method, operation = next(
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] == name
    )
    parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", []):
        value = example.get("parameters", {}).get(parameter["name"])
        if value is not None:
            parts[parameter["in"]][parameter["name"]] = value
    is_form = "json" not in next(iter(operation.get("requestBody", {}).get("content", {})), "json")
    body = {"data" if is_form else "json": example["body"]} if "body" in example else {}
    return client.request(
        method, path.format(**parts["path"]), params=parts["query"], headers=parts["header"], **body
    )


def check_alike(example: Any, answer: Any, *, exactly: bool, where: str = "answer") -> None:
    """Check that an answer has the fields of its example, and where `exactly` says so the values as well."""
    if isinstance(example, dict) and isinstance(answer, dict):
        assert list(example) == list(answer), where
        for name, value in example.items():
            if name not in FREE:
                check_alike(
                    value, answer[name], exactly=exactly and name not in CHANGING, where=f"{where}.{name}"
                )
    elif isinstance(example, list) and isinstance(answer, list):
        assert len(example) == len(answer) or not exactly, where
        for place, (one, other) in enumerate(zip(example, answer, strict=False)):
            check_alike(one, other, exactly=exactly, where=f"{where}[{place}]")
    elif exactly:
        assert answer == (pytest.approx(example, abs=0.05) if isinstance(example, float) else example), where
    else:
        assert None in (example, answer) or type(example) is type(answer), where


@pytest.fixture(scope="module")
def document(reading_url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{reading_url}/schema/openapi.json").json()
    return found


ADMIN = [
    "listGenerations", "getGeneration", "requestJob", "listJobs", "getJob", "cancelJob", "followJob", "pin",
    "getPin", "unpin", "activateGeneration", "getCache", "clearCache", "listAudit", "listWorkers",
    "listConditions",
]  # fmt: skip
READING = [(name, key) for name, examples in EXAMPLES.items() if name not in ADMIN for key in examples]


@pytest.mark.parametrize(("name", "key"), READING)
def test_an_example_is_answered_so(
    reading_url: str, document: dict[str, Any], sample: str, name: str, key: str
) -> None:
    example = msgspec.json.decode(msgspec.json.encode(EXAMPLES[name][key]))
    if name == "getCredits" and "cursor" in example["parameters"]:
        example["parameters"]["cursor"] = encode_cursor(Cursor(sample, 2))
    with httpx.Client(base_url=reading_url, timeout=10) as client:
        response = send(client, document, name, example)
    assert response.status_code == example["status"], response.text
    if name == "metrics":
        assert response.text.startswith(example["answer"])
    elif isinstance(example["answer"], str):
        assert response.text == example["answer"]
    else:
        check_alike(example["answer"], response.json(), exactly=True)


async def test_the_examples_of_administration_are_answered_so(
    admin_url: str, document: dict[str, Any]
) -> None:
    """One after the other, as they build upon each other."""
    assert set(ADMIN) | {name for name, _ in READING} == set(EXAMPLES)
    await asyncio.to_thread(ask_administration, admin_url, document)


def ask_administration(url: str, document: dict[str, Any]) -> None:
    made = ""
    with httpx.Client(base_url=url, headers=AUTHORIZATION, timeout=30) as client:
        for job in client.get("/v1/admin/jobs").json()["jobs"]:  # what schemathesis has left
            client.delete(f"/v1/admin/jobs/{job['id']}")
        client.post(f"/v1/admin/generations/{LIVE}/activate")
        for name in ADMIN:
            for example in EXAMPLES[name].values():
                if "job_id" in example.get("parameters", {}):
                    example = {**example, "parameters": {"job_id": made}}
                response = send(client, document, name, example)
                assert response.status_code == example["status"], (name, response.text)
                if name == "requestJob":
                    made = response.json()["id"]
                if name == "followJob":
                    event, data = response.text.splitlines()[:2]
                    assert event == f"event: {example['answer']['event']}"
                    check_alike(json.loads(example["answer"]["data"]), json.loads(data[6:]), exactly=False)
                elif "answer" in example:
                    check_alike(example["answer"], response.json(), exactly=False, where=name)
