"""Tokens, and that nothing below /v1/admin answers without one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from marquee.api.app import create_app
from marquee.api.auth import Tokens, read_tokens
from marquee.engine.cluster import Endpoint
from marquee.errors import AdminDisabledError, SettingsError, UnauthorizedError
from marquee.settings import Settings, read_settings

# Nobody listens there: whatever asks the engine is answered 503.
NOWHERE = Endpoint(urls=("http://127.0.0.1:1",))
ADMIN, READ, OTHER = "admin-token-1", "read-token-2", "other-token-3"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# who\nconsole admin {digest(OTHER)}  # the console\n\nreader\tread\t{digest(READ)}\n")
    return path


def settings_of(**values: object) -> Settings:
    return read_settings({}, **values)[0]


def routes() -> list[tuple[str, str]]:
    app = create_app(settings_of(admin_token=ADMIN), NOWHERE)
    return sorted(
        (method, route.path.replace("{generation:str}", "v1-20260101t000000").replace("{job_id:str}", "x"))
        for route in app.routes
        if route.path.startswith("/v1/admin")
        for method in route.methods
        if method != "OPTIONS"
    )


ROUTES = routes()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    path = tmp_path_factory.mktemp("auth") / "tokens"
    path.write_text(f"reader read {digest(READ)}\n")
    with TestClient(create_app(settings_of(admin_token=ADMIN, tokens_file=path), NOWHERE)) as client:
        yield client


@pytest.fixture(scope="module")
def open_client() -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(settings_of(), NOWHERE)) as client:
        yield client


def test_the_routes_of_the_contract_are_there() -> None:
    assert set(ROUTES) >= {
        ("POST", "/v1/admin/jobs"),
        ("GET", "/v1/admin/jobs"),
        ("GET", "/v1/admin/jobs/x"),
        ("DELETE", "/v1/admin/jobs/x"),
        ("GET", "/v1/admin/jobs/x/events"),
        ("GET", "/v1/admin/generations"),
        ("GET", "/v1/admin/generations/v1-20260101t000000"),
        ("POST", "/v1/admin/generations/v1-20260101t000000/activate"),
        ("PUT", "/v1/admin/pin"),
        ("DELETE", "/v1/admin/pin"),
        ("GET", "/v1/admin/audit"),
        ("GET", "/v1/admin/workers"),
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {ADMIN}", ADMIN, f"Bearer {ADMIN} {ADMIN}",
     f"Bearer {ADMIN}x", f"Bearer {digest(ADMIN)}", "Bearer \xff", "Bearer " + "x" * 20_000],
)  # fmt: skip
def test_nobody_comes_in_without_a_token(
    client: TestClient[Litestar], method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    response = client.request(method, path, headers=headers)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.json()["type"] == "/problems/unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"
    assert ADMIN not in response.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_token_of_another_role_is_refused(client: TestClient[Litestar], method: str, path: str) -> None:
    response = client.request(method, path, headers=bearer(READ))
    assert (response.status_code, response.json()["type"]) == (403, "/problems/forbidden")
    assert READ not in response.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_any_token_administration_is_off(
    open_client: TestClient[Litestar], method: str, path: str
) -> None:
    response = open_client.request(method, path, headers=bearer(ADMIN))
    assert (response.status_code, response.json()["type"]) == (403, "/problems/admin-disabled")
    assert "MARQUEE_ADMIN_TOKEN" in response.json()["detail"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_admin_comes_in(client: TestClient[Litestar], method: str, path: str) -> None:
    response = client.request(method, path, headers=bearer(ADMIN), json={"kind": "reindex"})
    # There is no engine behind it; what this process alone knows is told all the same.
    known = [("GET", "/v1/admin/cache"), ("GET", "/v1/admin/conditions")]
    assert response.status_code in ((200,) if (method, path) in known else (400, 503))
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_takes_a_token_is_documented(client: TestClient[Litestar], method: str, path: str) -> None:
    schema = client.get("/schema/openapi.json").json()
    template = path.replace("v1-20260101t000000", "{generation}").replace("/x", "/{job_id}")
    operation = schema["paths"][template][method.lower()]
    assert operation["security"] == [{"token": ["admin"]}]
    assert {"400", "401", "403", "503"} <= set(operation["responses"])
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_reading_takes_no_token(open_client: TestClient[Litestar]) -> None:
    assert open_client.get("/health/live").status_code == 200
    assert open_client.get("/v1/status").status_code == 200


def test_the_scheme_is_read_in_any_case_and_the_token_in_its_bytes(file: Path) -> None:
    tokens = Tokens(settings_of(admin_token="schlüssel-à", tokens_file=file))
    sent = "schlüssel-à".encode().decode("latin-1")
    assert tokens.identify(f"bearer  {sent}").name == "admin"
    assert tokens.identify(f"BEARER {OTHER}").name == "console"
    assert tokens.identify(f"Bearer {READ}").role == "read"


def test_only_hashes_are_kept(file: Path) -> None:
    tokens = Tokens(settings_of(admin_token=ADMIN, tokens_file=file))
    assert ADMIN not in repr(vars(tokens))


def test_the_file_is_read_again_when_it_changes(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(settings_of(tokens_file=file))
    assert tokens.identify(f"Bearer {OTHER}").name == "console"
    file.write_text(f"renamed admin {digest(ADMIN)}\n")
    assert tokens.identify(f"Bearer {ADMIN}").name == "renamed"
    with pytest.raises(UnauthorizedError):
        tokens.identify(f"Bearer {OTHER}")

    file.write_text("half a li")
    assert tokens.identify(f"Bearer {ADMIN}").name == "renamed"
    assert tokens.identify(f"Bearer {ADMIN}").name == "renamed"
    assert caplog.text.count("line 1 has another role") == 1, "it is said once"
    file.unlink()
    assert tokens.identify(f"Bearer {ADMIN}").name == "renamed"
    assert "cannot be read" in caplog.text

    replaced = file.with_suffix(".new")
    replaced.write_text("# nobody\n")
    os.replace(replaced, file)  # noqa: PTH105
    with pytest.raises(AdminDisabledError):
        tokens.identify(f"Bearer {ADMIN}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a admin\n", "line 1 is not a name, a role and a SHA-256"),
        (f"# x\n\nsecret-word root {'0' * 64}\n", "line 3 has another role than read or admin"),
        ("a admin secret-word\n", "line 1 has no SHA-256"),
        (f"a admin {'0' * 63}\n", "line 1 has no SHA-256"),
        (f"{'a' * 101} admin {'0' * 64}\n", "line 1 has a name of more than 100"),
        (f"a\x1b[31m admin {'0' * 64}\n", "line 1 has a name"),
        (f"schedule admin {'0' * 64}\n", "line 1 has the name schedule, which is that of the schedule"),
        (f"a admin {'0' * 64}\nb read {'0' * 64}\n", "line 2 repeats"),
    ],
)
def test_a_broken_file_is_refused_at_the_start(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=message) as raised:
        create_app(settings_of(tokens_file=file), NOWHERE)
    assert "secret-word" not in str(raised.value), "it may be a token"


def test_a_file_that_cannot_be_read_is_refused_at_the_start(file: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Tokens(settings_of(tokens_file=file.with_name("none")))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="it is not UTF-8"):
        read_tokens(file)


@pytest.mark.parametrize("token", ["two words", " ", "line\n"])
def test_a_token_that_no_header_can_show_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_ADMIN_TOKEN holds a blank"):
        Tokens(settings_of(admin_token=token))
