"""Which source a request for a reindex means."""

from __future__ import annotations

from pathlib import Path

import msgspec

from marquee.catalog.sources import Choice
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.errors import SettingsError
from marquee.reindex.job import JobRequest


async def read_choice(cluster: Cluster, prefix: str, request: JobRequest) -> Choice:
    """Return which source a request means.

    Raises:
        SettingsError: the live generation's, and nothing is live.
    """
    if request.source == "folder":
        return Choice(kind="folder", folder=Path(request.location))
    if request.source != "live":
        return Choice(kind=request.source)
    live = await generations.find_live(cluster, prefix)
    if live is None or live.meta is None:
        raise SettingsError("nothing is live yet: name a source, `--sample`, `--imdb` or `--data DIR`")
    return msgspec.convert({"kind": live.meta.source.kind, "folder": Path(live.meta.location)}, Choice)
