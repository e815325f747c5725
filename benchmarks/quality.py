"""Whether Marquee finds who is meant: recall on misspellings, restraint on right names, completion, honesty.

    python -m benchmarks.quality                      # the committed set, on the sample
    python -m benchmarks.quality --queries FILE ... --correct FILE --json OUT
    python -m benchmarks.quality make-queries         # makes the committed set again

Asks the service at --url, else Marquee in this process with the engine and index of the MARQUEE_ settings; a
question is asked when the one before is answered. Right is who was meant, a namesake, or where only a part of
the name was typed, any bearer of that part. Names that the index lacks are told and left out. The JSON holds
every query with its first hit, so that --against can compare two runs name by name.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks import report
from benchmarks.completion import Completion, measure_completion
from benchmarks.figures import (
    Corrections,
    Estimate,
    Judged,
    Recall,
    Reliability,
    estimate_many,
    measure_corrections,
    measure_latency,
    measure_recall,
    measure_reliability,
)
from benchmarks.query_set import (
    CORRECT,
    MISSPELT,
    SEED,
    Query,
    is_right,
    make_queries,
    read_queries,
    write_queries,
)
from benchmarks.runner import OUT, describe_machine, print_header
from benchmarks.subject import LIMIT, Clock, SearchReply, Subject, open_subject
from marquee.names import normalise
from marquee.settings import read_settings

PRESENCE_DEPTH = 50


class SetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a query file showed, over the names that the index holds."""

    file: str
    typed_right: bool
    absent_names: list[str]
    absent_queries: int
    total: Recall
    by_source: dict[str, Recall]
    by_distance: dict[str, Recall]
    by_kind: dict[str, Recall]
    corrections: Corrections
    latency_ms: dict[str, float]
    judged: list[Judged]


class QualityReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured."""

    machine: str
    engine: str
    subject: str
    sets: list[SetReport]
    reliability: Reliability
    completion: Completion | None


async def is_present(subject: Subject, query: Query) -> bool:
    """Say whether the index holds who is meant, or a namesake."""
    if query.nconst and await subject.find(query.nconst):
        return True
    hits = (await subject.search(query.correct_name, PRESENCE_DEPTH)).hits
    return any(normalise(hit.name) == query.name_key for hit in hits)


async def split_present(subject: Subject, queries: Sequence[Query]) -> tuple[list[Query], list[Query]]:
    """Return the queries for people who can be found, and the others."""
    known: dict[str, bool] = {}
    for query in queries:
        if not known.get(query.name_key):
            known[query.name_key] = await is_present(subject, query)
    present = [query for query in queries if known[query.name_key]]
    return present, [query for query in queries if not known[query.name_key]]


def judge(query: Query, reply: SearchReply) -> Judged:
    """Hold an answer against who was meant."""
    ranks = (rank for rank, hit in enumerate(reply.hits[:LIMIT], 1) if is_right(query, hit.nconst, hit.name))
    proposal = reply.did_you_mean
    return Judged(
        query=query,
        rank=next(ranks, None),
        first=reply.hits[0] if reply.hits else None,
        did_you_mean=proposal,
        suggests_right=proposal is not None and is_right(query, "", proposal),
    )


async def ask(subject: Subject, queries: Sequence[Query]) -> tuple[list[Judged], list[float]]:
    """Ask one query after another; return the judged answers and their milliseconds."""
    clock, judged = Clock(), list[Judged]()
    for query in queries:
        with clock:
            reply = await subject.search(query.query)
        judged.append(judge(query, reply))
    return judged, clock.took_ms


def _split(judged: Sequence[Judged], group: Callable[[Query], str]) -> dict[str, Recall]:
    groups: dict[str, list[Judged]] = {}
    for each in judged:
        groups.setdefault(group(each.query), []).append(each)
    return {name: measure_recall(members) for name, members in sorted(groups.items())}


async def measure_set(subject: Subject, path: Path, typed_right: bool) -> SetReport:
    """Measure one query file."""
    present, absent = await split_present(subject, read_queries(path))
    if not present:
        raise SystemExit(f"{path.name}: the index holds none of its names")
    judged, took_ms = await ask(subject, present)
    return SetReport(
        file=path.name,
        typed_right=typed_right,
        absent_names=sorted({query.correct_name for query in absent}),
        absent_queries=len(absent),
        total=measure_recall(judged),
        by_source=_split(judged, lambda query: query.source or "no source"),
        by_distance=_split(
            judged, lambda query: f"distance {min(query.osa_distance, 5)}{'+' * (query.osa_distance >= 5)}"
        ),
        by_kind=_split(judged, lambda query: query.kind),
        corrections=measure_corrections(judged),
        latency_ms=measure_latency(took_ms),
        judged=judged,
    )


def choose_names(sets: Sequence[SetReport], count: int) -> list[Query]:
    """Choose names to complete, one query for each, the same ones for the same files."""
    by_name = {each.query.name_key: each.query for found in sets for each in found.judged}
    return Random(SEED).sample(list(by_name.values()), min(count, len(by_name)))


async def measure(arguments: argparse.Namespace) -> QualityReport:
    settings, _ = read_settings()
    files = [(path, False) for path in arguments.queries] + [(path, True) for path in arguments.correct]
    async with open_subject(arguments.url, settings) as subject:
        engine, searched = await subject.describe()
        data = f"{searched}; queries {', '.join(path.name for path, _ in files)}"
        print_header("Quality of search and suggest", data, engine, ("elasticsearch", "rapidfuzz"))
        OUT.print("")
        for path, _ in files[:1]:  # the first questions meet cold caches
            await ask(subject, read_queries(path)[:50])
        sets = [await measure_set(subject, path, typed_right) for path, typed_right in files]
        names = choose_names(sets, arguments.names)
        return QualityReport(
            machine=describe_machine(),
            engine=engine,
            subject=searched,
            sets=sets,
            reliability=measure_reliability(each for found in sets for each in found.judged),
            completion=await measure_completion(subject, names) if names else None,
        )


def compare(found: QualityReport, other: QualityReport) -> dict[str, Estimate]:
    """Return the differences of recall@1 and @10 to another run, over the names both have answers for."""
    differences: dict[str, Estimate] = {}
    theirs = {each.file: each for each in other.sets}
    for own in found.sets:
        if own.file in theirs:
            before = {(each.query.query, each.query.name_key): each for each in theirs[own.file].judged}
            by_name: dict[str, list[tuple[float, ...]]] = {}
            for each in own.judged:
                if then := before.get((each.query.query, each.query.name_key)):
                    row = tuple(
                        float((each.rank or 99) <= depth) - float((then.rank or 99) <= depth)
                        for depth in (1, 10)
                    )
                    by_name.setdefault(each.query.name_key, []).append(row)
            if by_name:
                at_1, at_10 = estimate_many(by_name)
                differences |= {f"{own.file} recall@1": at_1, f"{own.file} recall@10": at_10}
    return differences


def show(found: QualityReport, failures: int) -> None:
    """Print all tables."""
    for each in found.sets:
        report.print_absent(each.file, each.absent_names, each.absent_queries)
        groups = {"all": each.total} | each.by_source
        if not each.typed_right:
            groups |= each.by_distance
        groups |= each.by_kind if len(each.by_kind) > 1 else {}
        report.print_recall(each.file, groups)
        report.print_corrections(each.file, each.corrections, each.typed_right)
        worst = sorted(
            (judged for judged in each.judged if judged.rank != 1), key=lambda judged: -(judged.rank or 99)
        )
        if failures and worst:
            report.print_failures(worst[:failures])
    report.print_reliability(found.reliability)
    latencies = {f"search, {each.file}": each.latency_ms for each in found.sets}
    if found.completion:
        report.print_completion(found.completion)
        latencies["suggest"] = found.completion.latency_ms
    report.print_latency(latencies)


def _parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Any = parser.add_argument
    add("command", nargs="?", choices=["measure", "make-queries"], default="measure")
    add("--url", help="A service to ask, http://host:port.")
    add("--queries", type=Path, nargs="+", metavar="FILE", help="Misspelt queries (default: the committed).")
    add("--correct", type=Path, nargs="+", metavar="FILE", help="Right queries (default with the former's).")
    add("--names", type=int, default=300, metavar="N", help="Names to complete; 0: none (default 300).")
    add("--failures", type=int, default=0, metavar="N", help="Show the N worst failures of each file.")
    add("--json", type=Path, metavar="OUT", help="Write everything for a program.")
    add("--against", type=Path, metavar="JSON", help="Compare with a run that was written so.")
    arguments = parser.parse_args(argv)
    if arguments.queries is None and arguments.correct is None:
        arguments.queries, arguments.correct = [MISSPELT], [CORRECT]
    arguments.queries, arguments.correct = arguments.queries or [], arguments.correct or []
    return arguments


def main() -> None:
    arguments = _parse()
    if arguments.command == "make-queries":
        for path, queries in zip((MISSPELT, CORRECT), make_queries(), strict=True):
            write_queries(path, queries)
            OUT.print(f"{path.name}: {len(queries):,} queries", highlight=False)
        return
    found = asyncio.run(measure(arguments))
    show(found, arguments.failures)
    if arguments.against:
        other = msgspec.json.decode(arguments.against.read_bytes(), type=QualityReport)
        report.print_differences(compare(found, other))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


if __name__ == "__main__":
    main()
