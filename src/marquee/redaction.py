"""Secrets, kept out of what is logged. No code logs one on purpose; this is for what libraries quote."""

from __future__ import annotations

import base64
import json
import re
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


class Redaction:
    """Takes known secrets out of lines of the log: out of the whole line, whatever put them there."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Know more secrets."""
        known = {secret for secret in secrets if len(secret) >= MIN_LENGTH}
        # As they stand in a line of JSON, too.
        self._secrets |= known | {json.dumps(secret)[1:-1] for secret in known}
        # The longest first: one may be a part of another.
        ordered = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._pattern.sub(SHOWN, text) if self._pattern else text


REDACTION = Redaction()
"""What this process knows of; who learns of another secret tells it."""
