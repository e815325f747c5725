"""What a running service tells of itself, and what it must not tell: what people type."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from marquee.api.measures import STAGES
from marquee.api.telemetry import measure
from marquee.engine.cluster import Endpoint
from marquee.names import normalise
from marquee.settings import Settings
from tests.conftest import run_service
from tests.proxy import Proxy
from tests.statuses import make_status
from tests.unit.test_monitoring import dashboard_expressions, metrics_in, rule_expressions

# Nobody is called so, and no file, log or trace holds it by chance; its key is another text.
NAME = "Quimbelónia Zarthwick"
WORDS = ("quimbel", "zarthwick")
OTHER = "Xavier Quimbelonius"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """An OpenTelemetry collector that keeps what it is sent, as it is: texts in it are readable."""

    def __init__(self) -> None:
        self.received = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.received += self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Listener(Proxy):
    """A relay that keeps what goes through it."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.seen = b""
        super().__init__(target)

    def _note(self, data: bytes) -> None:
        super()._note(data)
        self.seen += data


class Watched:
    """A service, and everything that is told of it."""

    def __init__(self, client: httpx.Client, proxy: Listener, collector: Collector, log: Path) -> None:
        self.client, self.proxy, self.collector, self._log = client, proxy, collector, log

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def read(self) -> str:
        return self._log.read_text()


@contextmanager
def watch(settings: Settings, endpoint: Endpoint, folder: Path, **extra: str) -> Iterator[Watched]:
    """Run a service at its most talkative; once it has ended, all that it had to tell has been told."""
    parts = urlsplit(endpoint.urls[0])
    proxy, collector = Listener((parts.hostname or "", parts.port or 9200)), Collector()
    behind = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    environ = {
        "MARQUEE_LOG_LEVEL": "debug",
        "MARQUEE_LOG_FORMAT": "json",
        "MARQUEE_SLOW_QUERY_MS": "1",
        "MARQUEE_ADMIN_TOKEN": "s3cret-of-the-tests",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        **extra,
    }
    log = folder / "stderr"
    try:
        with (
            log.open("w") as stderr,
            run_service(settings, behind, environ, stderr) as url,
            httpx.Client(base_url=url, timeout=10) as client,
        ):
            wait_for(client, lambda: client.get("/health/ready").status_code == 200)
            yield Watched(client, proxy, collector, log)
    finally:
        proxy.close()
        collector.close()


def wait_for(client: httpx.Client, holds: Any, within_s: float = 10.0) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def ask_everything(client: httpx.Client, query: str) -> list[int]:
    """Ask every endpoint for a name, in right and wrong ways; return the statuses."""
    bearer = {"Authorization": "Bearer s3cret-of-the-tests"}
    body = {"queries": [{"id": query, "name": query, "title": query}]}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    params, raw = {"q": query}, query.encode()
    # None while the engine is away.
    etag = client.get("/v1/actors/search", params=params).headers.get("etag", "none")
    answers = [
        client.get("/v1/actors/search", params=params),
        client.get("/v1/actors/search", params={**params, "title": query, "explain": "true"}),
        client.head("/v1/actors/search", params=params),
        client.get("/v1/actors/suggest", params=params),
        client.get("/v1/titles/search", params=params),
        client.post("/v1/actors/match", json=body),
        # 400
        client.get("/v1/actors/search", params={**params, "limit": "999"}),
        client.get("/v1/actors/search", params={**params, query: query}),
        client.get("/v1/actors/search", params={**params, "limit": query}),
        client.get("/v1/actors/search", params={"q": query * 20}),
        client.get("/v1/actors/nm0000001/credits", params={"cursor": query}),
        client.post("/v1/actors/match", content=f'{{"queries": [{{"name": "{query}"', headers=JSON),
        client.post("/v1/actors/match", json={"queries": [{"id": "a", "name": query, query: query}]}),
        client.post("/v1/actors/match", json={"queries": query}),
        # 404, 405, 413, 414, 415
        *(client.get(f"/{path}") for path in (
            f"v1/actors/{query}", f"v1/actors/{query}/credits", f"v1/titles/{query}",
            f"v1/titles/{query}/cast", query, f"static/{query}", f"schema/{query}", f"v1/admin/jobs/{query}",
            f"health/live?{query}={query}", f"metrics?q={query}", f"v1/status?q={query}",
        )),
        client.delete("/v1/actors/search", params=params),
        client.request("BREW", "/v1/actors/search", params=params),
        client.post("/v1/actors/match", content=raw * 60_000, headers=JSON),
        client.get("/v1/actors/search", params={"q": query * 2000}),
        client.post("/v1/actors/match", content=raw, headers={"content-type": "text/plain"}),
        # What else a client may send.
        client.get("/v1/actors/search", params=params, headers=upgrade),
        client.get("/v1/actors/search", headers=[(b"x-opaque-id", raw), (b"traceparent", raw)]),
        client.get("/v1/actors/search", params=params, headers={"If-None-Match": etag}),
        client.get(f"/v1/admin/jobs/{query}", headers=bearer),
        client.get("/v1/admin/jobs", headers=[(b"authorization", b"Bearer " + raw)]),
        client.get("/v1/admin/cache", params=params, headers=bearer),
    ]  # fmt: skip
    return [each.status_code for each in answers]


JSON = {"content-type": "application/json"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def find_typed(told: str) -> list[str]:
    """The lines that hold something of the name, in whatever spelling or escaping."""
    return [line for line in told.splitlines() if any(word in line.lower() for word in WORDS)]


def test_what_people_type_is_told_nobody(
    settings: Settings, endpoint: Endpoint, sample: str, tmp_path: Path
) -> None:
    assert all(word in normalise(NAME) for word in WORDS), "they are looked for in its key as well"
    with watch(settings, endpoint, tmp_path) as watched:
        statuses = ask_everything(watched.client, NAME)
        assert {200, 304, 400, 404, 405, 413, 414, 415, 401} <= set(statuses)
        watched.proxy.take_away()
        wait_for(watched.client, lambda: watched.client.get("/health/ready").status_code == 503)
        assert 503 in ask_everything(watched.client, f"{NAME} II")
        began = time.perf_counter()
        page = watched.client.get("/metrics").text
        assert time.perf_counter() - began < 1, "it does not wait for the engine"
        watched.proxy.is_up = True
        wait_for(watched.client, lambda: watched.client.get("/health/ready").status_code == 200)
        watched.proxy.pause()
        assert watched.client.get("/v1/actors/search", params={"q": f"{NAME} III"}).status_code == 503
        watched.proxy.go_on()
        time.sleep(0.5)
    assert find_typed(watched.read()) == []
    assert find_typed(page) == []
    assert find_typed(watched.collector.received.decode("latin-1")) == []
    assert "s3cret-of-the-tests" not in watched.read()
    # There would have been room for it:
    names = [each["logger"] for each in watched.lines]
    assert names.count("marquee.api.access") >= 80
    assert names.count("marquee.api.slow") >= 5
    assert b"GET /v1/actors/search" in watched.collector.received
    assert b"msearch" in watched.collector.received
    assert any(word.encode() in watched.proxy.seen.lower() for word in WORDS), "the engine was asked for it"


def test_it_is_told_where_that_is_wanted(
    settings: Settings, endpoint: Endpoint, sample: str, tmp_path: Path
) -> None:
    with watch(settings, endpoint, tmp_path, MARQUEE_LOG_QUERIES="true") as watched:
        watched.client.get("/v1/actors/search", params={"q": NAME})
        watched.client.post("/v1/actors/match", json={"queries": [{"id": "a", "name": OTHER}]})
        time.sleep(0.5)
    slow = [each for each in watched.lines if each["logger"] == "marquee.api.slow"]
    assert any(NAME in each["query"] for each in slow if each["endpoint"] == "search")
    assert any(OTHER in each["query"] for each in slow if each["endpoint"] == "match")
    assert any(
        NAME in each.get("query", "") for each in watched.lines if each["logger"] == "marquee.api.access"
    )
    assert b"Quimbel" in watched.collector.received


def test_a_request_is_followed_from_the_client_to_the_engine(
    settings: Settings, endpoint: Endpoint, sample: str, tmp_path: Path
) -> None:
    sent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Opaque-Id": "shop-search"}
    with watch(settings, endpoint, tmp_path) as watched:
        answer = watched.client.get("/v1/actors/search", params={"q": "jake gylenhal"}, headers=sent)
        assert answer.headers["x-request-id"] == TRACE
        time.sleep(0.5)
        asked = watched.proxy.seen.decode("latin-1").lower()
    assert re.search(rf"traceparent: 00-{TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-0[13]\r\n", asked)
    assert "x-opaque-id: shop-search\r\n" in asked
    access, slow = (
        [each for each in watched.lines if each["logger"] == name and each.get("request_id") == TRACE]
        for name in ("marquee.api.access", "marquee.api.slow")
    )
    (line,) = access
    assert (line["level"], line["method"], line["route"], line["status"]) == (
        "debug", "GET", "/v1/actors/search", 200,
    )  # fmt: skip
    assert (line["bytes"], line["client"]) == (len(answer.content), "127.0.0.1")
    assert line["trace_id"] == TRACE
    (line,) = slow
    stages = dict(each.split(";dur=") for each in answer.headers["server-timing"].split(", "))
    assert [f"{line[f'{name}_ms']:.2f}" for name in STAGES] == [stages[name] for name in STAGES]
    assert (line["endpoint"], line["source"], line["generation"]) == ("search", "engine", sample)
    assert bytes.fromhex(TRACE) in watched.collector.received
    assert b"s3cret" not in watched.collector.received


def test_server_timing_adds_up(service_url: str) -> None:
    with httpx.Client(base_url=service_url) as client:
        rests_ms = []
        for query in ("jake gylenhal", "jake gylenhal", "keanu reaves", "arnold shwarzeneger", "brad pit"):
            answer = client.get("/v1/actors/search", params={"q": query})
            told = dict(each.split(";dur=") for each in answer.headers["server-timing"].split(", "))
            took = {name: float(value) for name, value in told.items()}
            total = took.pop("total")
            assert list(took) == list(STAGES)
            assert sum(took.values()) <= total + 0.03, "each is rounded"
            rests_ms.append(total - sum(took.values()))
        # What is left is waiting for the processor, which others use as well.
        assert min(rests_ms) < 1.5


@pytest.fixture
def page(settings: Settings, endpoint: Endpoint, sample: str, redis_url: str) -> Iterator[str]:
    with (
        run_service(settings, endpoint, {"MARQUEE_REDIS_URL": redis_url}) as url,
        httpx.Client(base_url=url) as client,
    ):
        wait_for(client, lambda: client.get("/health/ready").status_code == 200)
        for _ in range(2):
            assert client.get("/v1/actors/suggest", params={"q": "jake gyl"}).status_code == 200
        assert client.get("/v1/actors/nm9999999").status_code == 404
        yield client.get("/metrics").text


def test_the_page_of_metrics(page: str) -> None:
    lines = page.splitlines()
    for line in (
        'marquee_request_seconds_count{method="GET",route="/v1/actors/suggest",status="2xx"} 2.0',
        'marquee_request_seconds_count{method="GET",route="/v1/actors/{nconst}",status="4xx"} 1.0',
        'marquee_answers_total{endpoint="suggest",source="engine"} 1.0',
        'marquee_answers_total{endpoint="suggest",source="memory"} 1.0',
        'marquee_stage_seconds_count{endpoint="suggest",stage="engine"} 1.0',
        'marquee_cache_hits_total{endpoint="suggest",layer="memory"} 1.0',
        'marquee_cache_misses_total{endpoint="suggest",layer="memory"} 1.0',
        'marquee_cache_misses_total{endpoint="suggest",layer="redis"} 1.0',
        "marquee_cache_entries 1.0",
        "marquee_cache_max_bytes 6.7108864e+07",
        'marquee_redis_state{state="closed"} 1.0',
        'marquee_breaker_state{state="closed"} 1.0',
        'marquee_breaker_state{state="half-open"} 0.0',
        'marquee_breaker_state{state="open"} 0.0',
        "marquee_admission_places 16.0",
        "marquee_admission_waiting 0.0",
        "marquee_admission_under_way 0.0",
        "marquee_admission_refused_total 0.0",
        "marquee_engine_connections_max 100.0",
        "marquee_engine_up 1.0",
    ):
        assert line in lines, line
    for family in text_string_to_metric_families(page):
        assert family.documentation, f"{family.name} has no help"
        assert re.fullmatch(r"(marquee|process|python)_[a-z_]+", family.name)
    assert len(page) < 100_000


def test_dashboard_and_rules_name_metrics_that_there_are(page: str) -> None:
    known = {metric.name for metric in measure(make_status())}  # of data that age, too
    for family in text_string_to_metric_families(page):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(
            family.type, ("",)
        )
        known |= {family.name + suffix for suffix in suffixes}
    for expressions in (dashboard_expressions(), rule_expressions()):
        named = metrics_in(expressions)
        assert len(named) > 8
        assert named - known == set()
