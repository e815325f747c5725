"""Secrets in what is logged, however they got there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import msgspec
import pytest

from marquee import logs
from marquee.redaction import Redaction, secrets_of
from marquee.settings import Settings, read_settings

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


@pytest.fixture(autouse=True)
def redaction(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redaction]:
    """What other tests log is not to be redacted."""
    redaction = Redaction()
    monkeypatch.setattr(logs, "REDACTION", redaction)
    yield redaction
    monkeypatch.undo()
    logs.set_up(Settings())


def set_up(log_format: Literal["text", "json"]) -> logging.Logger:
    logs.set_up(msgspec.structs.replace(SETTINGS, log_format=log_format))
    return logging.getLogger("marquee.test.redaction")


def test_every_secret_of_the_settings_is_known() -> None:
    assert set(SECRETS) <= secrets_of(SETTINGS)
    assert not {"es.example", "redis.example", "localhost", "elastic", ""} & secrets_of(SETTINGS) - {""}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_secret_is_taken_out_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], secret: str, log_format: Literal["text", "json"]
) -> None:
    logger = set_up(log_format)
    logger.warning("cannot use %s, %r", f"x{secret}y", {"key": secret})
    error = RuntimeError(f"then {secret}")
    error.__cause__ = ValueError(f"first {secret}")
    logger.error("it broke", exc_info=error, extra={"url": f"http://{secret}", "parts": [secret], "n": 5})
    written = capsys.readouterr().err
    assert secret not in written
    assert "cannot use x***y" in written
    assert "ValueError: first ***" in written
    assert "RuntimeError: then ***" in written
    assert "http://***" in written


def test_a_secret_that_json_writes_otherwise(
    capsys: pytest.CaptureFixture[str], redaction: Redaction
) -> None:
    secret = 'quoted"and\\slashed'
    redaction.hide(secret)
    set_up("json").warning("cannot use %s", secret)
    assert json.loads(capsys.readouterr().err)["message"] == "cannot use ***"


def test_a_line_with_too_few_arguments_is_told_as_far_as_it_goes(redaction: Redaction) -> None:
    redaction.hide("geheim")
    set_up("text")
    (handler,) = (each for each in logging.getLogger().handlers if type(each).__module__ == "marquee.logs")
    record = logging.makeLogRecord({"msg": "too few %s %s", "args": ("geheim",)})
    assert "too few %s %s ('***',)" in handler.format(record)


def test_a_line_without_a_secret_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logger = set_up("text")
    logger.warning("100%% of %s", ["x"])
    logger.warning("a bare % sign")
    assert [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "100% of ['x']", "a bare % sign"
    ]  # fmt: skip


def test_what_is_short_is_no_secret() -> None:
    assert Redaction("", "abc").redact("abc def") == "abc def", "it would blot out half of every line"


def test_one_secret_in_another_is_taken_out_whole() -> None:
    assert Redaction("geheim", "geheimnis").redact("das geheimnis") == "das ***"


def test_a_secret_learnt_later_counts_at_once() -> None:
    redaction = Redaction()
    redaction.hide("learnt-later")
    assert redaction.redact("learnt-later") == "***"
