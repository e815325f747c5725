"""What browsers may do with answers, and whose pages may read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from marquee.api.headers import read_origins
from marquee.errors import SettingsError
from tests.unit.test_access import ADMIN, NOWHERE, Open, settings_of
from tests.unit.test_access import serve as _serve

serve = _serve

SHOP, EVIL = "https://shop.example", "https://evil.example"
EVERYTHING = [
    ("GET", "/", 200),
    ("GET", "/schema/docs", 200),
    ("GET", "/schema/openapi.json", 200),
    ("GET", "/static/demo.js", 200),
    ("GET", "/widget.js", 200),
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 503),
    ("GET", "/metrics", 200),
    ("GET", "/v1/status", 200),
    ("GET", "/v1/actors/search?q=x", 503),
    ("GET", "/v1/actors/search", 400),
    ("GET", "/v1/admin/jobs", 401),
    ("GET", "/nothing", 404),
    ("GET", "/static/nothing", 404),
    ("POST", "/v1/status", 405),
    ("POST", "/v1/actors/match", 415),
    ("GET", "/health/live?" + "x" * 40_000, 414),
]  # fmt: skip


@pytest.fixture
def shop(serve: Open) -> TestClient[Litestar]:
    return serve(admin_token=ADMIN, cors_origins=(SHOP, "http://[::1]:3000"), rate_limit="5/minute")


@pytest.fixture(scope="module")
def closed() -> Iterator[TestClient[Litestar]]:
    from marquee.api.app import create_app

    with ExitStack() as stack:
        yield stack.enter_context(TestClient(create_app(settings_of(admin_token=ADMIN), NOWHERE)))


def cors_of(response: httpx.Response) -> dict[str, str]:
    names = [name for name in response.headers if name.startswith("access-control-")]
    return {name.removeprefix("access-control-"): response.headers[name] for name in names}


@pytest.mark.parametrize(("method", "path", "status"), EVERYTHING)
def test_everything_carries_the_security_headers(
    closed: TestClient[Litestar], method: str, path: str, status: int
) -> None:
    response = closed.request(method, path, headers={"Origin": SHOP})
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("frame-ancestors 'none'")
    assert "unsafe" not in policy
    is_file = path.startswith(("/static/", "/widget.js"))
    assert response.headers["cross-origin-resource-policy"] == ("cross-origin" if is_file else "same-origin")
    assert cors_of(response) == ({"allow-origin": "*"} if is_file else {}), "closed by default"
    is_page = response.headers["content-type"].startswith("text/html")
    assert ("script-src 'self'" in policy) is is_page
    assert ("cross-origin-opener-policy" in response.headers) is is_page


@pytest.mark.parametrize(("method", "path", "status"), EVERYTHING)
def test_an_allowed_page_reads_everything_errors_too(
    serve: Open, method: str, path: str, status: int
) -> None:
    client = serve(admin_token=ADMIN, cors_origins=(SHOP,))
    response = client.request(method, path, headers={"Origin": SHOP})
    assert response.status_code == status
    if path.startswith(("/static/", "/widget.js")):
        assert cors_of(response) == {"allow-origin": "*"}
        return
    assert cors_of(response)["allow-origin"] == SHOP
    exposed = cors_of(response)["expose-headers"].split(", ")
    assert set(exposed) >= {"marquee-generation", "marquee-data-age", "server-timing", "etag", "retry-after"}
    assert response.headers["vary"] == "Origin"
    assert "allow-credentials" not in cors_of(response), "there are no cookies"


@pytest.mark.parametrize("origin", [EVIL, "null", SHOP + ".evil.example", "https://xshop.example", "http://shop.example",
                                    SHOP + ":8443", "", None])  # fmt: skip
def test_no_other_page_reads_anything(shop: TestClient[Litestar], origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    for response in (shop.get("/v1/status", headers=headers), shop.options("/v1/status", headers=headers)):
        assert cors_of(response) == {}
        assert response.headers["vary"] == "Origin", "a cache must not hand this to an allowed page"


def test_a_refusal_can_be_read(shop: TestClient[Litestar]) -> None:
    for _ in range(6):
        response = shop.get("/v1/status", headers={"Origin": SHOP})
    assert response.status_code == 429
    assert cors_of(response)["allow-origin"] == SHOP
    assert "retry-after" in cors_of(response)["expose-headers"]


@pytest.mark.parametrize("path", ["/v1/actors/match", "/v1/admin/jobs", "/v1/admin/pin", "/health/live"])
def test_a_preflight_of_an_allowed_page(shop: TestClient[Litestar], path: str) -> None:
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
    response = shop.options(path, headers=asked)
    assert response.status_code == 204
    allowed = cors_of(response)
    assert allowed["allow-origin"] == SHOP
    assert {"POST", "PUT", "DELETE"} <= set(allowed["allow-methods"].split(", "))
    assert {"authorization", "content-type"} <= set(allowed["allow-headers"].split(", "))
    assert int(allowed["max-age"]) > 0


def test_a_star_lets_all_pages_read(serve: Open) -> None:
    client = serve(cors_origins=("*",))
    for origin in (SHOP, EVIL):
        assert cors_of(client.get("/v1/status", headers={"Origin": origin}))["allow-origin"] == "*"


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "https://shop.example/", "https://shop.example/path", "ftp://x", "null", "https://",
     "https://a b", "https://user@shop.example", "https://*.shop.example", "https://x\r\nSet-Cookie:y"],
)  # fmt: skip
def test_a_malformed_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_CORS_ORIGINS"):
        read_origins([SHOP, origin])


def test_origins_are_read_as_browsers_send_them() -> None:
    assert read_origins(["HTTPS://Shop.Example", "http://[::1]:3000", "http://localhost:5173"]) == {
        b"https://shop.example", b"http://[::1]:3000", b"http://localhost:5173"
    }  # fmt: skip
