"""Fetching the files from a real HTTP server that does what servers do on bad days."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from marquee.catalog import download
from marquee.catalog.download import fetch_set, find_set
from marquee.catalog.files import TABLES
from marquee.catalog.sources import open_source
from marquee.errors import SourceUnavailableError

pytestmark = pytest.mark.anyio

NAMES = "name.basics.tsv.gz"
Fault = Callable[["Handler", bytes], bool]


def packed(table: str, filler: str = "a") -> bytes:
    columns = next(each.columns for each in TABLES if each.name == table)
    row = "\t".join([filler * 9] * len(columns))
    lines = ["\t".join(columns), *[f"{row}{n * 7919 % 100_003}" for n in range(3000)]]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


class Source:
    """The server: files, and for each file a queue of faults, one for each request."""

    def __init__(self) -> None:
        self.files = {f"{table.name}.tsv.gz": packed(table.name) for table in TABLES}
        self.tags = dict.fromkeys(self.files, '"1"')
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.statuses: list[tuple[str, int]] = []
        source = self

        class Bound(Handler):
            serving = source

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def change(self, name: str, filler: str) -> bytes:
        self.files[name] = packed(name.removesuffix(".tsv.gz"), filler)
        self.tags[name] = f'"{filler}"'
        return self.files[name]

    def count(self, name: str = NAMES) -> int:
        return sum(1 for requested, _ in self.requests if requested == name)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with ETag, If-None-Match, Range and If-Range."""

    protocol_version = "HTTP/1.1"
    serving: Source

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.serving.requests.append((name, {key.lower(): value for key, value in self.headers.items()}))
        body = self.serving.files[name]
        faults = self.serving.faults.get(name, [])
        if faults and faults.pop(0)(self, body):
            return
        tag = self.serving.tags[name]
        if self.headers.get("If-None-Match") == tag:
            self.answer(304, b"", tag)
            return
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            offset = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.answer(206, body[offset:], tag, f"bytes {offset}-{len(body) - 1}/{len(body)}")
            return
        self.answer(200, body, tag)

    def answer(
        self,
        status: int,
        body: bytes,
        tag: str = "",
        span: str = "",
        *,
        length: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.serving.statuses.append((self.path.lstrip("/"), status))
        self.send_response(status)
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 03:00:00 GMT")
        headers = {"ETag": tag, "Content-Range": span, **(extra or {})}
        for key, value in headers.items():
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True


def cut_off(handler: Handler, body: bytes) -> bool:
    """Announce everything, send half, hang up."""
    tag = handler.serving.tags[handler.path.lstrip("/")]
    handler.answer(200, body[: len(body) // 2], tag, length=len(body))
    handler.hang_up()
    return True


def cut_off_without_tag(handler: Handler, body: bytes) -> bool:
    handler.answer(200, body[: len(body) // 2], length=len(body))
    handler.hang_up()
    return True


def truncate(handler: Handler, body: bytes) -> bool:
    """Announce and send half: only the gzip end tells."""
    handler.answer(200, body[: len(body) // 2], '"half"')
    return True


def stall(handler: Handler, body: bytes) -> bool:
    handler.answer(200, body[:1000], '"1"', length=len(body))
    time.sleep(1.5)
    handler.hang_up()
    return True


def close_early(handler: Handler, _: bytes) -> bool:
    handler.close_connection = True
    return True


def say(status: int, body: bytes = b"", retry_after: str = "", content_type: str = "") -> Fault:
    headers = {"Retry-After": retry_after, "Content-Type": content_type}

    def fault(handler: Handler, _: bytes) -> bool:
        handler.answer(status, body, extra=headers)
        return True

    return fault


def change_then_serve(filler: str) -> Fault:
    """The file is published anew between two requests."""

    def fault(handler: Handler, _: bytes) -> bool:
        name = handler.path.lstrip("/")
        body = handler.serving.change(name, filler)
        handler.answer(200, body, handler.serving.tags[name])
        return True

    return fault


def ignore_if_range(handler: Handler, body: bytes) -> bool:
    """A careless server: the rest of another state of the file."""
    name = handler.path.lstrip("/")
    body = handler.serving.change(name, "c")
    handler.answer(206, body[500:], handler.serving.tags[name], f"bytes 500-{len(body) - 1}/{len(body)}")
    return True


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setattr(download, "FIRST_BACKOFF_S", 0.01)
    source = Source()
    yield source
    source.close()


def assert_whole(source: Source, home: Path) -> None:
    for name, body in source.files.items():
        assert (home / "current" / name).read_bytes() == body
    assert not list((home / "partial").iterdir())


async def test_a_first_fetch_brings_all_files(source: Source, tmp_path: Path) -> None:
    made = await fetch_set(source.url, tmp_path)
    assert_whole(source, tmp_path)
    assert find_set(tmp_path) == made
    assert open_source(tmp_path / "current", "imdb").published_at.isoformat() == "2026-11-22T03:00:00+00:00"


async def test_unchanged_files_are_not_fetched_again_and_are_confirmed(
    source: Source, tmp_path: Path
) -> None:
    first = await fetch_set(source.url, tmp_path)
    source.statuses.clear()
    second = await fetch_set(source.url, tmp_path)
    assert {status for _, status in source.statuses} == {304}
    assert second.folder == first.folder
    assert second.confirmed_at > first.confirmed_at
    assert find_set(tmp_path) == second


async def test_only_what_changed_is_fetched_and_the_old_set_goes(source: Source, tmp_path: Path) -> None:
    first = await fetch_set(source.url, tmp_path)
    source.change(NAMES, "b")
    source.statuses.clear()
    second = await fetch_set(source.url, tmp_path)
    assert sorted(status for _, status in source.statuses) == [200, 304, 304, 304]
    assert_whole(source, tmp_path)
    assert second.folder != first.folder
    assert not first.folder.exists()


FAULTS: list[tuple[str, list[Fault], int]] = [
    ("cut off, then resumed", [cut_off], 2),
    ("cut off twice", [cut_off, cut_off], 3),
    ("cut off without an ETag", [cut_off_without_tag], 2),
    ("truncated with a matching length", [truncate], 2),
    ("closed before an answer", [close_early], 2),
    ("stalled", [stall], 2),
    ("500, 502", [say(500), say(502)], 3),
    ("429 with Retry-After", [say(429, retry_after="0")], 2),
    ("429 with a date", [say(429, retry_after="Sun, 22 Nov 2020 03:00:00 GMT")], 2),
    ("a web page", [say(200, b"<html>maintenance</html>", content_type="text/html")], 2),
    ("an empty file", [say(200, b"")], 2),
    ("another header", [say(200, gzip.compress(b"nope\n"))], 2),
    ("garbage after the end", [say(200, packed("name.basics") + b"garbage")], 2),
    ("changed before the resume", [cut_off, change_then_serve("b")], 2),
    ("a range of another state", [cut_off, ignore_if_range], 3),
    ("416 to the resume", [cut_off, say(416)], 3),
]


@pytest.mark.parametrize(
    ("faults", "requests"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS]
)
async def test_a_bad_moment_is_overcome(
    source: Source, tmp_path: Path, faults: list[Fault], requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 1.0)
    source.faults[NAMES] = list(faults)
    await fetch_set(source.url, tmp_path)
    assert_whole(source, tmp_path)
    assert source.count() == requests


async def test_a_resume_asks_for_the_rest_only(source: Source, tmp_path: Path) -> None:
    source.faults[NAMES] = [cut_off]
    await fetch_set(source.url, tmp_path)
    again = [headers for name, headers in source.requests if name == NAMES][1]
    assert again["range"] == f"bytes={len(source.files[NAMES]) // 2}-"
    assert again["if-range"] == '"1"'
    assert (NAMES, 206) in source.statuses


async def test_retry_after_is_waited_for(source: Source, tmp_path: Path) -> None:
    source.faults[NAMES] = [say(429, retry_after="1")]
    started = time.monotonic()
    await fetch_set(source.url, tmp_path)
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("fault", "requests", "reason"),
    [
        (say(404), 1, "404"),
        (say(403), 1, "403"),
        (say(500), 5, "500"),
        (say(200, b"<html>gone for good</html>"), 5, "web page"),
        (truncate, 5, "truncated"),
        (close_early, 5, "name.basics"),
    ],
    ids=["404", "403", "500", "page", "truncated", "closed"],
)
async def test_a_source_that_stays_bad_leaves_the_previous_set(
    source: Source, tmp_path: Path, fault: Fault, requests: int, reason: str
) -> None:
    first = await fetch_set(source.url, tmp_path)
    source.change("title.basics.tsv.gz", "b")
    source.requests.clear()
    source.faults[NAMES] = [fault] * 9
    with pytest.raises(SourceUnavailableError, match=reason):
        await fetch_set(source.url, tmp_path)
    assert source.count() == requests
    assert find_set(tmp_path) == first
    source.faults.clear()
    await fetch_set(source.url, tmp_path)
    assert_whole(source, tmp_path)


async def test_a_server_that_is_away(tmp_path: Path, source: Source) -> None:
    source.close()
    with pytest.raises(SourceUnavailableError, match="could not be fetched in 5 attempts"):
        await fetch_set(source.url, tmp_path)
    assert find_set(tmp_path) is None


@pytest.mark.parametrize("damage", ["no file", "shorter", "no note", "broken note"])
async def test_a_set_that_was_tampered_with_is_fetched_anew(
    source: Source, tmp_path: Path, damage: str
) -> None:
    await fetch_set(source.url, tmp_path)
    path = tmp_path / "current" / NAMES
    note = tmp_path / "current" / "set.json"
    if damage == "no file":
        path.unlink()
    elif damage == "shorter":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "no note":
        note.unlink()
    else:
        note.write_text("{")
    assert find_set(tmp_path) is None
    await fetch_set(source.url, tmp_path)
    assert_whole(source, tmp_path)
