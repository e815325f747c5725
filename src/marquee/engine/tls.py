"""Whom to believe that it is Elasticsearch, and why somebody was not."""

from __future__ import annotations

import re
import ssl

import certifi

from marquee.errors import SettingsError


def trust(ca_cert: str) -> ssl.SSLContext:
    """Return a context that trusts what one CA has signed; without one, what the system or Mozilla trusts.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_cert or None)
        if not ca_cert:
            context.load_verify_locations(certifi.where())
    except OSError as error:
        raise SettingsError(f"MARQUEE_ELASTICSEARCH_CA_CERT cannot be read: {error}") from error
    return context


def explain(error: Exception) -> str:
    """Say in one line why TLS failed; what the client says is a nest of class names."""
    found = re.search(r"certificate verify failed: (.+?)\.?['\"]? \(_ssl", str(error))
    if found is None:
        return "the address says https, and what answers there does not speak TLS as we do"
    return f"certificate verify failed: {found[1]} (MARQUEE_ELASTICSEARCH_CA_CERT names the CA to trust)"
