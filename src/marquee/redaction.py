"""Secrets, kept out of what is logged. No code logs one on purpose; this is for what libraries quote."""

from __future__ import annotations

import base64
import logging
import re
import traceback
from urllib.parse import quote, unquote, urlsplit

from marquee.settings import Settings

SHOWN = "***"
# Shorter ones would blot out parts of ordinary words, and tell by it what they are.
MIN_LENGTH = 4
# Parts of an alert's address that are no host and long enough are keys, whatever the service calls them.
MIN_KEY_LENGTH = 8


def secrets_of(settings: Settings) -> set[str]:
    """Return every text in the settings that nobody may read."""
    found = {settings.elasticsearch_api_key, settings.admin_token}
    for url in (*settings.elasticsearch_url, settings.redis_url, settings.imdb_base_url):
        found |= _credentials_of(url)
    for url in settings.alert_urls:
        found |= {url, *_credentials_of(url)}
        found |= {
            part
            for part in re.split(r"[/?&=@:+,]+", url.partition("://")[2])
            if len(part) >= MIN_KEY_LENGTH and "." not in part and part != "localhost"
        }
    return found


def _credentials_of(url: str) -> set[str]:
    """Return the password of an address, as it stands there and as it is sent."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password or ""
    except ValueError:  # it is refused elsewhere
        return {url}
    if not password:
        return set()
    plain = unquote(password)
    pair = base64.b64encode(f"{unquote(user)}:{plain}".encode()).decode()
    return {password, plain, quote(plain, safe=""), pair}


class Redaction(logging.Filter):
    """Takes known secrets out of records: their text, their traces and what is attached to them.

    Put it on handlers: the filters of a logger are not asked about what its children log.
    """

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Know more secrets."""
        self._secrets |= {secret for secret in secrets if len(secret) >= MIN_LENGTH}
        # The longest first: one may be a part of another.
        ordered = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._pattern.sub(SHOWN, text) if self._pattern else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact a record; it is always let through."""
        if self._pattern is None:
            return True
        record.msg, record.args = self.redact(_message_of(record)), ()
        if record.exc_info and record.exc_info[1]:
            # A formatter would make the trace again, with everything in it.
            record.exc_text = record.exc_text or "".join(traceback.format_exception(record.exc_info[1]))
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text.rstrip("\n"))
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        for name, value in vars(record).items():
            if name not in _OWN and value is not None and not isinstance(value, (bool, int, float)):
                text = str(value)
                if (redacted := self.redact(text)) != text:
                    setattr(record, name, redacted)
        return True


_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a log call with the wrong arguments: better half a line than none
        return f"{record.msg} {record.args}"


REDACTION = Redaction()
"""The filter of this process, for every handler; who learns of another secret tells it."""
