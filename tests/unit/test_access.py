"""Who is let in, and how often, asked of the whole application; nobody listens where its engine should be."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient

from marquee.api import access as module
from marquee.api.app import create_app
from marquee.api.server import answer_head
from marquee.cli.group import commands
from marquee.engine.cluster import Endpoint
from marquee.errors import SettingsError
from marquee.settings import Settings, read_settings

NOWHERE = Endpoint(urls=("http://127.0.0.1:1",))
ADMIN, READ = "admin-token-1", "read-token-2"
READING = [
    ("GET", "/v1/actors/search?q=x"),
    ("HEAD", "/v1/actors/search?q=x"),
    ("GET", "/v1/actors/suggest?q=x"),
    ("POST", "/v1/actors/match"),
    ("GET", "/v1/actors/nm0000001"),
    ("GET", "/v1/actors/nm0000001/credits"),
    ("GET", "/v1/titles/search?q=x"),
    ("GET", "/v1/titles/tt0000001"),
    ("GET", "/v1/titles/tt0000001/cast"),
    ("GET", "/v1/status"),
    ("GET", "/reconcile?queries=%7B%22q0%22%3A%7B%22query%22%3A%22x%22%7D%7D"),
    ("GET", "/reconcile/suggest/entity?prefix=x"),
    ("GET", "/reconcile/preview?id=nm0000001"),
    ("GET", "/reconcile/v1/suggest/entity?prefix=x"),
]
OPEN = ["/", "/health/live", "/metrics", "/schema", "/schema/docs", "/schema/openapi.json", "/favicon.ico",
        "/static/demo.js"]  # fmt: skip
LIMITED = "/v1/status"

Open = Callable[..., TestClient[Litestar]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def settings_of(**values: object) -> Settings:
    return read_settings({}, **values)[0]


@pytest.fixture
def tokens_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"reader read {hashlib.sha256(READ.encode()).hexdigest()}\n")
    return path


class From:
    """The application as the server calls it, for clients of some address."""

    def __init__(self, app: Any) -> None:
        self._app = answer_head(app)
        self.address = "192.0.2.1"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "client": (self.address, 50_000)}, receive, send)


@pytest.fixture
def serve() -> Iterator[Open]:
    """The application under some settings."""
    with ExitStack() as stack:

        def open_client(**values: object) -> TestClient[Litestar]:
            client = stack.enter_context(TestClient(create_app(settings_of(**values), NOWHERE)))
            client.app = From(client.app)
            return client

        yield open_client


def come_from(client: TestClient[Litestar], address: str) -> None:
    """Let the requests of a test client come from another address."""
    client.app.address = address


def ask(client: TestClient[Litestar], times: int, path: str = LIMITED, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def expect_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{kind}")
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
def private(serve: Open, tokens_file: Path) -> TestClient[Litestar]:
    return serve(public=False, admin_token=ADMIN, tokens_file=tokens_file)


@pytest.mark.parametrize(("method", "path"), READING)
def test_reading_takes_a_token_where_it_is_not_public(
    private: TestClient[Litestar], method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, bearer("wrong"), bearer("")):
        refused = private.request(method, path, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        if method != "HEAD":
            expect_problem(refused, 401, "unauthorized")
    for token in (READ, ADMIN):
        body = {"queries": [{"id": "a", "name": "x"}]} if method == "POST" else None
        allowed = private.request(method, path, headers=bearer(token), json=body)
        assert allowed.status_code == (200 if path == "/v1/status" else 503)


@pytest.mark.parametrize("path", OPEN)
def test_what_stays_open(private: TestClient[Litestar], path: str) -> None:
    assert private.get(path).status_code == 200


def test_a_reader_does_not_administer(private: TestClient[Litestar]) -> None:
    expect_problem(private.get("/v1/admin/jobs", headers=bearer(READ)), 403, "forbidden")


def test_the_file_of_tokens_counts_for_reading_as_it_changes(
    private: TestClient[Litestar], tokens_file: Path
) -> None:
    assert ask(private, 1, **bearer(READ)) == [200]
    tokens_file.write_text("# nobody reads any longer\n")
    expect_problem(private.get(LIMITED, headers=bearer(READ)), 401, "unauthorized")


def test_when_the_last_token_goes_reading_is_closed(serve: Open, tokens_file: Path) -> None:
    client = serve(public=False, tokens_file=tokens_file)
    tokens_file.write_text("")
    expect_problem(client.get(LIMITED), 403, "admin-disabled")


def test_a_private_service_without_a_token_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"MARQUEE_PUBLIC=false.*MARQUEE_TOKENS_FILE"):
        create_app(settings_of(public=False), NOWHERE)
    (tmp_path / "tokens").write_text("# nobody yet\n")
    with pytest.raises(SettingsError, match="MARQUEE_PUBLIC=false"):
        create_app(settings_of(public=False, tokens_file=tmp_path / "tokens"), NOWHERE)


def test_the_start_is_refused_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_ELASTICSEARCH_URL", NOWHERE.urls[0])
    for name, value in [
        ("PUBLIC", "false"),
        ("RATE_LIMIT", "many"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CORS_ORIGINS", "shop.example"),
        ("REDIS_URL", "http://x"),
    ]:
        with monkeypatch.context() as context:
            context.setenv(f"MARQUEE_{name}", value)
            result = CliRunner().invoke(commands, ["serve", "--port", "0"])
        assert result.exit_code == 2
        assert f"MARQUEE_{name}" in result.output.replace("\n", " ")
        assert "Traceback" not in result.output


def test_an_unknown_token_is_refused_even_where_none_is_needed(serve: Open) -> None:
    client = serve(admin_token=ADMIN)
    expect_problem(client.get(LIMITED, headers=bearer("wrong")), 401, "unauthorized")
    assert ask(client, 1, **bearer(ADMIN)) == [200]
    assert ask(client, 1, Authorization="Basic eDp5") == [200], "that is a proxy's, not ours"
    assert ask(serve(), 1, **bearer("wrong")) == [200], "where there is no token, none can be wrong"


@pytest.mark.parametrize(
    ("is_public", "security"), [(True, [{}, {"token": ["read"]}]), (False, [{"token": ["read"]}])]
)
def test_the_schema_says_what_reading_takes(serve: Open, is_public: bool, security: object) -> None:
    paths = serve(public=is_public, admin_token=ADMIN).get("/schema/openapi.json").json()["paths"]
    reading = [path for path in paths if path.startswith("/v1/") and not path.startswith("/v1/admin")]
    assert len(reading) == 9
    for path in reading:
        for operation in paths[path].values():
            assert operation["security"] == security
            assert {"401", "429"} <= set(operation["responses"])
    assert "security" not in paths["/health/live"]["get"]
    assert paths["/v1/admin/jobs"]["get"]["security"] == [{"token": ["admin"]}]


def test_a_rate_is_held_and_told(serve: Open) -> None:
    client = serve(rate_limit="3/minute")
    assert ask(client, 3) == [200] * 3
    refused = client.get(LIMITED)
    assert "3 per 1 minute" in expect_problem(refused, 429, "too-many-requests")["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["cache-control"] == "no-store"
    come_from(client, "192.0.2.2")
    assert ask(client, 1) == [200], "others are not concerned"


def test_several_rates_hold_together(serve: Open) -> None:
    client = serve(rate_limit="2/second;3/hour")
    assert ask(client, 3) == [200, 200, 429]


def test_an_ipv6_client_counts_by_its_network(serve: Open) -> None:
    client = serve(rate_limit="2/minute")
    for address, status in [("0::1", 200), ("0::2", 200), ("0::3", 429), ("0:1::1", 200)]:
        come_from(client, f"2001:db8:{address}")
        assert ask(client, 1) == [status]


def test_a_token_counts_wherever_it_comes_from(serve: Open, tokens_file: Path) -> None:
    client = serve(rate_limit="2/minute", admin_token=ADMIN, tokens_file=tokens_file)
    for address, status in [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.3", 429)]:
        come_from(client, address)
        assert ask(client, 1, **bearer(READ)) == [status]
    assert ask(client, 3, **bearer(ADMIN)) == [200, 200, 429], "another token has a rate of its own"
    assert ask(client, 3) == [200, 200, 429], "and so has an address"


def test_all_routes_count_together(serve: Open) -> None:
    client = serve(rate_limit="2/minute", admin_token=ADMIN)
    assert ask(client, 1, **bearer(ADMIN)) + ask(client, 2, "/v1/admin/jobs", **bearer(ADMIN)) == [
        200,
        503,
        429,
    ]
    assert ask(client, 1) + ask(client, 1, "/v1/actors/nm0000001") + ask(client, 1) == [200, 503, 429]


def test_administration_counts_and_the_rest_does_not(serve: Open) -> None:
    client = serve(rate_limit="2/minute", admin_token=ADMIN)
    assert ask(client, 3, "/v1/admin/jobs", **bearer(ADMIN)) == [503, 503, 429]
    for path in OPEN:
        assert ask(client, 4, path) == [200] * 4


def test_a_rate_is_shared_by_processes(serve: Open, redis_url: str) -> None:
    one, other = (serve(rate_limit="3/minute", redis_url=redis_url) for _ in range(2))
    assert ask(one, 2) + ask(other, 2) == [200, 200, 200, 429]


def test_without_redis_a_rate_is_held_all_the_same(serve: Open, tmp_path: Path) -> None:
    assert ask(serve(rate_limit="2/minute", redis_url=f"unix://{tmp_path}/x"), 3) == [200, 200, 429]


def test_guessing_is_stopped_though_no_rate_is_set(serve: Open, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(admin_token=ADMIN)
    for number in range(module.GUESSES.amount):
        path = ("/v1/admin/jobs", LIMITED)[number % 2]
        expect_problem(client.get(path, headers=bearer(f"guess-{number}")), 401, "unauthorized")
    refused = client.get("/v1/admin/jobs", headers=bearer("one more"))
    expect_problem(refused, 429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "192.0.2.1 guesses" in caplog.text
    assert "one more" not in caplog.text
    # What is right among the guesses must not be told from what is wrong.
    expect_problem(client.get("/v1/admin/jobs", headers=bearer(ADMIN)), 429, "too-many-requests")
    assert ask(client, 1) == [200], "who shows no token goes on reading"
    come_from(client, "192.0.2.2")
    assert ask(client, 1, **bearer(ADMIN)) == [200], "others are not concerned"


def test_an_app_with_an_old_token_is_no_guesser(serve: Open) -> None:
    client = serve(admin_token=ADMIN)
    assert ask(client, 50, **bearer("an old token")) == [401] * 50
    assert ask(client, 1, **bearer(ADMIN)) == [200]


def test_guesses_are_counted_across_processes(serve: Open, redis_url: str) -> None:
    one, other = (serve(admin_token=ADMIN, redis_url=redis_url) for _ in range(2))
    for number in range(module.GUESSES.amount // 2):
        for each in (one, other):
            assert ask(each, 1, **bearer(f"{number} {each is one}")) == [401]
    assert ask(other, 1, **bearer("one more")) == [429]


def test_a_preflight_takes_no_token_and_no_rate(serve: Open) -> None:
    client = serve(rate_limit="1/minute", admin_token=ADMIN, public=False)
    for _ in range(3):
        assert client.options("/v1/admin/jobs").status_code == 204


def test_many_at_once_do_not_slip_through(serve: Open) -> None:
    app = create_app(settings_of(rate_limit="5/minute"), NOWHERE)

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return [
                each.status_code for each in await asyncio.gather(*(client.get(LIMITED) for _ in range(20)))
            ]

    assert sorted(asyncio.run(run())) == [200] * 5 + [429] * 15
