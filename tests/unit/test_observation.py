"""What is seen of requests: measured, logged, named, and none of it by what was typed."""

from __future__ import annotations

import logging
import re
from typing import Any

import httpx
import pytest
from litestar import Litestar, Response, get, post
from litestar.exceptions import HTTPException
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from marquee import correlation
from marquee.api import problems
from marquee.api.measures import STAGES, Asked, Measures, Stages
from marquee.api.observation import Observer
from marquee.api.server import answer_head
from marquee.errors import EngineUnavailableError, MarqueeError, OverloadedError
from marquee.settings import Settings

pytestmark = pytest.mark.anyio

NAME = "quimbelonia"


@get("/v1/actors/search")
async def search(request: Any) -> Response[bytes]:
    stages = Stages(
        queue_s=0.0, cache_s=0.001, engine_s=0.004, rerank_s=0.002, encode_s=0.0001, total_s=0.008
    )
    request.scope["marquee.asked"] = Asked(
        "search", source="engine", generation="v1-20260101t000000", stages=stages
    )
    return Response(b"12345", media_type="application/json")


@post("/v1/actors/match")
async def match(request: Any) -> None:
    request.scope["marquee.asked"] = Asked("match", await request.body())
    raise EngineUnavailableError("Elasticsearch did not answer in time")


@get("/v1/actors/{nconst:str}")
async def profile(nconst: str) -> None:
    raise RuntimeError(nconst)


@get("/shed")
async def shed() -> None:
    raise OverloadedError("more is asked than can be answered in time")


@get("/known")
async def known() -> Response[bytes]:
    return Response(b"", status_code=304)


class Service:
    """An observed application, asked within this process."""

    def __init__(self, **settings: Any) -> None:
        app = Litestar(
            [search, match, profile, shed, known],
            exception_handlers={
                MarqueeError: problems.respond_to_error,
                HTTPException: problems.respond_to_http,
                Exception: problems.respond_to_unexpected,
            },
            logging_config=None,
            openapi_config=None,
        )
        self.measures = Measures()
        observer = Observer(app, Settings(**settings), self.measures)
        transport = httpx.ASGITransport(answer_head(observer), client=("192.0.2.7", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test")

    def count_requests(self) -> dict[tuple[str, ...], float]:
        page = generate_latest(self.measures.registry).decode()
        return {
            tuple(sample.labels[each] for each in ("route", "method", "status")): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == "marquee_request_seconds_count"
        }


async def test_every_request_is_measured() -> None:
    service = Service()
    for method, path in [
        ("GET", "/v1/actors/search?q=a"), ("HEAD", "/v1/actors/search"), ("GET", "/known"), ("GET", "/shed"),
        ("GET", f"/v1/actors/{NAME}"), ("GET", f"/v1/actors/{NAME}2"), ("GET", f"/{NAME}"),
        ("GET", f"/{NAME}/x"), ("POST", "/v1/actors/match"),
        ("DELETE", "/v1/actors/search"), ("BREW", "/v1/actors/search"),
    ]:  # fmt: skip
        await service.client.request(method, path)
    counted = service.count_requests()
    assert counted == {
        ("/v1/actors/search", "GET", "2xx"): 1,
        ("/v1/actors/search", "HEAD", "2xx"): 1,
        ("/known", "GET", "3xx"): 1,
        ("/shed", "GET", "5xx"): 1,
        ("/v1/actors/{nconst}", "GET", "5xx"): 2,
        ("unknown", "GET", "4xx"): 2,
        ("/v1/actors/match", "POST", "5xx"): 1,
        ("unknown", "DELETE", "4xx"): 1,
        ("unknown", "_OTHER", "4xx"): 1,
    }
    assert NAME not in generate_latest(service.measures.registry).decode()


async def test_what_ends_without_an_answer_is_an_error() -> None:
    measures = Measures()

    async def fail(*_: Any) -> None:
        raise RuntimeError

    observer = Observer(fail, Settings(), measures)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError):
        await observer(scope, None, None)
    assert b'method="GET",route="unknown",status="5xx"' in generate_latest(measures.registry)


async def test_the_answer_names_the_request() -> None:
    service = Service()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    for path in ("/v1/actors/search", f"/{NAME}", "/shed"):
        assert (await service.client.get(path, headers=parent)).headers["x-request-id"] == trace
    new = await service.client.get("/v1/actors/search", headers={"traceparent": "00-jake-gyllenhaal-01"})
    assert re.fullmatch("[0-9a-f]{32}", new.headers["x-request-id"])


def lines(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name == name]


async def test_one_line_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "marquee.api")
    service = Service()
    await service.client.get(f"/v1/actors/search?q={NAME}")
    await service.client.get(f"/{NAME}?q={NAME}")
    await service.client.post("/v1/actors/match", content=NAME)
    first, second, third = lines(caplog, "marquee.api.access")
    told = {name: first.__dict__[name] for name in ("method", "route", "status", "bytes", "client")}
    assert told == {
        "method": "GET", "route": "/v1/actors/search", "status": 200, "bytes": 5, "client": "192.0.2.7",
    }  # fmt: skip
    assert 0 < first.__dict__["took_ms"] < 1000
    assert [each.levelname for each in (first, second, third)] == ["DEBUG", "INFO", "WARNING"]
    assert second.getMessage() == "GET unknown 404"
    assert not any(NAME in str(each.__dict__) for each in caplog.records if each.name.startswith("marquee"))


async def test_the_token_is_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "marquee.api")

    async def app(scope: dict[str, Any], _: Any, send: Any) -> None:
        scope["auth"] = type("Token", (), {"name": "shop"})()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"c"})

    async def send(_: Any) -> None:
        pass

    observer = Observer(app, Settings(), Measures())
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await observer(scope, None, send)
    (line,) = lines(caplog, "marquee.api.access")
    assert (line.__dict__["token"], line.__dict__["bytes"]) == ("shop", 3)


async def test_slow_answers_are_logged_with_their_stages(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Service().client.get("/v1/actors/search")
    await Service(slow_query_ms=60_000).client.get("/v1/actors/search")
    assert lines(caplog, "marquee.api.slow") == []
    service = Service(slow_query_ms=1)
    observer: Any = service.client._transport.app.__closure__[0].cell_contents  # type: ignore[attr-defined]
    observer._slow_s = 0.0
    await service.client.get(f"/v1/actors/search?q={NAME}")
    await service.client.post("/v1/actors/match", content=NAME)
    await service.client.get("/known")
    slow, failed = lines(caplog, "marquee.api.slow")
    assert (slow.levelname, slow.getMessage()) == ("WARNING", "slow search")
    told = slow.__dict__
    assert {name: told[f"{name}_ms"] for name in STAGES} == {
        "queue": 0.0, "cache": 1.0, "engine": 4.0, "rerank": 2.0, "encode": 0.1,
    }  # fmt: skip
    assert (told["source"], told["generation"], told["status"]) == ("engine", "v1-20260101t000000", 200)
    assert "query" not in told
    assert (failed.getMessage(), failed.__dict__["status"]) == ("slow match", 503)
    assert not any(NAME in str(each.__dict__) for each in caplog.records if each.name.startswith("marquee"))


async def test_the_query_is_logged_where_that_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "marquee.api")
    service = Service(log_queries=True)
    await service.client.get(f"/v1/actors/search?q={NAME}+z%C3%A4rth")
    await service.client.post("/v1/actors/match", content=f'{{"name": "{NAME}"}}')
    found = [each.__dict__["query"] for each in lines(caplog, "marquee.api.access")]
    assert found == [f"/v1/actors/search?q={NAME} zärth", f'/v1/actors/match? {{"name": "{NAME}"}}']


async def test_administrators_are_told_everything() -> None:
    seen: list[bool | None] = []

    async def app(*_: Any) -> None:
        request = correlation.current()
        seen.append(request.is_private if request else None)

    observer = Observer(app, Settings(), Measures())
    for path in ("/v1/actors/search", "/v1/admin/jobs"):
        scope: Any = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        await observer(scope, None, None)
    assert seen == [True, False]


def test_stages_are_counted_where_there_were_any() -> None:
    measures = Measures()
    measures.count_answer(Asked("search", source="client"))
    measures.count_answer(Asked("search", source="engine", stages=Stages(engine_s=0.004, total_s=0.005)))
    kept = Stages(cache_s=0.001, total_s=0.005)
    measures.count_answer(Asked("search", source="memory", stages=kept, is_stale=True))
    page = generate_latest(measures.registry).decode()
    for line in (
        'marquee_answers_total{endpoint="search",source="client"} 1.0',
        'marquee_answers_total{endpoint="search",source="memory"} 1.0',
        'marquee_stale_answers_total{endpoint="search"} 1.0',
        'marquee_stage_seconds_count{endpoint="search",stage="engine"} 1.0',
        'marquee_stage_seconds_count{endpoint="search",stage="cache"} 1.0',
    ):
        assert line in page.splitlines()
    assert 'stage="queue"' not in page


def test_the_promise_is_a_bound() -> None:
    """Else the share of answers within it could only be estimated."""
    measures = Measures()
    measures.observe_request("/", "GET", "2xx", 0.5)
    page = generate_latest(measures.registry).decode()
    assert 'marquee_request_seconds_bucket{le="0.5",method="GET",route="/",status="2xx"} 1.0' in page
    assert 'marquee_request_seconds_bucket{le="0.25",method="GET",route="/",status="2xx"} 0.0' in page


def test_server_timing_names_every_stage() -> None:
    stages = Stages(
        queue_s=0.001, cache_s=0.0002, engine_s=0.004, rerank_s=0.002, encode_s=0.0001, total_s=0.0073
    )
    assert stages.render() == (
        "queue;dur=1.00, cache;dur=0.20, engine;dur=4.00, rerank;dur=2.00, encode;dur=0.10, total;dur=7.30"
    )
    assert Stages._fields == (*(f"{each}_s" for each in STAGES), "total_s")
