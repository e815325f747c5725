"""Traces: joined to the client's, a span for each call, and nothing of it where nobody asked for traces."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from marquee import correlation, tracing
from marquee.api.app import create_app
from marquee.api.measures import Measures
from marquee.api.observation import Observer
from marquee.breaker import Breaker
from marquee.engine.cluster import Cluster, Endpoint
from marquee.errors import EngineUnavailableError
from marquee.settings import Settings

pytestmark = pytest.mark.anyio

NAME = "quimbelonia"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NOWHERE = Endpoint(urls=("http://127.0.0.1:9",))


@pytest.fixture
async def exporter() -> AsyncIterator[InMemorySpanExporter]:
    # Tests of one process share a task, and with it the request that another one has entered.
    correlation._correlation.set(None)
    exporter = InMemorySpanExporter()
    tracing.open_to(exporter)
    yield exporter
    tracing.close()


@asynccontextmanager
async def observe(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    own = Settings(**settings)
    app = create_app(own, NOWHERE)
    observer: Any = Observer(app, own, app.state.measures)
    transport = httpx.ASGITransport(observer)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    # A task of its own, as the server makes one for each request.
    return await asyncio.create_task(client.get(path, headers=headers))


async def test_a_request_is_a_span_of_the_clients_trace(exporter: InMemorySpanExporter) -> None:
    async with observe() as client:
        answer = await ask(client, f"/v1/actors/search?q={NAME}", traceparent=f"00-{TRACE}-{SPAN}-01")
    assert (answer.status_code, answer.headers["x-request-id"]) == (503, TRACE)
    *calls, request = exporter.get_finished_spans()
    call = calls[0]
    assert request.name == "GET /v1/actors/search"
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert (f"{request.parent.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, SPAN)
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/actors/search",
        "http.response.status_code": 503,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "error.type": "503",
        "marquee.endpoint": "search",
    }
    assert request.status.status_code is StatusCode.ERROR
    assert request.resource.attributes["service.name"] == "marquee"
    assert (call.name, call.kind) == ("msearch", SpanKind.CLIENT)
    assert call.parent is not None
    assert request.context is not None
    assert call.parent.span_id == request.context.span_id
    assert (call.attributes or {})["error.type"] == "EngineUnavailableError"
    assert NAME not in "".join(each.to_json() for each in (*calls, request))


async def test_without_a_parent_a_trace_begins(exporter: InMemorySpanExporter) -> None:
    async with observe() as client:
        answers = [await ask(client, path) for path in (f"/{NAME}", "/health/live")]
    unknown, live = exporter.get_finished_spans()
    assert unknown.name == "GET unknown"
    assert unknown.status.status_code is StatusCode.UNSET, "the client's mistake is no error of the service"
    assert unknown.parent is None
    for span, answer in zip((unknown, live), answers, strict=True):
        assert span.context is not None
        assert answer.headers["x-request-id"] == f"{span.context.trace_id:032x}"
    assert NAME not in unknown.to_json()


async def test_the_query_is_in_it_where_that_is_wanted(exporter: InMemorySpanExporter) -> None:
    async with observe(log_queries=True) as client:
        await ask(client, f"/v1/actors/search?q={NAME}")
    # Beside it stands what the service asks the engine meanwhile.
    [request] = [each for each in exporter.get_finished_spans() if each.kind is SpanKind.SERVER]
    found = dict(request.attributes or {})
    assert (found["url.path"], found["url.query"]) == ("/v1/actors/search", f"q={NAME}")


async def test_a_call_is_named_by_what_it_does_and_holds_no_id(exporter: InMemorySpanExporter) -> None:
    async with Cluster(NOWHERE, Breaker((EngineUnavailableError,), threshold=9, pause_s=1)) as cluster:

        async def call() -> None:
            for path in ("/marquee-actors/_doc/nm0000001", "/_cluster/health", "/marquee-actors"):
                with pytest.raises(EngineUnavailableError):
                    await cluster.request("GET", path)
            assert cluster.under_way == 0

        async def serve() -> None:
            correlation.enter(correlation.begin(None, "test"))
            await call()

        await asyncio.create_task(call())
        assert exporter.get_finished_spans() == (), "what the process asks for itself"
        await asyncio.create_task(serve())
    spans = exporter.get_finished_spans()
    assert [each.name for each in spans] == ["doc", "cluster", "index"], "and none of the client's own"
    assert "nm0000001" not in "".join(each.to_json() for each in spans)


async def test_what_is_recorded_belongs_together(exporter: InMemorySpanExporter) -> None:
    async def serve() -> None:
        with tracing.serve(None):
            correlation.enter(correlation.begin(None, "test"))
            with tracing.record("queue"):
                pass

    await asyncio.create_task(serve())
    queue, request = exporter.get_finished_spans()
    assert queue.parent is not None
    assert request.context is not None
    assert queue.parent.span_id == request.context.span_id


async def test_logs_name_the_trace(exporter: InMemorySpanExporter) -> None:
    seen: list[correlation.Correlation | None] = []

    async def app(*_: Any) -> None:
        seen.append(correlation.current())

    observer = Observer(app, Settings(), Measures())
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await observer(scope, None, None)
    (span,) = exporter.get_finished_spans()
    (own,) = seen
    assert own is not None
    assert span.context is not None
    assert own.is_traced
    assert (own.trace_id, own.span_id) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    assert int(own.flags, 16) & 1, "it is recorded"


@pytest.mark.parametrize(
    ("environ", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_SERVICE_NAME": "marquee"}, False),
    ],
)
def test_its_own_variables_ask_for_it(environ: dict[str, str], is_wanted: bool) -> None:
    assert tracing.is_wanted(environ) is is_wanted


def run_python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )


def test_unasked_for_nothing_of_it_is_imported() -> None:
    """Nothing by us: the clients of Elasticsearch and Redis import what they find."""
    loaded = "[each for each in sys.modules if each.startswith('opentelemetry')]"
    code = (
        "import sys, logging; from marquee import tracing; tracing.open_if_wanted();"
        "tracing.record('queue').__enter__(); tracing.record_call('/_msearch').__enter__();"
        f"assert not tracing.is_on(); assert {loaded} == [], {loaded}"
    )
    run_python(code)


def test_where_the_extra_is_missing_it_is_said() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None; from marquee import tracing;"
        "from marquee.api import server; tracing.open_if_wanted(); assert not tracing.is_on()"
    )
    done = run_python(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert "the extra `otel` is not installed" in done.stderr
