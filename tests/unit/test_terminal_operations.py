"""Tables of jobs and generations in a terminal of 80 columns: what is copied from them is whole."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from marquee.engine.generations import BuildMeta, Generation, SetAside, SourceMeta
from marquee.reindex.job import Job, JobRequest
from marquee.reindex.pin import Pin
from marquee.terminal import operations

NOW = datetime(2026, 11, 29, 17, 20, tzinfo=UTC)
REFUSED, LIVE = "v1-20261129t172000", "v1-20261128t030409"
CHECKS = [
    {"name": name, "passed": False} for name in ("documents", "rows of name.basics", "canaries", "facts")
]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    screen = io.StringIO()
    monkeypatch.setattr(operations, "OUT", Console(file=screen, width=80))
    return screen


def make_generation(generation: str, *, live: bool = False, set_aside: SetAside = "") -> Generation:
    meta = BuildMeta(
        source=SourceMeta(kind="folder", published_at=NOW, confirmed_at=NOW),
        location="/data", basis="", attribution="", marquee_version="0.1.0", set_aside=set_aside,
        counts={"actors": 1_281_337, "titles": 812_004, "tokens": 1},
        gate={"passed": False, "forced": False, "checks": CHECKS},
    )  # fmt: skip
    return Generation(id=generation, live=live, complete=True, meta=meta)


def test_generations(screen: io.StringIO) -> None:
    listed = [make_generation(REFUSED, set_aside="refused"), make_generation(LIVE, live=True)]
    operations.show_generations(listed, Pin(generation=LIVE, by="me", at=NOW, reason=""))
    shown = screen.getvalue()
    for whole in (
        REFUSED,
        LIVE,
        "refused",
        "live, pinned",
        "folder",
        "2026-11-29 17:20",
        "1,281,337",
        "812,004",
    ):
        assert whole in shown
    assert all(len(line.rstrip()) <= 80 for line in shown.splitlines())


def test_jobs(screen: io.StringIO) -> None:
    job = Job(
        id="20261129t164344-7d4023",
        state="succeeded",
        requested_by="root@machine",
        requested_at=NOW,
        started_at=NOW,
        ended_at=NOW,
        generation=LIVE,
        request=JobRequest(source="sample"),
    )
    operations.show_jobs([job])
    for whole in (job.id, "succeeded", "root@machine", "0.0 s", LIVE):
        assert whole in screen.getvalue()
