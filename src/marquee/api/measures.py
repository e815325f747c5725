"""What the service measures of itself: how long answers take, stage by stage, and where they come from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector

from marquee import standstill

Source = Literal["client", "memory", "redis", "engine", "shared"]
"""`client`: it had it already (304); `shared`: somebody else was just being answered the same."""
STAGES = ("queue", "cache", "engine", "rerank", "encode")
_SERVER_TIMING = ", ".join(f"{name};dur=%.2f" for name in (*STAGES, "total"))
# From a cached answer to the deadline, with the promise of 500 ms as a bound, so that its share is exact.
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
LAG_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# Oftener than any deadline ends, so that a standstill is known before what it ended is judged.
LOOK_AT_LOOP_EVERY_S = 0.1


class Stages(NamedTuple):
    """What an answer's stages took, in seconds: those of `STAGES`, in their order, and all together."""

    queue_s: float = 0.0
    """Waiting for a place at the engine."""
    cache_s: float = 0.0
    engine_s: float = 0.0
    """Elasticsearch, the way there and back included."""
    rerank_s: float = 0.0
    """Marquee's own work: building queries, decoding, scoring, ordering."""
    encode_s: float = 0.0
    total_s: float = 0.0

    def render(self) -> str:
        """Return the value of a `Server-Timing` header, in milliseconds."""
        return _SERVER_TIMING % tuple([taken_s * 1000 for taken_s in self])


@dataclass(slots=True)
class Asked:
    """A question, and what became of it: for the log of slow ones and for traces."""

    endpoint: str
    body: bytes = b""
    """What was posted."""
    source: Source | None = None
    generation: str | None = None
    stages: Stages | None = None
    is_stale: bool = False
    is_refused: bool = False
    """Whether it was not put to the engine at all."""

    def describe(self) -> dict[str, Any]:
        """Return what may be told of it to everybody: not the question itself."""
        told: dict[str, Any] = {"endpoint": self.endpoint}
        if self.source:
            told |= {"source": self.source, "generation": self.generation}
        if self.stages:
            told |= {f"{name}_ms": round(getattr(self.stages, f"{name}_s") * 1000, 2) for name in STAGES}
        return told


class Measures:
    """The service's own metrics, of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        answers = Counter(
            "marquee_answers", "Answers, by where they came from.", ["endpoint", "source"],
            registry=self.registry,
        )  # fmt: skip
        stale = Counter(
            "marquee_stale_answers", "Answers given from the cache while the engine was away.", ["endpoint"],
            registry=self.registry,
        )  # fmt: skip
        stages = Histogram(
            "marquee_stage_seconds", "What a stage of an answer took.", ["endpoint", "stage"],
            buckets=BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        requests = Histogram(
            "marquee_request_seconds", "What requests took, errors and refusals included.",
            ["route", "method", "status"], buckets=BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self._lag = Histogram(
            "marquee_event_loop_lag_seconds", "How late the process comes to do what is due.",
            buckets=LAG_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        # Looked up once for each set of labels: the library takes a lock and checks them every time.
        self._answers, self._stale = cache(answers.labels), cache(stale.labels)
        self._stages, self._requests = cache(stages.labels), cache(requests.labels)

    def observe_request(self, route: str, method: str, status: str, took_s: float) -> None:
        """Count a request; `status` is its class, "2xx" say."""
        self._requests(route, method, status).observe(took_s)

    def count_answer(self, asked: Asked) -> None:
        """Count an answer, and what its stages took where there were any."""
        self._answers(asked.endpoint, asked.source).inc()
        if asked.is_stale:
            self._stale(asked.endpoint).inc()
        if asked.source == "shared":  # its stages are another request's, and were counted there
            return
        for name, taken_s in zip(STAGES, asked.stages or (), strict=False):
            if taken_s:
                self._stages(asked.endpoint, name).observe(taken_s)

    async def watch_loop(self) -> None:
        """Measure how late the event loop comes to what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_AT_LOOP_EVERY_S
            await asyncio.sleep(LOOK_AT_LOOP_EVERY_S)
            late_s = max(0.0, loop.time() - due)
            self._lag.observe(late_s)
            standstill.note(late_s)
