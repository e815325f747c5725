"""The Python client against the running service; and what its documentation shows, run."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import nbformat
import pytest
from nbclient import NotebookClient

from marquee import client
from marquee.client import AsyncClient, Client, MatchQuery
from marquee.engine.cluster import Cluster, Endpoint
from marquee.settings import Settings
from tests.conftest import engine_environ, remove_indexes, run_service
from tests.empty_generations import BEFORE, LIVE, make_generations

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"
TOKEN = "the-admin-token"
SOMEBODY = "nm90011918"
CHANGING = {"took_ms", "stale", "engine"}


@pytest.fixture(scope="module")
def url(settings: Settings, endpoint: Endpoint, sample: str) -> Iterator[str]:
    with run_service(settings, endpoint, {"MARQUEE_ADMIN_TOKEN": TOKEN}) as url:
        yield url


@pytest.fixture(scope="module")
def own(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-client")


@pytest.fixture(scope="module")
async def prepared(cluster: Cluster, own: Settings, anyio_backend: str) -> AsyncIterator[None]:
    """Two empty generations of a prefix of its own, to be pinned and made live; no worker."""
    await make_generations(cluster, own.index_prefix)
    yield
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture(scope="module")
def admin_url(own: Settings, endpoint: Endpoint, prepared: None) -> Iterator[str]:
    with run_service(own, endpoint, {"MARQUEE_ADMIN_TOKEN": TOKEN}) as url:
        yield url


# Reading

QUERIES = [
    MatchQuery(id="a", name="rene zelweger"),
    MatchQuery(id="b", name="chris evans", title="Snowpiercer"),
]
READ: list[tuple[str, list[Any], dict[str, Any], str]] = [
    ("search", ["jake gylenhal"], {"limit": 2, "explain": True},
     "/v1/actors/search?q=jake+gylenhal&limit=2&explain=true"),
    ("search", ["chris"], {"profession": ["actor", "x"], "title": "Snowpiercer", "born": 1981, "offset": 3,
                           "born_tolerance": 2, "min_score": 0.1},
     "/v1/actors/search?q=chris&profession=actor&profession=x&title=Snowpiercer&born=1981&offset=3&born_tolerance=2"
     "&min_score=0.1"),
    ("suggest", ["jake gyl"], {"limit": 3}, "/v1/actors/suggest?q=jake+gyl&limit=3"),
    ("actor", [SOMEBODY], {}, f"/v1/actors/{SOMEBODY}"),
    ("credits", [SOMEBODY], {"limit": 3}, f"/v1/actors/{SOMEBODY}/credits?limit=3"),
    ("search_titles", ["doni darko"], {"limit": 2}, "/v1/titles/search?q=doni+darko&limit=2"),
    ("title", ["tt90029555"], {}, "/v1/titles/tt90029555"),
    ("cast", ["tt90029555"], {}, "/v1/titles/tt90029555/cast"),
    ("status", [], {}, "/v1/status"),
    ("live", [], {}, "/health/live"),
    ("ready", [], {}, "/health/ready"),
]  # fmt: skip


async def ask(method: str, url: str, **options: Any) -> Any:
    """What the service says to who asks by hand."""
    async with httpx.AsyncClient(timeout=10) as asking:
        return (await asking.request(method, url, **options)).raise_for_status().json()


@pytest.mark.parametrize(("method", "args", "options", "path"), READ)
async def test_nothing_of_an_answer_is_lost(
    url: str, method: str, args: list[Any], options: dict[str, Any], path: str
) -> None:
    said = await ask("GET", url + path)
    with Client(url) as waiting:
        answers = [getattr(waiting, method)(*args, **options)]
    async with AsyncClient(url) as awaiting:
        answers.append(await getattr(awaiting, method)(*args, **options))
    for answer in answers:
        read = msgspec.json.decode(msgspec.json.encode(answer))
        assert {name: value for name, value in read.items() if name not in CHANGING} == {
            name: value for name, value in said.items() if name not in CHANGING
        }


async def test_a_match_is_what_the_service_says(url: str) -> None:
    asked = {"queries": msgspec.to_builtins(QUERIES), "min_score": 0.2, "candidates": 2}
    said = await ask("POST", f"{url}/v1/actors/match", json=asked)
    with Client(url) as waiting:
        answer = waiting.match(QUERIES, min_score=0.2, candidates=2)
    async with AsyncClient(url) as awaiting:
        assert await awaiting.match(QUERIES, min_score=0.2, candidates=2) == answer
    assert msgspec.json.decode(msgspec.json.encode(answer.results)) == said["results"]
    assert [each.match.name if each.match else None for each in answer.results.values()] == [
        "Renée Zellweger", "Chris Evans"
    ]  # fmt: skip


async def test_pages_are_asked_for_as_they_are_needed(url: str) -> None:
    with Client(url) as waiting:
        whole = waiting.credits(SOMEBODY).credits
        assert list(waiting.each_credit(SOMEBODY, page_size=7)) == whole
        hits = list(waiting.each_hit("john"))
        assert len({each.nconst for each in hits}) == len(hits) == 100
        assert len(list(waiting.each_hit("jake gylenhal", min_score=0.9))) == 1
        rows = ["jake gylenhal", "nobody at all xyz"] * 60 + [MatchQuery(id="a", name="chris evans")] * 2
        results = list(waiting.match_each(rows, candidates=0))
    assert [query.name for query, _ in results] == [
        each if isinstance(each, str) else each.name for each in rows
    ]
    assert {(query.name, result.match.name if result.match else None) for query, result in results} == {
        ("jake gylenhal", "Jake Gyllenhaal"), ("nobody at all xyz", None), ("chris evans", "Chris Evans")
    }  # fmt: skip
    async with AsyncClient(url) as awaiting:
        assert [each async for each in awaiting.each_credit(SOMEBODY, page_size=7)] == whole
        assert [each async for each in awaiting.match_each(rows, candidates=0)] == results


def test_what_cannot_be_answered_is_told(url: str) -> None:
    with Client(url) as asking:
        with pytest.raises(client.NotFoundError) as missing:
            asking.title("tt99999999")
        assert missing.value.type == "/problems/not-found"
        assert missing.value.request_id
        with pytest.raises(client.BadRequestError) as wrong:
            asking.match([MatchQuery(id="a", name="!!"), MatchQuery(id="a", name="x")])
        assert {each.parameter for each in wrong.value.errors} == {"queries[0].name", "queries[1].id"}
        with pytest.raises(client.BadRequestError) as empty:
            asking.search(" ")
        assert empty.value.type == "/problems/empty-query"
        with pytest.raises(client.UnauthorizedError):
            asking.jobs()
        with pytest.raises(client.BadRequestError):
            asking.match(map(str, range(101)))
    with Client(url, token="unknown") as asking, pytest.raises(client.UnauthorizedError):
        asking.search("jake")


def test_threads_may_share_one(url: str) -> None:
    found: list[str] = []
    with Client(url) as asking:
        threads = [
            threading.Thread(target=lambda: found.append(asking.search("jake gylenhal").hits[0].name))
            for _ in range(8)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert found == ["Jake Gyllenhaal"] * 8


# Administering


async def test_administration_from_end_to_end(admin_url: str) -> None:
    """Both clients, each in a thread or loop of its own; what one does, the other sees."""
    await asyncio.to_thread(administer, admin_url)
    async with AsyncClient(admin_url, token=TOKEN) as admin:
        job = await admin.request_job(dry_run=True, reason="to be called off")
        states: list[str] = []
        async for each in admin.follow_job(job.id):
            if not states:
                await admin.cancel_job(job.id)
            states.append(each.state)
        assert (states[0], states[-1]) == ("requested", "cancelled")
        with pytest.raises(client.ConflictError):
            await admin.activate_generation(LIVE)
        assert (await admin.audit(limit=1)).entries[0].action == "cancel"


def administer(url: str) -> None:
    with Client(url, token=TOKEN) as admin:
        assert [each.id for each in admin.generations().generations] == [LIVE, BEFORE]
        assert admin.generation(LIVE).gate == {"passed": True}
        with pytest.raises(client.NotFoundError):
            admin.pinned()
        held = admin.pin(LIVE, reason="until noon")
        assert (held.generation, admin.pinned()) == (LIVE, held)
        assert admin.unpin() is None
        assert admin.activate_generation(BEFORE, reason="back").previous == LIVE
        assert admin.activate_generation(LIVE, force=True, reason="forth").generation == LIVE
        assert admin.clear_cache().redis_cleared is None
        assert admin.cache().enabled
        assert admin.workers().workers == []
        assert {each.kind for each in admin.conditions().conditions} >= {"engine", "stale"}
        job = admin.request_job(source="imdb", dry_run=True, reason="to see", idempotency_key="once")
        assert (job.state, job.request.source, job.reason) == ("requested", "imdb", "to see")
        assert admin.request_job(source="imdb", dry_run=True, reason="to see", idempotency_key="once") == job
        with pytest.raises(client.ConflictError) as running:
            admin.request_job()
        assert running.value.type == "/problems/job-running"
        assert running.value.job == job
        following = admin.follow_job(job.id)
        assert next(following) == job
        cancelled = admin.cancel_job(job.id)
        *_, last = following
        assert last == cancelled == admin.job(job.id) == admin.jobs(limit=1).jobs[0]
        assert last.state == "cancelled"
        assert [each.action for each in admin.audit(limit=5).entries] == [
            "cancel", "cache clear", "activate", "rollback", "unpin"
        ]  # fmt: skip


# What is shown


@pytest.fixture
def worker(settings: Settings, endpoint: Endpoint, url: str) -> Iterator[None]:
    environ = engine_environ(settings, endpoint) | {"MARQUEE_SCHEDULE": "off"}
    with subprocess.Popen([sys.executable, "-m", "marquee", "worker"], env=environ) as process:
        yield
        process.terminate()


def test_the_documentation_is_true(url: str, worker: None) -> None:
    """Each program prints what stands below it."""
    text = (DOCS / "python.md").read_text()
    text = text.replace("http://127.0.0.1:8000", url).replace('"TOKEN"', repr(TOKEN))
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```console\n(.*?)```)?", text, re.DOTALL)
    assert len(blocks) == text.count("```python")
    shared: dict[str, Any] = {}
    for program, printed in blocks:
        assert run(program, shared) == printed, program
    shared["marquee"].close()


def test_so_is_the_readme(url: str) -> None:
    text = (DOCS.parent / "README.md").read_text().replace("http://127.0.0.1:8000", url)
    shared: dict[str, Any] = {}
    first, second = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert run(first, shared) == "Scarlett Johansson\n"
    assert run(second, shared) == "{'rene zelweger': 'Renée Zellweger', 'nobody at all xyz': None}\n"
    shared["marquee"].close()


def run(program: str, shared: dict[str, Any]) -> str:
    """What a program prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(program, "shown", "exec"), shared)  # noqa: S102
    return said.getvalue()


def test_the_documentation_names_every_method_and_error() -> None:
    named = set(re.findall(r"`(\w+)`", (DOCS / "python.md").read_text()))
    methods = {name for name in dir(Client) if not name.startswith("_")}
    assert (methods - {"ask", "list_all", "follow"}) | set(client.__all__) <= named


def test_the_notebook_shows_what_it_shows(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run anew, it has the outputs that are committed."""
    written = (DOCS / "notebook.ipynb").read_text()
    shown, anew = (nbformat.reads(written, as_version=4) for _ in range(2))  # type: ignore[no-untyped-call]
    assert "http://127.0.0.1:8000" in shown.cells[1].source
    monkeypatch.setenv("MARQUEE_URL", url)
    NotebookClient(anew, timeout=60, kernel_name="python3").execute()
    for before, after in zip(shown.cells, anew.cells, strict=True):
        assert [_show(each) for each in before.get("outputs", [])] == [
            _show(each) for each in after.get("outputs", [])
        ], before.source
    assert written.count('"text/html"') == 5


def _show(output: Any) -> str:
    """What people see of an output."""
    assert output["output_type"] == "execute_result", output
    shown: str = output["data"].get("text/html") or output["data"]["text/plain"]
    return shown
