"""The service as those who operate it meet it: a process of its own, over HTTP, on the real engine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from marquee.engine import generations, lease, switch
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import BuildMeta, SetAside, SourceMeta
from marquee.engine.mappings import KINDS
from marquee.engine.records import Records, index_name
from marquee.reindex import presence
from marquee.reindex.job import Job, end
from marquee.reindex.jobs import Jobs
from marquee.reindex.presence import Presence
from marquee.settings import Settings
from tests.conftest import FAULTS, remove_indexes, run_service
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

ADMIN, OTHER, READ = "the-admin-token-Zq81", "the-other-token-Vx93", "the-read-token-Kp55"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW, HALF, FUTURE = (
    "v1-20260101t000000", "v1-20260102t000000", "v1-20260103t000000", "v9-20260104t000000"
)  # fmt: skip
JOB_FIELDS = {
    "id", "kind", "state", "stage", "percent", "rate_rows_s", "eta_s", "generation", "requested_by",
    "requested_at", "started_at", "ended_at", "reason", "figures",
}  # fmt: skip


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["type"] == f"/problems/{kind}"
    return found


@pytest.fixture(scope="module")
def own(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-admin")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    hashes = {token: hashlib.sha256(token.encode()).hexdigest() for token in (OTHER, READ)}
    path.write_text(f"console admin {hashes[OTHER]}\nreader read {hashes[READ]}\n")
    return {
        "MARQUEE_ADMIN_TOKEN": ADMIN,
        "MARQUEE_TOKENS_FILE": str(path),
        "MARQUEE_LOG_LEVEL": "debug",
        "PYTHONPATH": str(FAULTS),
        "FAULT_PACE": "marquee.api.jobs.KEEP_ALIVE_S=1",
    }


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "stderr"


@pytest.fixture(scope="module")
def url(own: Settings, endpoint: Endpoint, environ: dict[str, str], log: Path) -> Iterator[str]:
    with log.open("w") as stderr, run_service(own, endpoint, environ, stderr) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{url}/v1/admin", headers=bearer(ADMIN), timeout=10) as client:
        yield client


@pytest.fixture
async def records(cluster: Cluster, own: Settings) -> AsyncIterator[Records]:
    await remove_indexes(cluster, own.index_prefix)
    records = Records(cluster, own.index_prefix)
    await records.ensure()
    yield records
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture
def jobs(records: Records) -> Jobs:
    return Jobs(records)


async def ask(client: httpx.AsyncClient, **body: Any) -> Job:
    response = await client.post("/jobs", json={"kind": "reindex", **body})
    assert response.status_code == 202, response.text
    return msgspec.json.decode(response.content, type=Job)


async def finish(jobs: Jobs, job: Job) -> Job:
    """End a job as a worker does."""
    begun = await jobs.begin(job, "host:1")
    ended = await jobs.write(end(begun, "succeeded", ""))
    await lease.clear(jobs.records, job.id)
    return ended


# Jobs


async def test_a_job_is_accepted_found_and_listed(client: httpx.AsyncClient, jobs: Jobs) -> None:
    body = {"kind": "reindex", "source": "sample", "force": True, "dry_run": True, "reason": "why not"}
    response = await client.post("/jobs", json=body)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/admin/jobs/{job['id']}"
    assert response.headers["cache-control"] == "no-store"
    assert set(job) >= JOB_FIELDS
    assert (job["kind"], job["state"], job["requested_by"]) == ("reindex", "requested", "admin")
    assert (job["reason"], job["percent"], job["stage"]) == ("why not", 0.0, None)
    assert job["request"] | body == job["request"]

    got = await client.get(f"/jobs/{job['id']}")
    assert (got.status_code, got.json()) == (200, job)
    assert got.headers["cache-control"] == "no-store"
    await finish(jobs, await jobs.get(job["id"]))
    second = await ask(client)
    listed = (await client.get("/jobs")).json()["jobs"]
    assert [each["id"] for each in listed] == [second.id, job["id"]]
    assert [each["state"] for each in listed] == ["requested", "succeeded"]
    assert [each["id"] for each in (await client.get("/jobs?limit=1")).json()["jobs"]] == [second.id]


async def test_nothing_was_ever_asked_for(client: httpx.AsyncClient, records: Records) -> None:
    await remove_indexes(records.cluster, records.prefix)
    assert (await client.get("/jobs")).json() == {"jobs": []}
    assert (await client.get("/audit")).json() == {"entries": []}
    assert (await client.get("/workers")).json() == {"workers": []}
    assert (await client.get("/generations")).json() == {"generations": []}
    problem(await client.get("/pin"), 404, "not-found")
    job = await ask(client)
    assert (await client.get(f"/jobs/{job.id}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "body"),
        ([], "body"),
        (None, "body"),
        ({"kind": "backup"}, "kind"),
        ({"kind": "reindex", "source": "folder"}, "source"),
        ({"kind": "reindex", "source": None}, "source"),
        ({"kind": "reindex", "location": "/etc"}, "body"),
        ({"kind": "reindex", "scheduled": True}, "body"),
        ({"kind": "reindex", "force": 1}, "force"),
        ({"kind": "reindex", "dry_run": "true"}, "dry_run"),
        ({"kind": "reindex", "reason": "x" * 501}, "reason"),
        ({"kind": "reindex", "reason": "\x1b[2J"}, "reason"),
        ({"kind": "reindex", "reason": 5}, "reason"),
    ],
)
async def test_an_unusable_order_names_what_is_wrong(
    client: httpx.AsyncClient, jobs: Jobs, body: Any, parameter: str
) -> None:
    headers = {"content-type": "application/json"}
    response = await client.post("/jobs", content=msgspec.json.encode(body), headers=headers)
    found = problem(response, 400, "bad-request")
    assert [each["parameter"] for each in found["errors"]] == [parameter]
    assert await jobs.list_newest(10) == []


async def test_an_order_that_is_no_json(client: httpx.AsyncClient, records: Records) -> None:
    json = {"content-type": "application/json"}
    for content in (b"", b"{", b'{"kind": "reindex", "reason": "\xff"}', b"[" * 5000, b'{"kind":"\\ud800"}'):
        problem(await client.post("/jobs", content=content, headers=json), 400, "bad-request")
    form = {"content-type": "application/x-www-form-urlencoded"}
    problem(await client.post("/jobs", content=b"kind=reindex", headers=form), 415, "unsupported-media-type")
    long = b'{"kind": "reindex", "reason": "' + b"x" * 70_000 + b'"}'
    problem(await client.post("/jobs", content=long, headers=json), 413, "request-entity-too-large")
    problem(await client.post("/jobs?x=1", json={"kind": "reindex"}), 400, "bad-request")
    problem(await client.patch("/jobs"), 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/jobs", "/audit"])
async def test_limits_of_lists(client: httpx.AsyncClient, records: Records, path: str) -> None:
    for limit in ("0", "501", "-1", "x", "1e1", ""):
        problem(await client.get(f"{path}?limit={limit}"), 400, "bad-request")
    problem(await client.get(f"{path}?offset=1"), 400, "bad-request")
    assert (await client.get(f"{path}?limit=500")).status_code == 200


async def test_a_second_job_is_told_of_the_first(client: httpx.AsyncClient, jobs: Jobs) -> None:
    first = await ask(client)
    refused = await client.post("/jobs", json={"kind": "reindex"})
    assert refused.headers["cache-control"] == "no-store", "said once"
    found = problem(refused, 409, "job-running")
    assert (found["job"]["id"], found["job"]["state"]) == (first.id, "requested")
    running = await jobs.begin(first, "host:1")
    found = problem(await client.post("/jobs", json={"kind": "reindex"}), 409, "job-running")
    assert msgspec.convert(found["job"], Job) == running


async def test_of_many_who_ask_at_once_one_is_accepted(client: httpx.AsyncClient, jobs: Jobs) -> None:
    responses = await asyncio.gather(*(client.post("/jobs", json={"kind": "reindex"}) for _ in range(8)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [202] + [409] * 7
    (accepted,) = (response.json()["id"] for response in responses if response.status_code == 202)
    for response in responses:
        if response.status_code == 409:
            assert problem(response, 409, "job-running")["job"]["id"] == accepted
    assert [job.id for job in await jobs.list_newest(10)] == [accepted]


async def test_a_request_that_is_sent_again_is_the_same_job(client: httpx.AsyncClient, jobs: Jobs) -> None:
    key = {"Idempotency-Key": "nightly-2026-01-01"}
    body = {"kind": "reindex", "source": "sample"}
    first = await client.post("/jobs", json=body, headers=key)
    again = await client.post("/jobs", json=body, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.json(), again.headers["location"]) == (first.json(), first.headers["location"])
    problem(await client.post("/jobs", json={**body, "force": True}, headers=key), 409, "conflict")
    ended = await finish(jobs, await jobs.get(first.json()["id"]))
    late = await client.post("/jobs", json=body, headers=key)
    assert (late.status_code, msgspec.json.decode(late.content, type=Job)) == (202, ended)
    assert len(await jobs.list_newest(10)) == 1

    other = await client.post("/jobs", json=body, headers=key | bearer(OTHER))
    assert other.status_code == 202, "another's key is another key"
    assert (other.json()["requested_by"], other.json()["id"] != ended.id) == ("console", True)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\xe9"])
async def test_an_unusable_key_is_refused(client: httpx.AsyncClient, jobs: Jobs, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    response = await client.post("/jobs", json={"kind": "reindex"}, headers=headers)  # type: ignore[arg-type]
    found = problem(response, 400, "bad-request")
    assert found["errors"][0]["parameter"] == "Idempotency-Key"
    assert await jobs.list_newest(10) == []


async def test_a_requested_job_is_cancelled_at_once(client: httpx.AsyncClient, records: Records) -> None:
    job = await ask(client)
    cancelled = await client.delete(f"/jobs/{job.id}", headers=bearer(OTHER))
    assert cancelled.status_code == 202
    assert (cancelled.json()["state"], cancelled.json()["reason"]) == ("cancelled", "cancelled by console")
    assert cancelled.json()["ended_at"]
    again = await client.delete(f"/jobs/{job.id}")
    assert (again.status_code, again.json()) == (202, cancelled.json())
    entries = (await client.get("/audit")).json()["entries"]
    assert [(each["action"], each["by"], each["job"], each["outcome"]) for each in entries] == [
        ("cancel", "console", job.id, "done")
    ], "cancelled once"
    await ask(client)


async def test_the_worker_of_a_running_job_is_told(client: httpx.AsyncClient, jobs: Jobs) -> None:
    running = await jobs.begin(await ask(client), "host:1")
    cancelled = await client.delete(f"/jobs/{running.id}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "running")
    assert (await client.delete(f"/jobs/{running.id}")).status_code == 202
    assert (await jobs.write(running)).cancel_requested_by == "admin"
    assert len((await client.get("/audit")).json()["entries"]) == 1


async def test_what_has_ended_cannot_be_cancelled(client: httpx.AsyncClient, jobs: Jobs) -> None:
    ended = await finish(jobs, await ask(client))
    assert "succeeded" in problem(await client.delete(f"/jobs/{ended.id}"), 409, "conflict")["detail"]
    assert (await client.get("/audit")).json() == {"entries": []}


async def test_a_job_of_another_release_is_left_to_that_one(client: httpx.AsyncClient, jobs: Jobs) -> None:
    job = await ask(client)
    newer = msgspec.to_builtins(job) | {"state": "paused"}
    await jobs.records.put(f"job-{job.id}", "job", newer, job.requested_at)
    assert (await client.get("/jobs")).json() == {"jobs": []}
    for response in (
        await client.get(f"/jobs/{job.id}"),
        await client.get(f"/jobs/{job.id}/events"),
        await client.delete(f"/jobs/{job.id}"),
        await client.post("/jobs", json={"kind": "reindex"}),
    ):
        assert (
            f"job {job.id} was written by another release"
            in problem(response, 409, "other-release")["detail"]
        )


# Server-sent events


async def read_events(response: httpx.Response) -> AsyncIterator[Job]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            assert name == "job"
            yield msgspec.json.decode(line.removeprefix("data: "), type=Job)


async def test_the_events_of_a_job_end_with_it(client: httpx.AsyncClient, jobs: Jobs) -> None:
    job = await ask(client)
    async with client.stream("GET", f"/jobs/{job.id}/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        events = read_events(response)
        assert await anext(events) == job
        begun = await jobs.begin(job, "host:1")
        assert await anext(events) == begun
        loading = await jobs.write(msgspec.structs.replace(begun, stage="load", percent=50.0, eta_s=3.5))
        assert await anext(events) == loading
        ended = await jobs.write(end(loading, "refused", "too few actors"))
        assert [each async for each in events] == [ended], "nothing more comes, and the stream ends"
    assert (ended.state, ended.reason) == ("refused", "too few actors")


async def test_the_events_of_a_job_that_has_ended(client: httpx.AsyncClient, jobs: Jobs) -> None:
    ended = await finish(jobs, await ask(client))
    async with client.stream("GET", f"/jobs/{ended.id}/events") as response:
        assert [each async for each in read_events(response)] == [ended]


async def test_a_silent_stream_is_kept_alive(client: httpx.AsyncClient, jobs: Jobs) -> None:
    job = await ask(client)
    async with client.stream("GET", f"/jobs/{job.id}/events", timeout=20) as response:
        lines = response.aiter_lines()
        while not (line := await anext(lines)).startswith(":"):
            pass
        assert line == ": still here"


async def test_head_of_events_does_not_wait_for_the_end(client: httpx.AsyncClient, jobs: Jobs) -> None:
    job = await ask(client)
    response = await client.head(f"/jobs/{job.id}/events", timeout=2)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith("text/event-stream")


async def count_reads(records: Records) -> int:
    path = f"/{index_name(records.prefix)}/_stats/get"
    answer = await records.cluster.request("GET", path)
    return int(answer["_all"]["total"]["get"]["total"])


async def test_who_goes_away_is_not_polled_for(client: httpx.AsyncClient, records: Records) -> None:
    job = await ask(client)
    async with client.stream("GET", f"/jobs/{job.id}/events") as response:
        events = read_events(response)
        assert await anext(events) == job
        before = await count_reads(records)
        await asyncio.sleep(1.5)
        assert await count_reads(records) > before
    await asyncio.sleep(1)
    before = await count_reads(records)
    await asyncio.sleep(1.5)
    assert await count_reads(records) == before


async def test_events_live_through_an_engine_that_goes_away(
    own: Settings, endpoint: Endpoint, environ: dict[str, str], jobs: Jobs
) -> None:
    parts = urlsplit(endpoint.urls[0])
    assert parts.hostname
    assert parts.port
    proxy = Proxy((parts.hostname, parts.port))
    behind = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    with run_service(own, behind, environ) as url:
        async with httpx.AsyncClient(base_url=f"{url}/v1/admin", headers=bearer(ADMIN)) as client:
            job = await ask(client)
            async with client.stream("GET", f"/jobs/{job.id}/events", timeout=20) as response:
                events = read_events(response)
                assert await anext(events) == job
                proxy.take_away()
                begun = await jobs.begin(job, "host:1")
                await asyncio.sleep(2)
                problem(await client.get("/jobs"), 503, "engine-unavailable")
                problem(await client.get(f"/jobs/{job.id}/events"), 503, "engine-unavailable")
                (away,) = (await client.get("/conditions")).json()["conditions"]
                assert (away["kind"], away["is_bad"]) == ("engine", True)
                assert "cannot be reached" in away["title"]
                proxy.is_up = True
                assert await anext(events) == begun
                ended = await jobs.write(end(begun, "failed", "no more room"))
                assert [each async for each in events] == [ended]
    proxy.close()


async def test_a_stream_does_not_hold_up_the_end_of_the_service(
    own: Settings, endpoint: Endpoint, environ: dict[str, str], jobs: Jobs
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        service = contextlib.ExitStack()
        url = service.enter_context(run_service(own, endpoint, environ))
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"{url}/v1/admin", headers=bearer(ADMIN))
        )
        job = await ask(client)
        response = await stack.enter_async_context(client.stream("GET", f"/jobs/{job.id}/events"))
        events = read_events(response)
        assert await anext(events) == job
        started = time.monotonic()
        await asyncio.to_thread(service.close)
        assert time.monotonic() - started < 4
        assert [each async for each in events] == []


# Generations


def meta(**changes: Any) -> BuildMeta:
    made = BuildMeta(
        source=SourceMeta(kind="folder", published_at=NOW, confirmed_at=NOW),
        location="/data", basis="abc", attribution="somebody",
        counts={"actors": 3, "titles": 2, "tokens": 5}, marquee_version="0.1", reason="by hand",
        quality={"names": {"file": "name.basics", "rows": 3}}, fill={"actors": {"birth_year": 0.5}},
        options={"people": "actors"}, gate={"passed": True, "checks": []},
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


async def build(records: Records, generation: str, *, set_aside: SetAside = "", **changes: Any) -> None:
    cluster, prefix = records.cluster, records.prefix
    await generations.create(cluster, prefix, generation, shards=1)
    await generations.write_meta(cluster, prefix, generation, meta(set_aside=set_aside, **changes))


@pytest.fixture
async def built(records: Records) -> Records:
    """An old and a new generation, the new one live, and one whose build did not end."""
    await build(records, OLD)
    await build(records, NEW, swapped_at=NOW, gate={})
    await generations.create(records.cluster, records.prefix, HALF, shards=1)
    await switch.swap(records, NEW, switch=await switch.read_switch(records))
    return records


async def live(records: Records) -> str | None:
    found = await generations.find_live(records.cluster, records.prefix)
    return found.id if found else None


async def test_generations_are_listed(client: httpx.AsyncClient, built: Records) -> None:
    listed = (await client.get("/generations")).json()["generations"]
    assert [each["id"] for each in listed] == [HALF, NEW, OLD]
    half, new, old = listed
    assert old == {
        "id": OLD, "live": False, "complete": True, "readable": True, "pinned": False, "set_aside": "",
        "mapping_version": 1, "built_at": "2026-01-01T00:00:00Z", "swapped_at": None,
        "counts": {"actors": 3, "titles": 2}, "gate_passed": True,
        "source": {
            "kind": "folder", "published_at": "2026-01-01T00:00:00Z", "confirmed_at": "2026-01-01T00:00:00Z"
        },
    }  # fmt: skip
    assert (new["live"], new["gate_passed"], new["swapped_at"]) == (True, None, "2026-01-01T00:00:00Z")
    assert (half["complete"], half["source"], half["counts"], half["gate_passed"]) == (False, None, {}, None)


async def test_a_generation_with_its_reports(client: httpx.AsyncClient, built: Records) -> None:
    old = (await client.get(f"/generations/{OLD}")).json()
    assert old["quality"] == {"names": {"file": "name.basics", "rows": 3}}
    assert old["gate"] == {"passed": True, "checks": []}
    assert old["fill"] == {"actors": {"birth_year": 0.5}}
    assert (old["reason"], old["marquee_version"], old["options"]) == ("by hand", "0.1", {"people": "actors"})
    assert old["id"] == OLD
    half = (await client.get(f"/generations/{HALF}")).json()
    assert (half["complete"], half["quality"], half["gate"], half["fill"]) == (False, None, None, {})
    problem(await client.get("/generations/v1-20250101t000000"), 404, "not-found")


async def test_a_generation_is_made_live(client: httpx.AsyncClient, built: Records) -> None:
    back = await client.post(f"/generations/{OLD}/activate", json={"reason": "bad names"})
    assert (back.status_code, back.json()) == (200, {"generation": OLD, "previous": NEW})
    assert await live(built) == OLD
    forth = await client.post(f"/generations/{NEW}/activate", headers=bearer(OTHER))
    assert (forth.status_code, forth.json()) == (200, {"generation": NEW, "previous": OLD})
    assert await live(built) == NEW
    entries = (await client.get("/audit")).json()["entries"]
    assert [list(each) for each in entries] == [
        ["at", "action", "by", "generation", "reason", "job", "outcome"]
    ] * 2
    assert [(each["action"], each["by"], each["generation"], each["reason"]) for each in entries] == [
        ("activate", "console", NEW, ""),
        ("rollback", "admin", OLD, "bad names"),
    ]
    assert {each["outcome"] for each in entries} == {"done"}
    assert len((await client.get("/audit?limit=1")).json()["entries"]) == 1


async def test_what_cannot_be_made_live(client: httpx.AsyncClient, built: Records) -> None:
    for kind in KINDS:  # of a later release
        index = generations.index_name(built.prefix, kind, FUTURE)
        await built.cluster.request("PUT", f"/{index}")
    await generations.write_meta(built.cluster, built.prefix, FUTURE, meta())
    for generation, reason in ((HALF, "not complete"), (FUTURE, "mapping version 9"), (NEW, "live already")):
        found = problem(await client.post(f"/generations/{generation}/activate"), 409, "conflict")
        assert reason in found["detail"]
    problem(await client.post("/generations/v1-20250101t000000/activate"), 404, "not-found")
    assert await live(built) == NEW


async def test_what_the_gate_refused_needs_force(client: httpx.AsyncClient, built: Records) -> None:
    path = "/generations/v1-20260105t000000/activate"
    await build(built, "v1-20260105t000000", set_aside="refused")
    for body in ({}, {"force": False}):
        assert "refused" in problem(await client.post(path, json=body), 409, "conflict")["detail"]
    for reason in ("", " "):
        told = problem(await client.post(path, json={"force": True, "reason": reason}), 400, "bad-request")
        assert [each["parameter"] for each in told["errors"]] == ["reason"]
    assert await live(built) == NEW
    forced = await client.post(path, json={"force": True, "reason": "the source is like that"})
    assert (forced.status_code, await live(built)) == (200, "v1-20260105t000000")
    entries = (await client.get("/audit")).json()["entries"]
    assert {(each["action"], each["reason"], each["outcome"]) for each in entries} == {
        ("forced gate", "the source is like that", "done"), ("activate", "the source is like that", "done"),
    }  # fmt: skip


async def test_an_unusable_activation(client: httpx.AsyncClient, built: Records) -> None:
    path = f"/generations/{OLD}/activate"
    bodies: list[Any] = [{"forced": True}, {"force": "yes"}, {"reason": "x" * 501}, []]
    for body in bodies:
        problem(await client.post(path, json=body), 400, "bad-request")
    problem(await client.post(path, content=b"force"), 415, "unsupported-media-type")
    problem(await client.post(f"{path}?force=true"), 400, "bad-request")
    assert await live(built) == NEW


async def test_of_two_activations_at_once_the_engine_lets_one_through(
    client: httpx.AsyncClient, built: Records
) -> None:
    await build(built, "v1-20260105t000000")
    paths = [f"/generations/{each}/activate" for each in (OLD, "v1-20260105t000000")]
    responses = await asyncio.gather(*(client.post(path) for path in paths))
    assert {response.status_code for response in responses} <= {200, 409}
    assert 200 in {response.status_code for response in responses}
    assert await live(built) in {each.json()["generation"] for each in responses if each.status_code == 200}


async def test_pin_and_unpin(client: httpx.AsyncClient, built: Records) -> None:
    problem(await client.get("/pin"), 404, "not-found")
    problem(await client.delete("/pin"), 404, "not-found")
    response = await client.put("/pin", json={"generation": OLD, "reason": "the good one"})
    assert response.status_code == 200
    made = response.json()
    assert (made["generation"], made["by"], made["reason"]) == (OLD, "admin", "the good one")
    assert (await client.get("/pin")).json() == made
    listed = (await client.get("/generations")).json()["generations"]
    assert {each["id"]: each["pinned"] for each in listed} == {OLD: True, NEW: False, HALF: False}
    assert (await client.put("/pin", json={"generation": NEW})).json()["generation"] == NEW
    taken_off = await client.delete("/pin")
    assert (taken_off.status_code, taken_off.content) == (204, b"")
    problem(await client.get("/pin"), 404, "not-found")
    entries = (await client.get("/audit")).json()["entries"]
    assert [(each["action"], each["generation"]) for each in entries] == [
        ("unpin", NEW), ("pin", NEW), ("pin", OLD)
    ]  # fmt: skip


async def test_an_unusable_pin(client: httpx.AsyncClient, built: Records) -> None:
    problem(await client.put("/pin", json={"generation": HALF}), 409, "conflict")
    for unknown in ("v1-20250101t000000", "", "x" * 10_000, "*", "../x"):
        problem(await client.put("/pin", json={"generation": unknown}), 404, "not-found")
    for body in ({}, {"generation": None}, {"generation": OLD, "by": "me"}):
        problem(await client.put("/pin", json=body), 400, "bad-request")
    problem(await client.put("/pin", content=b"x"), 415, "unsupported-media-type")
    assert (await client.get("/audit")).json() == {"entries": []}


@pytest.mark.parametrize(
    "text",
    [
        "UPPER", "a_b", "*", "..", "%2e%2e", "x" * 10_000, "%00", "%ff", "%2f", "a%2fb", "%0a", "a%20b", "é",
        "_all", "job-x", "v1-20260101t000000%0a", "%25", "%", "?", "%3Fx", "%F0%9F%98%80", ";", "a,b",
    ],
)  # fmt: skip
async def test_an_id_of_odd_shape_is_unknown(client: httpx.AsyncClient, records: Records, text: str) -> None:
    base = str(client.base_url)
    for method, path in [
        ("GET", f"jobs/{text}"),
        ("DELETE", f"jobs/{text}"),
        ("GET", f"jobs/{text}/events"),
        ("GET", f"generations/{text}"),
        ("POST", f"generations/{text}/activate"),
    ]:
        response = await client.request(method, httpx.URL(base + path))
        # These are no segment of a path at all: what remains is the list, or nothing to delete or post to.
        is_none = text in ("?", "..", "%2f")
        assert response.status_code in ((200, 400, 404, 405) if is_none else (400, 404)), path
        assert len(response.content) < 1000
    problem(await client.get("/jobs/20260101t000000-abcdef"), 404, "not-found")
    problem(await client.get("/jobs/20260101t000000-abcdef/events"), 404, "not-found")


async def test_workers(client: httpx.AsyncClient, records: Records) -> None:
    now = datetime.now(UTC)
    for name, ago in (("here:1", 0), ("silent:2", 120), ("forgotten:3", 25 * 3600)):
        seen = now - timedelta(seconds=ago)
        await presence.announce(
            records, Presence(id=name, version="0.1", started_at=NOW, seen_at=seen, job=None, next_run_at=now)
        )
    workers = (await client.get("/workers")).json()["workers"]
    assert [(each["id"], each["alive"]) for each in workers] == [("here:1", True), ("silent:2", False)]
    assert set(workers[0]) == {"id", "version", "started_at", "seen_at", "job", "next_run_at", "alive"}


async def test_what_is_bad_is_told_first_with_what_to_do(client: httpx.AsyncClient, jobs: Jobs) -> None:
    well = (await client.get("/conditions")).json()["conditions"]
    assert [each["is_bad"] for each in well] == [False, False]
    begun = await jobs.begin(await ask(client), "host:1")
    await jobs.write(end(begun, "failed", "a file is damaged"))
    await lease.clear(jobs.records, begun.id)
    first, *others = (await client.get("/conditions")).json()["conditions"]
    assert (first["kind"], first["is_bad"]) == ("failed-run", True)
    assert "a file is damaged" in first["detail"]
    assert begun.id in first["advice"]
    assert [each["kind"] for each in others] == ["engine", "full-disk"]
    problem(await client.get("/conditions?x=1"), 400, "bad-request")


async def test_tokens_stay_out_of_the_log(client: httpx.AsyncClient, records: Records, log: Path) -> None:
    wrong = "a-wrong-token-Hj27"
    for token in (ADMIN, OTHER, READ, wrong):
        for path in ("/jobs", "/jobs/x", "/audit", f"/generations?token={token}"):
            response = await client.get(path, headers=bearer(token))
            assert token not in response.text.replace(f"token={token}", "")
        await client.post("/jobs", json={"kind": token}, headers=bearer(token))
    job = await ask(client)
    assert job.requested_by == "admin"
    written = await asyncio.to_thread(log.read_text)
    assert not [token for token in (ADMIN, OTHER, READ, wrong) if token in written]
    for token in (ADMIN, OTHER, READ):
        assert hashlib.sha256(token.encode()).hexdigest() not in written
