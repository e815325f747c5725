"""How soon and how surely a name is completed while it is typed: clean, with one slip, with a wrong start."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from benchmarks.error_model import miss_first_letter, slip, type_plainly
from benchmarks.figures import Estimate, estimate, measure_latency
from benchmarks.query_set import Query, is_right
from benchmarks.subject import Clock, Completer

FIRST = 5
"""A completion counts when it is among the first five."""
CLEAN_LENGTHS = range(1, 13)
SLIP_LENGTHS = range(5, 31)
FIRST_LETTER_LENGTH = 8


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """Success: the name is among the first five completions. Lengths are letters typed, blanks included."""

    names: int
    clean_by_length: dict[int, Estimate]
    slip_by_length: dict[int, Estimate]
    """One slip anywhere in the prefix, its first letter included."""
    slip: Estimate
    """Over all the lengths."""
    first_letter: Estimate
    """First letter mistyped, eight letters typed."""
    keystrokes: Estimate
    """Until first among the five; a name that never is counts one more than its length."""
    keystrokes_saved: Estimate
    """As a share of the name's length."""
    latency_ms: dict[str, float]


async def measure_completion(subject: Completer, meant: Sequence[Query], seed: int = 1) -> Completion:
    """Type the name of each query, which are of different names."""
    clean: dict[int, dict[str, list[float]]] = {length: {} for length in CLEAN_LENGTHS}
    slips: dict[int, dict[str, list[float]]] = {length: {} for length in SLIP_LENGTHS}
    first_letter: dict[str, list[float]] = {}
    keystrokes: dict[str, list[float]] = {}
    saved: dict[str, list[float]] = {}
    clock = Clock()

    async def completes(each: Query, typed: str) -> bool:
        with clock:
            reply = await subject.suggest(typed)
        return any(is_right(each, found.nconst, found.name) for found in reply.suggestions[:FIRST])

    for query in meant:
        each = msgspec.structs.replace(query, kind="full")
        key, name = each.name_key, type_plainly(each.correct_name)
        rng = Random(f"{seed} {key}")
        needed, success = 0, False
        for length in range(1, len(name) + 1):
            if needed and length not in clean:
                break
            if name[length - 1] != " ":  # a blank tells no more than the letters before it
                success = await completes(each, name[:length])
            needed = needed or (length if success else 0)
            if length in clean:
                clean[length][key] = [float(success)]
        needed = needed or len(name) + 1
        keystrokes[key], saved[key] = [needed], [1 - needed / len(name)]
        for length in SLIP_LENGTHS:
            if length <= len(name) and (typed := slip(name[:length].rstrip(), rng)):
                slips[length][key] = [float(await completes(each, typed))]
        if len(name) >= FIRST_LETTER_LENGTH and (
            typed := miss_first_letter(name[:FIRST_LETTER_LENGTH].rstrip(), rng)
        ):
            first_letter[key] = [float(await completes(each, typed))]
    every: dict[str, list[float]] = {}
    for by_name in slips.values():
        for key, values in by_name.items():
            every.setdefault(key, []).extend(values)
    return Completion(
        names=len(keystrokes),
        clean_by_length={length: estimate(found) for length, found in clean.items() if found},
        slip_by_length={length: estimate(found) for length, found in slips.items() if found},
        slip=estimate(every),
        first_letter=estimate(first_letter),
        keystrokes=estimate(keystrokes),
        keystrokes_saved=estimate(saved),
        latency_ms=measure_latency(clock.took_ms),
    )
