"""What protects a service that runs: from floods of connections, wrong certificates, and telling secrets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import pytest
import trustme

from marquee.engine.cluster import Cluster, Endpoint
from marquee.errors import EngineRejectedError, EngineUnavailableError, SettingsError
from marquee.settings import Settings
from tests.conftest import engine_environ, run_service
from tests.proxy import Proxy
from tests.redis_server import run_redis

CONNECTIONS = 2000


def address_of(endpoint: Endpoint) -> tuple[str, int]:
    parts = urlsplit(endpoint.urls[0])
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@pytest.mark.parametrize("files", [None, 1024])
def test_two_thousand_idle_connections_hinder_nobody(
    settings: Settings, endpoint: Endpoint, sample: str, files: int | None
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CONNECTIONS:
        pytest.skip(f"the system allows {hard} files only")
    # The service begins with as few files as many systems give; this process needs its own ends.
    resource.setrlimit(resource.RLIMIT_NOFILE, (files or soft, hard))
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(run_service(settings, endpoint))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        parts = urlsplit(url)
        began = time.monotonic()
        idle = [
            stack.enter_context(
                socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=5)
            )
            for _ in range(CONNECTIONS)
        ]
        for each in idle[: CONNECTIONS // 2]:
            each.sendall(b"GET /health/live HTTP/1.1\r\n")  # and no more
        assert httpx.get(f"{url}/health/live", timeout=5).status_code == 200
        for _ in range(5):
            asked = time.monotonic()
            answer = httpx.get(f"{url}/v1/actors/search?q=jake+gylenhal", timeout=5).json()
            assert answer["hits"][0]["name"] == "Jake Gyllenhaal"
            assert time.monotonic() - asked < 2
        assert time.monotonic() - began < 20, "they were all open all the time"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


API_KEY = base64.b64encode(b"key-id:key-geheim").decode()


@pytest.fixture(scope="module")
def secured(endpoint: Endpoint, authority: trustme.CA) -> Iterator[Endpoint]:
    """The engine behind TLS, which is taken off before it.

    It knows an API key, and makes it user and password: the managed node can sign nobody in by one, since the
    index it keeps them in needs filters that the minimal server lacks.
    """
    known = f"ApiKey {API_KEY}".encode()
    user = b"Basic " + base64.b64encode(f"{endpoint.username}:{endpoint.password}".encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    target = address_of(endpoint)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data.replace(known, user))
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_connection(*target)
        await asyncio.gather(relay(reader, engine_writer), relay(engine_reader, writer))

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # handshakes that fail are what is tested
    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    port = server.sockets[0].getsockname()[1]
    yield msgspec.structs.replace(endpoint, urls=(f"https://127.0.0.1:{port}",))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def write_ca(authority: trustme.CA, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.mark.anyio
async def test_an_engine_behind_tls_whose_ca_is_given(
    secured: Endpoint, authority: trustme.CA, tmp_path: Path, sample: str
) -> None:
    endpoint = msgspec.structs.replace(secured, ca_cert=write_ca(authority, tmp_path))
    async with Cluster(endpoint) as cluster:
        assert await cluster.health() in ("green", "yellow")


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["another", "none"])
async def test_a_certificate_that_nobody_signed_is_refused(
    secured: Endpoint, tmp_path: Path, given: str
) -> None:
    ca = write_ca(trustme.CA(), tmp_path) if given == "another" else ""
    async with Cluster(msgspec.structs.replace(secured, ca_cert=ca)) as cluster:
        with pytest.raises(EngineUnavailableError, match="certificate verify failed") as raised:
            await cluster.health()
    assert "MARQUEE_ELASTICSEARCH_CA_CERT" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.anyio
async def test_an_api_key_over_tls(secured: Endpoint, authority: trustme.CA, tmp_path: Path) -> None:
    ca = write_ca(authority, tmp_path)
    nobody = msgspec.structs.replace(secured, username="", password="", ca_cert=ca)
    async with Cluster(msgspec.structs.replace(nobody, api_key=API_KEY)) as cluster:
        assert await cluster.health() in ("green", "yellow")
    wrong = API_KEY[::-1]
    async with Cluster(msgspec.structs.replace(nobody, api_key=wrong)) as cluster:
        with pytest.raises(EngineRejectedError, match="refused the user, password or API key") as raised:
            await cluster.health()
    assert wrong not in str(raised.value)


@pytest.mark.anyio
async def test_an_engine_that_speaks_no_tls(endpoint: Endpoint) -> None:
    host, port = address_of(endpoint)
    async with Cluster(msgspec.structs.replace(endpoint, urls=(f"https://{host}:{port}",))) as cluster:
        with pytest.raises(EngineUnavailableError, match="TLS"):
            await cluster.health()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_that_is_none(endpoint: Endpoint, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="MARQUEE_ELASTICSEARCH_CA_CERT"):
        Cluster(msgspec.structs.replace(endpoint, ca_cert=str(path)))


@pytest.mark.parametrize("right", [True, False])
def test_the_command_line_over_tls(
    settings: Settings, secured: Endpoint, authority: trustme.CA, sample: str, tmp_path: Path, right: bool
) -> None:
    environ = engine_environ(settings, secured) | {
        "MARQUEE_ELASTICSEARCH_CA_CERT": write_ca(authority if right else trustme.CA(), tmp_path)
    }
    command = [sys.executable, "-m", "marquee", "search", "jake gylenhal"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == (0 if right else 1)
    assert "Traceback" not in ended.stderr
    if right:
        assert "Jake Gyllenhaal" in ended.stdout
    else:
        assert "certificate verify failed" in ended.stderr.replace("\n", " ")
        assert not secured.password or secured.password not in ended.stdout + ended.stderr


SECRETS = {
    "password": "engine-p/ss-geheim",
    "api_key": "YXBpLWtleS1nZWhlaW06eHl6",
    "admin": "admin-token-geheim",
    "guess": "wrong-token-geheim",
    "redis": "redis-p@ss-geheim",
    "alert": "alert-key-geheim",
}

FAULTS_CODE = '''
"""Breaks a handler as a bug would, with a secret in its hands."""
import os
if os.environ.get("BREAK_STATUS"):
    from marquee.api import health
    async def break_down(*_):
        raise RuntimeError("a bug that quotes " + os.environ["BREAK_STATUS"])
    health.read_status = break_down
'''


def forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe="")}


@pytest.mark.parametrize("fault", ["wrong password", "wrong API key", "engine away", "bug"])
def test_no_secret_is_told_whatever_breaks(
    settings: Settings, endpoint: Endpoint, sample: str, tmp_path: Path, fault: str
) -> None:
    host, port = address_of(endpoint)
    proxy = Proxy((host, port))
    netloc = f"elastic:{quote(SECRETS['password'], safe='')}@127.0.0.1:{proxy.port}"
    (tmp_path / "sitecustomize.py").write_text(FAULTS_CODE)
    environ = {
        "MARQUEE_ELASTICSEARCH_URL": f"http://{netloc}",
        "MARQUEE_ADMIN_TOKEN": SECRETS["admin"],
        # Nobody listens there.
        "MARQUEE_REDIS_URL": f"redis://:{quote(SECRETS['redis'], safe='')}@127.0.0.1:1/0",
        "MARQUEE_ALERT_URLS": f"json://127.0.0.1:1/{SECRETS['alert']}",
        "MARQUEE_RATE_LIMIT": "1000/second",
        "MARQUEE_LOG_LEVEL": "debug",
        "PYTHONPATH": str(tmp_path),
        "PYTHONASYNCIODEBUG": "1",
    }
    if fault == "wrong API key":
        environ["MARQUEE_ELASTICSEARCH_API_KEY"] = SECRETS["api_key"]
    if fault == "bug":
        environ["BREAK_STATUS"] = " ".join(SECRETS[name] for name in ("password", "admin", "redis", "alert"))
    told: list[str] = []
    with (tmp_path / "stderr").open("w+") as stderr:
        with (
            run_service(settings, endpoint, environ, stderr) as url,
            httpx.Client(base_url=url, timeout=20) as client,
        ):
            if fault == "engine away":
                proxy.take_away()
            for token in ("", SECRETS["guess"], SECRETS["admin"]):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                for path in (
                    "/v1/actors/search?q=jake", "/v1/actors/suggest?q=jake", "/v1/actors/nm0000001",
                    "/v1/status", "/health/ready", "/metrics", "/v1/admin/jobs", "/v1/admin/generations",
                    "/v1/admin/audit", "/nothing", "/static/nothing",
                    "/v1/actors/search?q=" + SECRETS["guess"] + "&x=1",
                ):  # fmt: skip
                    response = client.get(path, headers=headers)
                    told.append(response.text)
                    told.append(str(response.headers))
                response = client.post("/v1/admin/jobs", headers=headers, json={"kind": "reindex"})
                told.append(response.text)
        stderr.seek(0)
        logged = stderr.read()
    proxy.close()
    assert logged, "something was logged"
    for secret in SECRETS.values():
        for form in forms(secret):
            assert form not in logged
            assert form not in "\n".join(told)
    if fault == "bug":
        assert "RuntimeError" in logged
        assert "a bug that quotes ***" not in logged, "what a bug says of a request may quote what was typed"
    assert "Redis is away" in logged


def test_the_password_of_redis_is_not_told(settings: Settings, endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with (
        run_redis(tmp_path / "redis", "--requirepass", "right-password") as address,
        (tmp_path / "log").open("w+") as log,
    ):
        extra = {"MARQUEE_REDIS_URL": address.replace("unix://", "unix://:wrong-password-geheim@"),
                 "MARQUEE_RATE_LIMIT": "10/second"}  # fmt: skip
        with run_service(settings, endpoint, extra, log) as url:
            assert httpx.get(f"{url}/v1/status").status_code == 200
        log.seek(0)
        logged = log.read()
    assert "Redis is away" in logged
    assert "wrong-password" not in logged
