"""Which address a client has: only what trusted proxies say counts, and IPv6 counts by network."""

from __future__ import annotations

from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from marquee.api.address import UNKNOWN, check_networks, client_of
from marquee.api.server import configure
from marquee.errors import SettingsError
from marquee.settings import read_settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", UNKNOWN),
        ("x" * 9999, UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_what_counts_as_one_client(host: str, client: str) -> None:
    assert client_of({"client": (host, 1)}) == client
    assert client_of({"client": None}) == client_of({}) == UNKNOWN


async def seen(proxies: str, peer: str, *forwarded: str) -> tuple[str, str]:
    """The client and the scheme that the application sees."""
    settings, _ = read_settings({"MARQUEE_TRUSTED_PROXIES": proxies})
    found: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.update(scope)

    config = configure(settings, app)
    config.load()
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "method": "GET", "scheme": "http", "client": (peer, 1),
        "headers": [*headers, (b"x-forwarded-proto", b"https")],
    }  # fmt: skip
    await config.loaded_app(scope, None, None)
    return client_of(found), found["scheme"]


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.1"])
async def test_nobody_is_believed_by_default(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable must not open it
    assert await seen("", peer, "203.0.113.9") == (peer, "http")


async def test_only_proxies_are_believed_and_read_from_the_right() -> None:
    proxies = "10.0.0.0/8, 2001:db8::1"
    assert await seen(proxies, "10.1.2.3", "203.0.113.9") == ("203.0.113.9", "https")
    assert await seen(proxies, "2001:db8:0::1", "203.0.113.9") == ("203.0.113.9", "https")
    # What a client claims stands to the left of what the proxy has seen.
    assert await seen(proxies, "10.1.2.3", "1.1.1.1, 203.0.113.9") == ("203.0.113.9", "https")
    assert await seen(proxies, "10.1.2.3", "1.1.1.1", "203.0.113.9, 10.9.9.9") == ("203.0.113.9", "https")
    assert (await seen(proxies, "10.1.2.3", "1.1.1.1, nonsense"))[0] == UNKNOWN
    assert (await seen(proxies, "192.0.2.1", "203.0.113.9"))[0] == "192.0.2.1"


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "10.0.0.0/33", "proxy.example", "*", "10.0.0", "::/129"])
def test_a_malformed_network_is_refused_at_the_start(networks: str) -> None:
    settings, _ = read_settings({"MARQUEE_TRUSTED_PROXIES": f"10.0.0.0/8,{networks}"})
    with pytest.raises(SettingsError, match="MARQUEE_TRUSTED_PROXIES") as raised:
        check_networks(settings.trusted_proxies)
    assert networks in str(raised.value)
    with pytest.raises(SettingsError):
        configure(settings, None)


def test_the_server_has_the_middleware_only_with_proxies() -> None:
    for proxies, expected in (("", False), ("10.0.0.1", True)):
        config = configure(read_settings({"MARQUEE_TRUSTED_PROXIES": proxies})[0], lambda *_: None)
        config.load()
        assert isinstance(config.loaded_app, ProxyHeadersMiddleware) is expected
