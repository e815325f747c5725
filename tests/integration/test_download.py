"""Fetching the files from a real HTTP server that does what servers do on bad days."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marquee.catalog import download
from marquee.catalog.download import fetch_set, find_set
from marquee.catalog.sources import open_source
from marquee.errors import SourceUnavailableError
from tests.imdb_server import (
    NAMES,
    Fault,
    Source,
    change_then_serve,
    close_early,
    cut_off,
    cut_off_without_tag,
    ignore_if_range,
    packed,
    say,
    stall,
    truncate,
)

pytestmark = pytest.mark.anyio


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
