"""Section 2: latency and throughput, each round putting the same questions to every system in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random

import msgspec

from benchmarks.peers.hosted import HostedPeer
from benchmarks.peers.protocol import Corpus, read_people
from benchmarks.peers.registry import MARQUEE
from benchmarks.peers.wire import Hammered, Kind
from benchmarks.runner import OUT, quantile
from benchmarks.scorecard.lineup import Lineup
from benchmarks.scorecard.results import PeerSpeed, Spread, percentiles, spread
from benchmarks.speed import Mix
from marquee.names import normalise

CLIENTS = (1, 4, 16)
SEED = 1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked."""

    rounds: int
    questions: int
    """Of each round: so many searches, so many suggests."""
    hammer_rounds: int
    hammer_s: float
    """Seconds for each system, number of clients and round of the throughput."""


FULL = Plan(rounds=10, questions=60, hammer_rounds=3, hammer_s=2.0)
QUICK = Plan(rounds=3, questions=30, hammer_rounds=2, hammer_s=0.8)

Times = dict[str, list[list[float]]]
"""Milliseconds by system and round."""


def draw_mix(corpus: Corpus, people: int) -> tuple[list[str], list[str]]:
    """Return searches (60 % right, 30 % everyday, 10 % hard) and suggests about people drawn at random."""
    names = [name for _, name, _ in read_people(corpus) if " " in normalise(name)]
    mix = Mix(Random(SEED).sample(names, min(people, len(names))))
    searches = [question for questions in mix.searches.values() for question in questions]
    Random(SEED).shuffle(searches)
    return searches, mix.suggests


def measure(lineup: Lineup, corpus: Corpus, plan: Plan) -> dict[str, PeerSpeed]:
    """Measure everybody who is up."""
    searches, suggests = draw_mix(corpus, (plan.rounds + 1) * plan.questions)
    search_ms = take_rounds(lineup, "search", searches, plan)
    suggest_ms = take_rounds(lineup, "suggest", suggests, plan)
    throughput, refused = hammer(lineup, searches, plan)
    found: dict[str, PeerSpeed] = {}
    for name in list(lineup.peers):
        memory_bytes = lineup.try_with(name, HostedPeer.resident_bytes)
        if memory_bytes is None:
            continue
        built = lineup.built[name]
        completes = name in suggest_ms
        found[name] = PeerSpeed(
            search_ms=percentiles(flatten(search_ms[name])),
            search_ratio=compare(search_ms, name),
            suggest_ms=percentiles(flatten(suggest_ms[name])) if completes else None,
            suggest_ratio=compare(suggest_ms, name) if completes else None,
            throughput={clients: spread(rates[name]) for clients, rates in throughput.items()},
            throughput_ratio={
                clients: spread([own / base for own, base in zip(rates[name], rates[MARQUEE], strict=True)])
                for clients, rates in throughput.items()
                if MARQUEE in rates
            },
            refused=refused[name],
            index_s=spread([each.seconds for each in built]),
            disk_bytes=built[-1].disk_bytes,
            memory_bytes=memory_bytes,
        )
    return found


def flatten(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Return the values of all rounds."""
    return [each for one in rounds for each in one]


def compare(times: Times, name: str) -> Spread:
    """Return the ratios of medians to Marquee's, round by round; to its own where Marquee is not there."""
    base = times.get(MARQUEE, times[name])
    return spread(
        [quantile(own, 0.5) / quantile(other, 0.5) for own, other in zip(times[name], base, strict=True)]
    )


def take_rounds(lineup: Lineup, kind: Kind, questions: Sequence[str], plan: Plan) -> Times:
    """Put each round's questions to each system in turn; the first round only warms."""
    names = list(lineup.peers) if kind == "search" else lineup.completing()
    took: Times = {name: [] for name in names}
    for number in range(plan.rounds + 1):
        asked = questions[number * plan.questions : (number + 1) * plan.questions] or questions
        order = names if number % 2 else names[::-1]
        for name in order:
            times = lineup.try_with(name, partial(ask, kind, asked))
            if times is not None and number:
                took[name].append(times)
    OUT.print(f"  {kind}: {plan.rounds} rounds", style="dim", highlight=False)
    return {name: rounds for name, rounds in took.items() if name in lineup.peers}


def ask(kind: Kind, questions: Sequence[str], peer: HostedPeer) -> list[float]:
    """Return the milliseconds of questions put one after another."""
    return [each.took_ms for each in peer.ask(kind, questions)]


def hammer(
    lineup: Lineup, questions: Sequence[str], plan: Plan
) -> tuple[dict[int, dict[str, list[float]]], dict[str, float]]:
    """Return searches per second by number of clients, system and round, and the share each refused."""
    answered, refused = Counter[str](), Counter[str]()
    rates: dict[int, dict[str, list[float]]] = {}
    for clients in CLIENTS:
        by_name: dict[str, list[float]] = {name: [] for name in lineup.peers}
        for _ in range(plan.hammer_rounds):
            for name in list(lineup.peers):
                found = lineup.try_with(name, partial(hammer_one, questions, clients, plan.hammer_s))
                if found is not None:
                    by_name[name].append(found.answered / found.seconds)
                    answered[name] += found.answered
                    refused[name] += found.refused
        rates[clients] = by_name
        OUT.print(f"  throughput: {clients} clients", style="dim", highlight=False)
    shares = {name: refused[name] / (answered[name] + refused[name]) for name in lineup.peers}
    return {
        clients: {name: values for name, values in by_name.items() if name in lineup.peers}
        for clients, by_name in rates.items()
    }, shares


def hammer_one(questions: Sequence[str], clients: int, seconds: float, peer: HostedPeer) -> Hammered:
    """Return what so many clients, each searching again at once, got of one system."""
    return peer.hammer("search", questions, clients, seconds)
