"""What `marquee up` does of its own: which failures it lives through, and how its worker is kept."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import msgspec
import pytest

from marquee import errors
from marquee.catalog.sources import Choice
from marquee.cli import running
from marquee.engine.cluster import Endpoint
from marquee.reindex.worker import Worker
from marquee.settings import Settings
from marquee.terminal import StageProgress

pytestmark = pytest.mark.anyio

SAMPLE = Choice(kind="sample")


@pytest.mark.parametrize(
    "error",
    [
        errors.SourceUnavailableError("the server is away"),
        errors.GateRefusedError("half of it is gone"),
        errors.ReindexFailedError("a file is truncated"),
        errors.EngineUnavailableError("Elasticsearch went away"),
        errors.LeaseHeldError("another one is under way", "a-job"),
        errors.LeaseLostError("this machine slept"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_build_that_fails_ends_the_start_only_where_nothing_is_live(
    settings: Settings,
    endpoint: Endpoint,
    sample: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(running, "run_here", fail)
    told: list[str] = []
    monkeypatch.setattr("marquee.terminal.show_warning", told.append)
    with StageProgress() as progress:
        live = await running._ensure_data(settings, endpoint, SAMPLE, progress)
        assert live.id == sample
        assert told == [f"the source named is not indexed now: {error}; serving {sample}"]
        empty = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-none")
        with pytest.raises(type(error)):
            await running._ensure_data(empty, endpoint, SAMPLE, progress)


async def test_wrong_usage_ends_the_start_whatever_is_live(
    settings: Settings, endpoint: Endpoint, sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise errors.SettingsError("unusable")

    monkeypatch.setattr(running, "run_here", fail)
    with StageProgress() as progress, pytest.raises(errors.SettingsError):
        await running._ensure_data(settings, endpoint, SAMPLE, progress)


def test_a_worker_that_breaks_is_said_and_another_takes_its_place(
    settings: Settings,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[Worker] = []

    async def break_once(self: Worker) -> None:
        ran.append(self)
        if len(ran) == 1:
            raise RuntimeError("injected")
        await asyncio.sleep(3600)

    monkeypatch.setattr(Worker, "run", break_once)
    monkeypatch.setattr(running, "WORKER_RESTARTS_AFTER_S", 0.01)
    with running._run_worker(settings, endpoint):
        deadline = time.monotonic() + 30
        while len(ran) < 2:
            assert time.monotonic() < deadline, "the worker stays dead"
            time.sleep(0.01)
    assert ran[0] is not ran[1]
    (told,) = [each for each in caplog.records if each.name == "marquee.reindex"]
    assert (told.levelno, told.getMessage()) == (logging.ERROR, "the worker broke; another one starts in 0 s")
    assert "RuntimeError: injected" in caplog.text
