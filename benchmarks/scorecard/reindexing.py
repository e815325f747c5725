"""Section 4: searches while generations are built, swapped and rolled back. See `benchmarks.swaps`."""

from __future__ import annotations

from benchmarks.runner import quantile
from benchmarks.scorecard.results import Meta, Reindex, spread
from benchmarks.swaps import Outcome, Plan, find_mixed, within

FULL = Plan(people=60_000, rebuilds=4, rollbacks=2, quiet_s=15.0, capacity_s=10.0, crash=False)
QUICK = Plan(people=3_000, rebuilds=1, rollbacks=1, quiet_s=6.0, capacity_s=3.0, crash=False)


def summarise(outcome: Outcome, plan: Plan, meta: Meta) -> Reindex:
    """Return the section's figures."""
    quiet, during = (within(outcome.samples, outcome.spans[name]) for name in ("quiet", "reindex"))
    return Reindex(
        meta=meta,
        people=plan.people,
        requests=len(outcome.samples),
        failed=len(outcome.failed),
        mixed=len(find_mixed(outcome.samples, outcome.year_of)),
        quiet_p99_ms=round(quantile(quiet, 0.99), 1),
        reindex_p99_ms=round(quantile(during, 0.99), 1),
        p99_ratio=spread(outcome.ratios),
        rebuild_s=spread([end - begin for begin, end in outcome.spans["reindex"]]),
        rollback_s=spread(outcome.rollbacks),
    )
