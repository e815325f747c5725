"""What the scorecard found, section by section: the JSON that everything shown is rendered from."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.completion import Completion
from benchmarks.figures import Corrections, Recall
from benchmarks.runner import quantile

COMMITTED = Path(__file__).parents[1] / "scorecard.json"
"""The last full run."""


class Spread(msgspec.Struct, frozen=True):
    """The median over repetitions, with the lowest and highest."""

    median: float
    low: float
    high: float


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds of single questions."""

    p50: float
    p95: float
    p99: float


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a section's figures are to be read with."""

    command: str
    quick: bool
    machine: str
    data: str
    software: dict[str, str]
    taken_at: str
    """UTC, to the minute."""
    seconds: float
    """What the section took."""
    not_measured: dict[str, str]
    """Peers that could not be started, or stopped in the middle, and why."""


class PeerQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How often one system finds who is meant."""

    misspelt: Recall
    right: Recall
    """Names typed as they are."""
    false_corrections: Corrections
    """Of names typed as they are: every proposal is wrong."""
    misspelt_ranks: str
    """One character for each query in the file's order: 1 to 9, 0 for the tenth place, a full stop for none,
    a blank where the query was not asked."""
    right_ranks: str
    completion: Completion | None = None
    """None for a system that completes nothing."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Section 1."""

    meta: Meta
    queries: dict[str, str]
    """File names of the misspelt and the right queries, each with the start of its SHA-256."""
    peers: dict[str, PeerQuality]


class PeerSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one system answers, how long its index takes, and how large it is."""

    search_ms: Percentiles
    search_ratio: Spread
    """p50 to Marquee's, round by round."""
    suggest_ms: Percentiles | None = None
    suggest_ratio: Spread | None = None
    throughput: dict[int, Spread] = {}
    """Searches per second by number of clients."""
    throughput_ratio: dict[int, Spread] = {}
    """To Marquee's, round by round."""
    refused: float = 0.0
    """Share of what was asked for the throughput that was refused for load; not counted as answered."""
    index_s: Spread
    disk_bytes: int
    memory_bytes: int
    """Resident, servers included: Marquee's and the tutorial's both count the whole node."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Section 2."""

    meta: Meta
    people: int
    rounds: int
    peers: dict[str, PeerSpeed]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What one system costs at one size."""

    people: int
    questions: int
    search_ms: Percentiles
    suggest_p50_ms: float | None = None
    index_s: float
    disk_bytes: int
    memory_bytes: int


class PeerGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """How one system's costs grow."""

    points: list[Point]
    exponents: dict[str, float] = {}
    """Of search p50, index seconds, disk bytes: cost grows with people to the power of this."""


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """The growth of section 2."""

    meta: Meta
    peers: dict[str, PeerGrowth]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One claim, and what came out."""

    claim: str
    target: str
    measured: str
    spread: str
    holds: bool


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """Section 3."""

    meta: Meta
    rows: list[Promise]


class Reindex(msgspec.Struct, frozen=True, kw_only=True):
    """Section 4."""

    meta: Meta
    people: int
    requests: int
    failed: int
    mixed: int
    """Answers with hits of two generations."""
    quiet_p99_ms: float
    reindex_p99_ms: float
    p99_ratio: Spread
    """Of each rebuild to the quiet seconds before it."""
    rebuild_s: Spread
    rollback_s: Spread


class Scorecard(msgspec.Struct, kw_only=True):
    """All sections that were measured, perhaps in different runs: each says with which command."""

    quality: Quality | None = None
    speed: Speed | None = None
    growth: Growth | None = None
    ten_million: Growth | None = None
    promises: Promises | None = None
    reindex: Reindex | None = None


SECTIONS = ("quality", "speed", "growth", "promises", "reindex")


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of one value or more."""
    return Spread(*(round(each, 4) for each in (statistics.median(values), min(values), max(values))))


def percentiles(took_ms: Sequence[float]) -> Percentiles:
    """Return the percentiles of one time or more."""
    return Percentiles(*(round(quantile(took_ms, share), 3) for share in (0.5, 0.95, 0.99)))


def read_scorecard(path: Path) -> Scorecard:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it holds no scorecard.
    """
    return msgspec.json.decode(path.read_bytes(), type=Scorecard)


def write_scorecard(path: Path, scorecard: Scorecard) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(scorecard), indent=1) + b"\n")
    beside.replace(path)
