"""What the service measures of itself: how long answers take, stage by stage, and where they come from."""

from __future__ import annotations

import logging
from typing import Any, Literal, NamedTuple

from litestar import Request
from prometheus_client import CollectorRegistry, Counter, Histogram

_log = logging.getLogger("marquee.api")

Source = Literal["client", "memory", "redis", "engine"]
STAGES = ("queue", "cache", "engine", "rerank", "encode")
# From a cached answer to the deadline, with the promise of 500 ms as a bound, so that its share is exact.
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class Stages(NamedTuple):
    """What an answer's stages took, in seconds."""

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
        told = [f"{name};dur={getattr(self, f'{name}_s') * 1000:.2f}" for name in STAGES]
        return ", ".join([*told, f"total;dur={self.total_s * 1000:.2f}"])


class Measures:
    """The service's own metrics, of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._answers = Counter(
            "marquee_answers",
            "Answers, by where they came from.",
            ["endpoint", "source"],
            registry=self.registry,
        )
        self._stale = Counter(
            "marquee_stale_answers", "Answers given from the cache while the engine was away.", ["endpoint"],
            registry=self.registry,
        )  # fmt: skip
        self._stages = Histogram(
            "marquee_stage_seconds", "What a stage of an answer took.", ["endpoint", "stage"],
            buckets=BUCKETS_S, registry=self.registry,
        )  # fmt: skip

    def count_answer(self, endpoint: str, source: Source) -> None:
        """Count an answer."""
        self._answers.labels(endpoint, source).inc()

    def observe_answer(
        self, request: Request[Any, Any, Any], endpoint: str, source: Any, stages: Stages, *, is_stale: bool
    ) -> None:
        """Count an answer and what its stages took."""
        self.count_answer(endpoint, source)
        if is_stale:
            self._stale.labels(endpoint).inc()
        for name in STAGES:
            if taken_s := getattr(stages, f"{name}_s"):
                self._stages.labels(endpoint, name).observe(taken_s)
        request.scope["marquee.stages"] = stages  # type: ignore[typeddict-unknown-key]
