"""Client addresses: whose word is taken for them, and which count as one client."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from marquee.errors import SettingsError

# A household or a rented server holds a whole /64: counted one by one, its addresses would never run out.
IPV6_PREFIX = 64
UNKNOWN = "unknown"


def check_networks(networks: Iterable[str]) -> list[str]:
    """Return the networks of MARQUEE_TRUSTED_PROXIES; the server takes any text, and then trusts nobody.

    Raises:
        SettingsError: one of them is no address and no network.
    """
    checked = []
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SettingsError(f"MARQUEE_TRUSTED_PROXIES={network!r} cannot be used: {error}") from error
        checked.append(network)
    return checked


def client_of(scope: Any) -> str:
    """Return what counts as one client of a connection: an IPv4 address, or the network of an IPv6 one."""
    client = scope.get("client")
    return _count_as(client[0]) if client else UNKNOWN


@lru_cache(maxsize=4096)
def _count_as(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # of a proxy that passes on what it was told: all such clients are one
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), IPV6_PREFIX), strict=False))
