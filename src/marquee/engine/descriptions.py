"""What a generation says of itself: what it was built from and with. Structs alone: clients read some."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from marquee.engine.mappings import Kind

SetAside = Literal["", "unjudged", "refused", "held", "rolled back"]
"""Not yet seen by the gate, refused by it, held back by a pin, or left by a rollback."""


class SourceMeta(msgspec.Struct, frozen=True, kw_only=True):
    """The source a generation was built from, as `/v1/status` shows it."""

    kind: str
    """sample, folder or imdb."""
    published_at: datetime
    """When the source's newest file was made."""
    confirmed_at: datetime
    """When the generation was last known to match the newest published source."""


class BuildMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation was built from and with; equal `basis` of two builds means equal documents."""

    source: SourceMeta
    location: str
    """Folder the files were read from."""
    basis: str
    """Digest of the source's content and of every setting that changes documents."""
    attribution: str
    counts: dict[Kind, int]
    marquee_version: str
    job: str | None = None
    """Id of the job that was to make it live: one begun twice must know what it has done."""
    reason: str = ""
    quality: dict[str, Any] = {}
    """The quality report of the catalogue, as JSON."""
    fill: dict[str, dict[str, float]] = {}
    """By kind and field: the share, 0 to 1, of documents that have it."""
    options: dict[str, str] = {}
    """The settings that decide who and what is indexed."""
    gate: dict[str, Any] = {}
    """The report of the gate before the swap, as JSON; empty before it was asked."""
    swapped_at: datetime | None = None
    """When it last became live (UTC); None for one that never was."""
    restored_at: datetime | None = None
    """When it was last brought back from a backup (UTC); None for one that never was."""
    set_aside: SetAside = ""
    """Why it is not to be live although it is complete."""

    @property
    def shown_counts(self) -> dict[str, int]:
        """The counts that people ask for: not those of helper indexes."""
        return {kind: count for kind, count in self.counts.items() if kind != "tokens"}
