"""Where the engine is, and how to sign in there."""

from __future__ import annotations

from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from marquee.errors import SettingsError
from marquee.settings import Settings


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the engine is and how to sign in. Never logged: it carries secrets."""

    urls: tuple[str, ...]
    username: str = ""
    password: str = ""
    api_key: str = ""
    ca_cert: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the endpoint out of the settings; user and password may stand in the first address.

        Raises:
            SettingsError: an address is not of the form http(s)://host[:port].
        """
        urls, username, password = [], "", ""
        for url in settings.elasticsearch_url:
            try:
                parts = urlsplit(url)
                port = parts.port
                (parts.hostname or "").encode("idna")
            except ValueError:
                # What the parser says quotes a password that holds a "/" or a "#".
                raise SettingsError(
                    "MARQUEE_ELASTICSEARCH_URL holds an unusable host or port; "
                    "in a password, write /, #, @ and % as %2F, %23, %40 and %25"
                ) from None
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise SettingsError("MARQUEE_ELASTICSEARCH_URL takes http(s)://[user:password@]host[:port]")
            if parts.username and not username:
                username, password = unquote(parts.username), unquote(parts.password or "")
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            port = port or (443 if parts.scheme == "https" else 9200)
            urls.append(urlunsplit((parts.scheme, f"{host}:{port}", parts.path, "", "")))
        return cls(
            urls=tuple(urls),
            username=username,
            password=password,
            api_key=settings.elasticsearch_api_key,
            ca_cert=str(settings.elasticsearch_ca_cert or ""),
        )
