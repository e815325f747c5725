"""How a reindex ended well."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from marquee.engine.generations import Generation
from marquee.reindex.difference import Difference
from marquee.reindex.gate import GateReport, read_pass
from marquee.reindex.job import find_generation, say_made


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
    """Return what a job has made live already, None for nothing; see `job.find_generation`."""
    if job is None or (made := find_generation(every, job)) is None or made.meta is None:
        return None
    return Outcome(
        generation=made.id,
        built=True,
        swapped=made.live or made.meta.swapped_at is not None,
        counts=made.meta.shown_counts,
        took_s=0.0,
        note=say_made(made),
        gate=read_pass(made.meta),
    )
