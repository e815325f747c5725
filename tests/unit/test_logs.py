"""How lines are logged: as JSON and as text, with the request they belong to, and without what was typed."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from marquee import correlation, logs
from marquee.engine.refusals import classify
from marquee.settings import Settings

NAME = "Quimbelonia Zarthwick"


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "marquee", "uvicorn", "elastic_transport")]
    levels = [each.level for each in loggers]
    yield
    logs.set_up(Settings())
    root = loggers[0]
    for handler in [each for each in root.handlers if isinstance(each, logs._Handler)]:
        root.removeHandler(handler)
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("marquee.test")


def set_up(**settings: Any) -> None:
    logs.set_up(Settings(**{"log_format": "json"} | settings))


def within_request(work: Callable[[], None], *, is_private: bool = True) -> correlation.Correlation:
    own = correlation.begin(None, "app", is_private=is_private)

    def enter_and_work() -> None:
        correlation.enter(own)
        work()

    contextvars.copy_context().run(enter_and_work)
    return own


def test_a_line_of_json(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    log.warning("what %s\nsaid", "they", extra={"took_ms": 1.5})
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "warning",
        "logger": "marquee.test",
        "message": "what they\nsaid",
        "took_ms": 1.5,
    }


def test_a_line_of_text(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="text")
    log.warning("what %s\x1b[31m\nsaid", "they", extra={"took_ms": 1.5})
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\S+Z WARNING marquee\.test: what they\\x1b\[31m\\x0asaid took_ms=1\.5", line)


def test_it_is_json_where_nobody_looks(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(log_format="auto")
    log.warning("to a file")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    set_up(log_format="auto")
    log.warning("to a terminal")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["message"] == "to a file"
    assert second.endswith("marquee.test: to a terminal")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_exception_is_a_part_of_its_line(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    set_up(log_format=log_format)
    try:
        int(NAME)
    except ValueError:
        log.exception("it broke")
    told = capsys.readouterr().err
    if log_format == "json":
        told = json.loads(told)["exception"]
    assert "Traceback" in told
    assert "ValueError: invalid literal" in told
    assert NAME in told


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_lines_name_the_request(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    set_up(log_format=log_format)
    own = within_request(lambda: log.warning("within"))
    log.warning("without")
    first, second = capsys.readouterr().err.splitlines()
    assert own.trace_id in first
    assert "request_id" not in second
    assert "trace_id" not in first, "no trace is recorded that could be looked up"


def test_what_is_begun_for_a_request_belongs_to_it(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()

    async def serve(own: correlation.Correlation) -> None:
        correlation.enter(own)

        async def work() -> None:
            await asyncio.sleep(0)
            log.warning("of %s", own.opaque_id)

        await asyncio.create_task(work())

    async def serve_two() -> None:
        await asyncio.gather(
            *(asyncio.create_task(serve(correlation.begin(None, each))) for each in ("a", "b"))
        )

    asyncio.run(serve_two())
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert sorted(each["message"] for each in told) == ["of a", "of b"]
    assert len({each["request_id"] for each in told}) == 2


def break_with(log: logging.Logger) -> Callable[[], None]:
    def fail() -> None:
        try:
            try:
                int(NAME)
            except ValueError as cause:
                raise RuntimeError(f"no {NAME}") from cause
        except RuntimeError:
            log.exception("it broke")

    return fail


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_texts_of_exceptions_stay_out_of_a_requests_lines(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    set_up(log_format=log_format)
    within_request(break_with(log))
    told = capsys.readouterr().err
    assert NAME not in told
    for part in ("test_logs.py", "in fail", "ValueError", "which led to", "RuntimeError"):
        assert part in told
    assert told.index("ValueError\\n" if log_format == "json" else "ValueError\n") < told.index(
        "which led to"
    )
    within_request(break_with(log), is_private=False)
    assert NAME in capsys.readouterr().err, "of what administrators do"
    set_up(log_format=log_format, log_queries=True)
    within_request(break_with(log))
    assert NAME in capsys.readouterr().err


def test_elasticsearchs_own_words_are_withheld() -> None:
    error = classify(400, {"type": "parsing_exception", "reason": f"cannot parse [{NAME}]"})
    assert NAME in str(error)
    told: list[str] = []
    set_up()
    within_request(lambda: told.append(logs.withhold(str(error), error.reason)))
    told.append(logs.withhold(str(error), error.reason))
    assert told == ["Elasticsearch refused the request (400 parsing_exception): …", str(error)]


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("marquee.api", "uvicorn.error", "elastic_transport.transport", "asyncio", "elasticsearch")

    def levels(**settings: Any) -> dict[str, str]:
        set_up(**settings)
        found = [logging.getLevelName(logging.getLogger(name).getEffectiveLevel()) for name in names]
        return dict(zip(names, found, strict=True))

    quiet = {"elastic_transport.transport": "ERROR", "asyncio": "WARNING", "elasticsearch": "WARNING"}
    assert levels() == {"marquee.api": "INFO", "uvicorn.error": "WARNING", **quiet}
    assert levels(log_level="debug") == {"marquee.api": "DEBUG", "uvicorn.error": "DEBUG", **quiet}
    open_to_all = levels(log_level="debug", log_queries=True)
    assert open_to_all["elastic_transport.transport"] == "DEBUG"


def test_setting_up_again_tells_nothing_twice(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()
    set_up()
    log.warning("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
