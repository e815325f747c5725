"""Requests that are too long, too slow or no requests at all, sent to the real server byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import re
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from marquee.api import connection, transport
from marquee.api.app import create_app
from marquee.api.head import MAX_HEADER_BYTES, MAX_HEADERS
from marquee.api.server import _Server, _take_waiting, bind, configure
from tests.unit.test_access import NOWHERE, settings_of

TIMEOUT_S = 0.6

Port = int


@contextlib.contextmanager
def run_server() -> Iterator[tuple[Port, uvicorn.Server]]:
    settings = settings_of(port=0, admin_token="admin-token-1")
    with bind(settings) as listener:
        app = create_app(settings, NOWHERE)
        server = _Server(configure(settings, app), app.state.closing)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1], server
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "REQUEST_TIMEOUT_S", TIMEOUT_S)
        patch.setattr(connection, "LINGER_S", 0.3)
        with run_server() as (port, _):
            yield port


@pytest.fixture(autouse=True)
def _healthy_afterwards(port: Port, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is sent, the service answers the next one, and nothing is taken for a bug of ours."""
    yield
    assert ask(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


class Answer:
    """An answer as it came over the wire."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0
        lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
        self.headers = {name.lower(): value for name, _, value in lines}


def read(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    try:
        while data := client.recv(65536):
            found += data
    except ConnectionError:
        pass
    return found


def exchange(port: Port, *parts: bytes, pause_s: float = 0.0) -> Answer:
    """Send the parts until the server has enough; the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            for part in parts:
                client.sendall(part)
                if pause_s:
                    time.sleep(pause_s)
        except ConnectionError:
            pass
        return Answer(read(client))


def ask(port: Port, *parts: bytes) -> tuple[int, Any]:
    answer = exchange(port, *parts)
    return answer.status, json.loads(answer.body) if answer.body else None


def expect_refusal(answer: Answer, status: int, kind: str) -> None:
    assert answer.status == status
    problem = json.loads(answer.body)
    assert (problem["type"], problem["status"]) == (f"/problems/{kind}", status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.body)


GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
END = b"Connection: close\r\n\r\n"
TOO_LARGE = (431, "request-header-fields-too-large")


def test_a_hundred_headers_are_fine(port: Port) -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(MAX_HEADERS - 2))
    assert exchange(port, GET + lines + END).status == 200
    expect_refusal(exchange(port, GET + lines + b"X-Y: z\r\n" + END), *TOO_LARGE)


def test_headers_that_are_too_long(port: Port) -> None:
    fine = b"X: " + b"y" * (MAX_HEADER_BYTES - 200) + b"\r\n"
    assert exchange(port, GET + fine + END).status == 200
    expect_refusal(exchange(port, GET + fine + fine + END), *TOO_LARGE)
    # Short ones, in one piece, of a head that does not end: they are not kept until it does.
    expect_refusal(exchange(port, GET + b"ab:\r\n" * 20_000), *TOO_LARGE)
    expect_refusal(exchange(port, GET, *[b"X: " + b"y" * 1000 + b"\r\n"] * 40, END), *TOO_LARGE)


@pytest.mark.parametrize(
    "endless",
    [b"X: " + b"y" * 10, b"X" * 10, b"\r\nX: y\r\n" * 3, b"GET" * 3],
    ids=["value", "name", "headers", "method"],
)
def test_a_head_without_an_end_takes_no_memory(port: Port, endless: bytes) -> None:
    before, sent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall((GET if endless != b"GET" * 3 else b"") + endless)
        piece = endless[-1:] * 100_000 if endless[-1:] != b"\n" else endless * 10_000
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                sent += client.send(piece)
    assert sent < 100_000_000, "it was thrown away for a moment only"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_an_endless_url(port: Port) -> None:
    expect_refusal(exchange(port, b"GET /?q=", *[b"x" * 10_000] * 10), 414, "request-uri-too-long")
    expect_refusal(exchange(port, b"GET /?q=" + b"x" * 100_000), 414, "request-uri-too-long")
    whole = b"GET /health/live?q=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n" + END
    expect_refusal(exchange(port, whole), 414, "request-uri-too-long")
    long = b"GET /health/live?q=" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n" + END
    expect_refusal(exchange(port, long), 414, "request-uri-too-long")


POST = b"POST /v1/actors/match HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"queries": [{"id": "a", "name": "x"}]}'


def test_trailers_are_no_headers_and_have_an_end(port: Port) -> None:
    admin = CHUNKED.replace(b"actors/match", b"admin/jobs").replace(
        b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
    )
    trailer = b"0\r\nAuthorization: Bearer admin-token-1\r\n\r\n"
    assert exchange(port, admin + trailer).status == 401
    endless = [b"X: " + b"y" * 1000 + b"\r\n"] * 120
    expect_refusal(exchange(port, CHUNKED, b"0\r\n", *endless), *TOO_LARGE)
    expect_refusal(exchange(port, CHUNKED, b"0\r\nX: ", *[b"y" * 10_000] * 80), *TOO_LARGE)
    expect_refusal(exchange(port, CHUNKED, b"5;x=", *[b"y" * 10_000] * 80), *TOO_LARGE)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
def test_what_is_no_http(port: Port, raw: bytes) -> None:
    expect_refusal(exchange(port, raw), 400, "bad-request")


def test_a_body_without_a_length_is_limited_too(port: Port) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer = exchange(port, CHUNKED, *[chunk] * 40)
    assert answer.status == 413
    assert json.loads(answer.body)["type"] == "/problems/request-entity-too-large"


def test_a_body_that_ends_early_is_nobodys_bug(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    for path in (b"/v1/actors/match", b"/v1/admin/generations/x/activate"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            head = POST.replace(b"/v1/actors/match", path) + b"Authorization: Bearer admin-token-1\r\n"
            client.sendall(head + b"Content-Length: 1000\r\n\r\n{")
            time.sleep(0.1)
    time.sleep(0.2)
    assert "unexpected" not in caplog.text


@pytest.mark.parametrize(
    "body", [b"[" * 10_000, b'{"queries":' * 10_000, b'{"x":' + b"[" * 100_000, b"[" * 1_000_000]
)
@pytest.mark.parametrize(
    "path", [b"/v1/actors/match", b"/v1/admin/jobs", b"/v1/admin/generations/x/activate"]
)
def test_deep_json(port: Port, path: bytes, body: bytes) -> None:
    head = POST.replace(b"/v1/actors/match", path)
    head += b"Authorization: Bearer admin-token-1\r\nContent-Length: %d\r\n" % len(body)
    answer = exchange(port, head + END + body)
    is_too_long = len(body) > 64 << 10 and path != b"/v1/actors/match"
    assert answer.status == (413 if is_too_long else 400)


@pytest.mark.parametrize(
    "body",
    [b'{"queries": [{"id": "a", "name": "\xff\xfe"}]}', b"\xff", b"\xef\xbb\xbf{}", b"",
     b'{"queries": NaN}', b'{"queries": [{"id": "\\ud800", "name": "x"}]}'],
)  # fmt: skip
def test_a_body_that_is_no_json(port: Port, body: bytes) -> None:
    answer = exchange(port, POST + b"Content-Length: %d\r\n" % len(body) + END + body)
    assert answer.status == 400
    assert json.loads(answer.body)["type"] == "/problems/bad-request"


def wait_for_end(port: Port, *parts: bytes, pause_s: float) -> tuple[float, Answer]:
    began = time.monotonic()
    answer = exchange(port, *parts, pause_s=pause_s)
    return time.monotonic() - began, answer


def test_who_sends_slowly_is_cut_off(port: Port) -> None:
    for slow in (
        [GET] + [b"X: y\r\n"] * 30,
        [POST + b"Content-Length: 1000\r\n\r\n"] + [b"x"] * 30,
        [CHUNKED] + [b"1\r\nx\r\n"] * 30,
    ):
        took_s, answer = wait_for_end(port, *slow, pause_s=0.05)
        assert TIMEOUT_S - 0.05 < took_s < TIMEOUT_S + 1.5
        expect_refusal(answer, 408, "request-timeout")


def test_who_stops_in_the_middle_is_told(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "marquee.api")
    for unfinished in (GET, GET[:7], POST + b"Content-Length: 1000\r\n\r\n{"):
        took_s, answer = wait_for_end(port, unfinished, pause_s=0)
        assert TIMEOUT_S - 0.05 < took_s < TIMEOUT_S + 0.5
        expect_refusal(answer, 408, "request-timeout")
    assert caplog.text.count("127.0.0.1: 408, the request took too long to arrive") == 3


def test_who_says_nothing_is_cut_off_in_silence(port: Port) -> None:
    took_s, answer = wait_for_end(port, pause_s=0)
    assert TIMEOUT_S - 0.05 < took_s < TIMEOUT_S + 0.5
    assert answer.status == 0


def test_who_asks_in_time_keeps_the_connection(port: Port) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        for _ in range(3):
            client.sendall(GET[:20])
            time.sleep(TIMEOUT_S / 3)
            client.sendall(GET[20:] + b"\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(TIMEOUT_S / 2)


def test_requests_in_one_piece_are_answered_in_turn(port: Port) -> None:
    answers = exchange(port, GET + b"\r\n" + GET + b"\r\n" + GET + END)
    assert answers.status == 200
    assert answers.body.count(b"HTTP/1.1 200") == 2


def test_an_upgrade_is_not_made(port: Port) -> None:
    upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    assert exchange(port, GET + upgrade).status == 200


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["one piece", "two pieces"])
def test_the_body_of_a_request_for_an_upgrade_is_its_own(port: Port, protocol: bytes, pause_s: float) -> None:
    smuggled = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    head = (
        b"POST /v1/actors/match HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n"
        b"Content-Length: %d\r\n\r\n"
    )
    for body, told in ((smuggled, b"is not JSON"), (b'{"queries": 1}', b"queries")):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(head % (protocol, len(body)))
            time.sleep(pause_s)
            client.sendall(body + GET + b"Connection: close\r\n\r\n")
            answers = read(client)
        assert answers.startswith(b"HTTP/1.1 400")
        assert told in answers
        assert answers.count(b"HTTP/1.1 ") == 2, (
            "the body, or what comes after it, was taken for something else"
        )


def test_who_does_not_read_waits_with_what_he_sent(port: Port) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as client, contextlib.suppress(OSError):
        for _ in range(100):
            client.sendall(b"GET /schema/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)
    waiting = [each for each in gc.get_objects() if type(each) is RequestResponseCycle]
    assert len(waiting) < 3 * connection.PIECE_BYTES // 50


def test_many_requests_in_a_row_are_all_answered(port: Port) -> None:
    count = 3_000
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        sending = threading.Thread(
            target=client.sendall, args=((GET + b"\r\n") * (count - 1) + GET + b"Connection: close\r\n\r\n",)
        )
        sending.start()
        assert read(client).count(b"HTTP/1.1 200 OK") == count
        sending.join()


@pytest.mark.parametrize(
    ("version", "codings"),
    [
        (b"1.1", b"Transfer-Encoding: gzip, chunked\r\n"),
        (b"1.1", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        (b"1.1", b"Transfer-Encoding: chunked, chunked\r\n"),
        (b"1.0", b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_a_body_is_coded_as_chunked_alone(port: Port, version: bytes, codings: bytes) -> None:
    start = POST.replace(b"1.1", version)
    expect_refusal(exchange(port, start + codings + END + b"2\r\n{}\r\n0\r\n\r\n"), 400, "bad-request")
    fine = exchange(port, POST + b"Transfer-Encoding: Chunked \r\n" + END + b"2\r\n{}\r\n0\r\n\r\n")
    assert (fine.status, "queries" in fine.body.decode()) == (400, True), "it got as far as the handler"


@pytest.mark.parametrize("host", [b"x:y", b"x:65536", b"[::1", b"a b", b"http://x", b"x:1:2", b"<i>"])
def test_a_host_is_one(port: Port, host: bytes) -> None:
    start = b"GET /reconcile HTTP/1.1\r\nHost: %s\r\n"
    expect_refusal(exchange(port, start % host + END), 400, "bad-request")


@pytest.mark.parametrize("host", [b"", b"x", b"my_shop:8000", b"[::1]:8000", b"x:", b"xn--bcher-kva.example"])
def test_hosts_that_are_fine(port: Port, host: bytes) -> None:
    assert exchange(port, b"GET /reconcile HTTP/1.1\r\nHost: %s\r\n" % host + END).status == 200


def test_a_refusal_has_a_date_and_no_body_for_who_wants_none(port: Port) -> None:
    refused = exchange(port, b"HEAD /health/live HTTP/1.1\r\n\r\n")
    assert (refused.status, refused.body) == (400, b"")
    assert int(refused.headers["content-length"]) > 0
    assert refused.headers["date"].endswith("GMT")


@pytest.mark.parametrize("version", [b"0.9", b"2.0"])
def test_another_version_of_http_is_refused(port: Port, version: bytes) -> None:
    expect_refusal(exchange(port, GET.replace(b"1.1", version) + END), 400, "bad-request")


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: y\r\n"], ids=["none", "two"])
def test_a_request_names_one_host(port: Port, hosts: bytes) -> None:
    answer = exchange(port, b"GET /health/live HTTP/1.1\r\n" + hosts + b"\r\n")
    assert (answer.status, json.loads(answer.body)["detail"]) == (400, "there is not one Host header")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    # HTTP/1.0 knew none.
    assert exchange(port, b"GET /health/live HTTP/1.0\r\n\r\n").status == 200


@pytest.mark.parametrize("before", [1, 2, 300])
def test_what_is_no_http_is_told_after_the_answers_before_it(port: Port, before: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall((GET + b"\r\n") * before + b"\0\0garbage\r\n\r\n")
        answers = read(client)
    assert answers.count(b"HTTP/1.1 200 OK") == before
    assert answers.count(b"HTTP/1.1 400 Bad Request") == 1


def test_who_resets_leaves_nothing_behind(port: Port) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(GET + b"\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until = time.monotonic() + 5
    while any(isinstance(each, connection.Connection) for each in gc.get_objects()):
        assert time.monotonic() < until, "its timer holds it for as long as an idle one is kept"
        time.sleep(0.1)
        gc.collect()


def test_a_body_that_comes_after_its_answer_ends_the_request(port: Port) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        start = b"POST /v1/admin/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        client.sendall(start + b"Content-Length: 2\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 401")
        client.sendall(b"{}")
        time.sleep(TIMEOUT_S * 1.5)
        client.sendall(GET + b"\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200"), "it was as idle as any"


def test_who_hangs_up_is_no_error(port: Port) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall((GET + b"\r\n") * 500)
    time.sleep(0.1)  # the fixture looks for errors


@pytest.mark.parametrize(
    "target",
    [
        b"http://h:x/v1/actors/search?q=PRIVATE",
        b"http://x",
        b"http://x:99999999/PRIVATE",
        b"http://[::1/PRIVATE",
    ],
)
def test_addresses_that_are_none(port: Port, target: bytes, caplog: pytest.LogCaptureFixture) -> None:
    answer = exchange(port, b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert "PRIVATE" not in caplog.text
    assert exchange(port, b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n").status == 400


def test_who_was_let_in_before_the_end_is_answered() -> None:
    with run_server() as (port, server), contextlib.ExitStack() as stack:
        assert ask(port, GET + b"Connection: close\r\n\r\n")[0] == 200
        # A moment in which it accepts nobody; the next thing it does is to end.
        server.servers[0].get_loop().call_soon_threadsafe(time.sleep, 0.5)
        time.sleep(0.1)
        address = ("127.0.0.1", port)
        clients = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(9)]
        for each in clients:
            each.sendall(GET + b"\r\n")
        server.should_exit = True
        assert [Answer(read(each)).status for each in clients] == [200] * 9


def test_what_is_on_its_way_at_the_end_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 5.0)
    with run_server() as (port, server), contextlib.ExitStack() as stack:
        address = ("127.0.0.1", port)
        new, used, half = (
            stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(3)
        )
        used.sendall(GET + b"\r\n")
        assert used.recv(65536).startswith(b"HTTP/1.1 200")
        half.sendall(GET)
        server.should_exit = True
        time.sleep(0.3)  # it looks every tenth of a second
        for each in (new, used):
            each.sendall(GET + b"\r\n")
            answer = Answer(read(each))
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        time.sleep(0.4)  # longer than silent ones are waited for
        half.sendall(b"\r\n")
        assert Answer(read(half)).status == 200


def test_without_a_file_descriptor_what_is_under_way_is_answered_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 5.0)

    def run_out(_: socket.socket) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with run_server() as (port, server):
        assert ask(port, GET + END)[0] == 200  # it has begun, and knows its lifespan
        ended = server.lifespan.shutdown_event
        with socket.create_connection(("127.0.0.1", port), timeout=10) as half:
            half.sendall(GET)
            time.sleep(0.2)
            monkeypatch.setattr(socket.socket, "dup", run_out)
            server.should_exit = True
            time.sleep(0.3)
            half.sendall(b"\r\n")
            assert Answer(read(half)).status == 200
        assert ended is server.lifespan.shutdown_event
    assert ended.is_set(), "the application was not told that it is to end"


def test_who_was_let_in_is_taken_though_descriptors_run_out() -> None:
    class Listener:
        def __init__(self) -> None:
            self.accepted = [(object(), "somebody")]

        def __enter__(self) -> Listener:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def setblocking(self, _: bool) -> None:
            pass

        def accept(self) -> tuple[object, str]:
            if not self.accepted:
                raise OSError(errno.EMFILE, "Too many open files")
            return self.accepted.pop()

    assert len(_take_waiting(Listener())) == 1  # type: ignore[arg-type]


def test_nothing_of_a_request_becomes_a_header(port: Port) -> None:
    for target in (
        b"/v1/actors/search?q=x%0d%0aSet-Cookie:%20a=b",
        b"/v1/actors/nm1%0d%0aSet-Cookie:%20a=b",
        b"/%0d%0aSet-Cookie:%20a=b",
        b"/static/%0d%0aSet-Cookie:%20a=b",
    ):
        answer = exchange(port, b"GET %s HTTP/1.1\r\nHost: x\r\nOrigin: x%%0d%%0a\r\n" % target + END)
        assert answer.status in (400, 404, 503)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2e%2e%2fapp.py",
        "/static/%252e%252e/app.py", "/static/....//app.py", "/static//etc/passwd", "/static/%00",
        "/static/x%00.js", "/static/swagger-ui/../../app.py", "/static/..\\app.py", "/static/%5c..%5capp.py",
        "//v1/status", "/v1//status", "/v1/%2fstatus", "/v1/status/..", "/v1/../v1/status",
        "/%2e%2e/v1/status",
        "/v1/actors//nm0000001", "//v1/admin/jobs", "/./health/live", "//health/live", "/health/live%00",
        "http:/health", "*", "/static/%c0%ae%c0%ae/app.py",
    ],
)  # fmt: skip
def test_path_tricks_find_nothing(port: Port, target: str) -> None:
    answer = exchange(port, f"GET {target} HTTP/1.1\r\nHost: x\r\n".encode() + END)
    assert answer.status in ((404, 401) if "admin" in target else (404, 400))
    assert json.loads(answer.body)["status"] == answer.status
    assert b"create_app" not in answer.body
    assert b"/src/" not in answer.body


class Sink:
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.ended = "closed"

    def write_eof(self) -> None:
        self.ended = "eof"


@pytest.mark.anyio
async def test_head_and_body_are_sent_in_one_piece() -> None:
    sink = Sink()
    joining = transport.Joining(sink, asyncio.get_running_loop())
    joining.write(b"head ")
    joining.write(b"body")
    assert sink.written == [b"head body"]
    joining.write(b"a head alone")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sink.written[1:] == [b"a head alone"]


@pytest.mark.anyio
@pytest.mark.parametrize(("end", "ended"), [("close", "closed"), ("write_eof", "eof")])
async def test_what_is_written_is_sent_before_the_end(end: str, ended: str) -> None:
    sink = Sink()
    joining = transport.Joining(sink, asyncio.get_running_loop())
    joining.write(b"the last")
    getattr(joining, end)()
    assert (sink.written, sink.ended) == ([b"the last"], ended)
