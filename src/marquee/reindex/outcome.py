"""How a reindex ended well."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from marquee.engine.generations import Generation
from marquee.reindex.difference import Difference
from marquee.reindex.gate import GateReport, read_pass


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a reindex ended well."""

    generation: str
    """What was built, or holds the source already; empty for a dry run."""
    built: bool
    """False where the source is there already."""
    swapped: bool
    """Whether the generation was made live by this reindex."""
    counts: dict[str, int]
    took_s: float
    note: str = ""
    """What is to be known beside it: why nothing was built, or what was built was not made live."""
    gate: GateReport | None = None
    difference: Difference | None = None


def describe_known(generation: Generation, note: str) -> Outcome:
    """Return the outcome where a generation holds the source already."""
    counts = generation.meta.shown_counts if generation.meta else {}
    return Outcome(generation=generation.id, built=False, swapped=False, counts=counts, took_s=0.0, note=note)


def find_made(every: Sequence[Generation], job: str | None) -> Outcome | None:
    """Return what a job has made live already, None for nothing.

    Whoever ran it died, or was cancelled, before that was written down: it must be neither done twice nor
    called off. That somebody has gone back since is no reason to do it again.
    """
    for each in every:
        meta = each.meta
        if job is None or meta is None or meta.job != job:
            continue
        if each.live or each.set_aside == "rolled back":
            state = "live" if each.live else "gone back from by hand since"
            return Outcome(
                generation=each.id,
                built=True,
                swapped=each.live or meta.swapped_at is not None,
                counts=meta.shown_counts,
                took_s=0.0,
                note=f"{each.id} was found when this job was looked at again: it is {state}",
                gate=read_pass(meta),
            )
    return None
