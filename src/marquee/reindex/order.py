"""What administrators may ask for: one struct per order, its documentation and its validation."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from marquee.reindex.reason import Reason


class JobOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a job."""

    kind: Literal["reindex"]
    """What sort of job."""
    source: Annotated[
        Literal["live", "sample", "imdb"], Meta(description="`live`: that of the live generation.")
    ] = "live"
    force: Annotated[
        bool,
        Meta(
            description="Build although nothing has changed, and pass the gate, with a reason only; "
            "never damaged files."
        ),
    ] = False
    dry_run: Annotated[bool, Meta(description="Report what would change, and index nothing.")] = False
    reason: Reason = ""


class ActivateOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a generation live."""

    reason: Reason = ""
    force: Annotated[
        bool, Meta(description="Even one that the gate refused; needs a reason (400 without).")
    ] = False


class PinOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a generation."""

    generation: Annotated[str, Meta(description="The generation's id.")]
    reason: Reason = ""
