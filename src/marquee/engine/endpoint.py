"""Which engine: the addresses that are set, else the managed local node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from marquee.engine import node
from marquee.engine.cluster import Endpoint
from marquee.progress import SILENT, Progress
from marquee.settings import Settings


@contextmanager
def open_endpoint(settings: Settings, progress: Progress = SILENT) -> Iterator[Endpoint]:
    """Yield the engine to use; the managed node is installed and started if need be, and given up at the end.

    Raises:
        SettingsError: an address is unusable.
        NodeError: the managed node cannot be installed or started.
    """
    if settings.elasticsearch_url:
        yield Endpoint.from_settings(settings)
        return
    with node.acquire(settings, progress) as lease:
        yield Endpoint(urls=(lease.url,), username=lease.username, password=lease.password)
