"""Section 3: the story's promises. A retrieval is a name typed, and who that is and their titles back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.peers.protocol import Corpus, PeerError
from benchmarks.peers.registry import MARQUEE, PEERS, RETRIEVERS, Spec
from benchmarks.peers.wire import Hammered
from benchmarks.runner import quantile
from benchmarks.scorecard.lineup import Lineup
from benchmarks.scorecard.results import Point, Promise, spread
from benchmarks.scorecard.speed import Plan, compare, draw_mix, flatten, hammer_one, take_rounds

SPECS: dict[str, Spec] = {MARQUEE: PEERS[MARQUEE], **RETRIEVERS}

FULL_PEOPLE, QUICK_PEOPLE = 60_000, 5_000
FULL = Plan(rounds=5, questions=12, hammer_rounds=1, hammer_s=15.0)
QUICK = Plan(rounds=3, questions=6, hammer_rounds=1, hammer_s=3.0)
TIMES_FASTER = 100
WITHIN_MS = 500
FRESH_H = 24
LOOKS_EVERY_H = 6
"""The default of MARQUEE_SCHEDULE."""
IMDB_PEOPLE = 14_000_000


def measure(lineup: Lineup, corpus: Corpus, plan: Plan, largest: Point | None) -> list[Promise]:
    """Measure each promise.

    Args:
        lineup: Marquee and RETRIEVERS.
        corpus: what they hold.
        plan: how much is asked.
        largest: what Marquee's largest index of this run cost, taken where it is larger than the corpus:
            the fewer the people, the more too much a rebuild's fixed part counts when taken in proportion.

    Raises:
        PeerError: Marquee itself is not up.
    """
    if MARQUEE in lineup.not_measured:
        raise PeerError(lineup.not_measured[MARQUEE])
    searches, _ = draw_mix(corpus, (plan.rounds + 1) * plan.questions)
    times = take_rounds(lineup, "search", searches, plan)
    if MARQUEE not in times:
        raise PeerError(lineup.not_measured.get(MARQUEE, "Marquee is not up"))
    rows = [hold_against(name, times) for name in RETRIEVERS if name in times]
    many, _ = draw_mix(corpus, 1000)
    for clients in (1, 16):
        found = lineup.try_with(MARQUEE, partial(hammer_one, many, clients, plan.hammer_s))
        rows += [hold_within(found, clients)] if found else []
    if largest and largest.people > corpus.people:
        return [*rows, hold_fresh([largest.index_s], largest.people)]
    return [*rows, hold_fresh([each.seconds for each in lineup.built[MARQUEE]], corpus.people)]


def hold_against(name: str, times: Mapping[str, list[list[float]]]) -> Promise:
    """Hold Marquee against another way to retrieve somebody."""
    ratio = compare(dict(times), name)
    slow, fast = quantile(flatten(times[name]), 0.5), quantile(flatten(times[MARQUEE]), 0.5)
    return Promise(
        claim=f"retrieval against {RETRIEVERS[name].title}",
        target=f"at least {TIMES_FASTER} times faster",
        measured=f"{ratio.median:.3g} times ({slow:,.1f} against {fast:.1f} ms)",
        spread=f"{ratio.low:.3g} to {ratio.high:.3g}",
        holds=ratio.median >= TIMES_FASTER,
    )


def hold_within(found: Hammered, clients: int) -> Promise:
    """Hold the times of answers against what they may take; what was refused is not within it."""
    took_ms = [*found.took_ms, *[math.inf] * found.refused]
    share = sum(each <= WITHIN_MS for each in took_ms) / len(took_ms)
    who = "one client" if clients == 1 else f"{clients} clients at once"
    return Promise(
        claim=f"searches of {who}",
        target=f"{WITHIN_MS} ms",
        measured=f"{share:.2%} of {len(took_ms):,} within, p99 {quantile(took_ms, 0.99):.0f} ms",
        spread=f"{min(found.took_ms):.1f} to {max(found.took_ms):.0f} ms, {found.refused} refused",
        holds=quantile(took_ms, 0.99) <= WITHIN_MS,
    )


def hold_fresh(builds_s: Sequence[float], people: int) -> Promise:
    """Hold the age of what is searched against a day: a look, and a rebuild in proportion to IMDb's size."""
    took = spread(builds_s)
    hours = LOOKS_EVERY_H + took.high * max(1, IMDB_PEOPLE / people) / 3600
    return Promise(
        claim="published data can be searched",
        target=f"within {FRESH_H} h",
        measured=f"{hours:.1f} h at most: every {LOOKS_EVERY_H} h a look, and a rebuild in proportion to the "
        f"{took.median:.1f} s of {people:,} people",
        spread=f"{took.low:.1f} to {took.high:.1f} s",
        holds=hours <= FRESH_H,
    )
