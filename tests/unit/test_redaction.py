"""Secrets in what is logged, however they got there."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from pythonjsonlogger.json import JsonFormatter

from marquee.redaction import REDACTION, Redaction, secrets_of
from marquee.settings import read_settings

SETTINGS, _ = read_settings(
    {
        "MARQUEE_ELASTICSEARCH_URL": "https://elastic:p%40ssw0rd@es.example:9200",
        "MARQUEE_ELASTICSEARCH_API_KEY": "api-key-geheim",
        "MARQUEE_ADMIN_TOKEN": "admin-token-geheim",
        "MARQUEE_REDIS_URL": "redis://:redis-geheim@redis.example/0",
        "MARQUEE_IMDB_BASE_URL": "https://mirror:mirror-geheim@files.example",
        "MARQUEE_ALERT_URLS": "slack://TokenAAAA/TokenBBBB/TokenCCCC/#channel, json://u:pw-geheim@localhost/hook-12345?x=yz",
    }
)  # fmt: skip
SECRETS = [
    "p%40ssw0rd", "p@ssw0rd", "ZWxhc3RpYzpwQHNzdzByZA==", "api-key-geheim", "admin-token-geheim",
    "redis-geheim", "mirror-geheim", "TokenAAAA", "TokenBBBB", "TokenCCCC", "pw-geheim", "hook-12345",
]  # fmt: skip


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO, logging.Handler]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Redaction(*secrets_of(SETTINGS)))
    logger = logging.getLogger("marquee.test.redaction")
    logger.addHandler(handler)
    yield logger, stream, handler
    logger.removeHandler(handler)


Log = tuple[logging.Logger, io.StringIO, logging.Handler]


def test_every_secret_of_the_settings_is_known() -> None:
    assert set(SECRETS) <= secrets_of(SETTINGS)
    assert not {"es.example", "redis.example", "localhost", "elastic", ""} & secrets_of(SETTINGS) - {""}


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_taken_out_wherever_it_stands(log: Log, secret: str) -> None:
    logger, stream, _ = log
    logger.warning("cannot use %s, %r", f"x{secret}y", {"key": secret})
    logger.warning(f"cannot use {secret}")
    error = RuntimeError(f"then {secret}")
    error.__cause__ = ValueError(f"first {secret}")
    logger.error("it broke", exc_info=error)
    logger.warning("see the stack", stack_info=True)
    written = stream.getvalue()
    assert secret not in written
    assert "cannot use x***y" in written
    assert "ValueError: first ***" in written
    assert "RuntimeError: then ***" in written
    assert "WARNING see the stack" in written


@pytest.mark.parametrize("secret", SECRETS)
def test_neither_does_one_stand_in_json(log: Log, secret: str) -> None:
    logger, stream, handler = log
    handler.setFormatter(JsonFormatter())
    error = ValueError(secret)
    logger.error(
        "it broke",
        exc_info=error,
        extra={"url": f"http://{secret}", "cause": error, "parts": [secret], "n": 5},
    )
    found = json.loads(stream.getvalue())
    assert secret not in stream.getvalue()
    assert (found["url"], found["parts"], found["n"]) == ("http://***", "['***']", 5)
    assert "ValueError: ***" in found["exc_info"]


def test_a_record_without_a_secret_stays_as_it_is(log: Log) -> None:
    logger, stream, _ = log
    logger.warning("100%% of %s", ["x"])
    logger.warning("a bare % sign")
    logger.warning("too few %s %s", "arguments")
    assert stream.getvalue().splitlines() == [
        "WARNING 100% of ['x']", "WARNING a bare % sign", "WARNING too few %s %s ('arguments',)"
    ]  # fmt: skip


def test_nothing_known_nothing_changed() -> None:
    record = logging.makeLogRecord({"msg": "x %s", "args": ("y",)})
    assert Redaction().filter(record)
    assert Redaction("", "abc").filter(record), "three letters would blot out half of every line"
    assert (record.msg, record.args) == ("x %s", ("y",))


def test_one_secret_in_another_is_taken_out_whole() -> None:
    assert Redaction("geheim", "geheimnis").redact("das geheimnis") == "das ***"


def test_a_secret_learnt_later_counts_at_once() -> None:
    redaction = Redaction()
    redaction.hide("learnt-later")
    assert redaction.redact("learnt-later") == "***"


def test_the_filter_is_where_logging_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from marquee import cli

    handler = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(cli, "commands", lambda **_: None)
    cli.main()
    assert REDACTION in handler.filters
