"""The state of the service's parts as metrics: cache, breaker, admission, connections to the engine."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from marquee import breaker
from marquee.api.admission import Admission
from marquee.api.cache import Cache
from marquee.api.families import counter, gauge, states
from marquee.engine.cluster import Cluster
from marquee.engine.hosts import CONNECTIONS_PER_NODE


class Vitals(Collector):
    """Read from the parts whenever somebody asks."""

    def __init__(
        self, cache: Cache, engine_breaker: breaker.Breaker, admission: Admission, cluster: Cluster
    ) -> None:
        self._cache, self._breaker = cache, engine_breaker
        self._admission, self._cluster = admission, cluster

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self._collect_cache()
        yield states(
            "breaker_state", "Whether the engine is asked.", breaker.STATES, self._breaker.state, "state"
        )
        admission = self._admission
        yield gauge("admission_places", "Questions put to the engine at once, at most.", admission.places)
        yield gauge("admission_under_way", "Questions that the engine works on.", admission.under_way)
        yield gauge("admission_waiting", "Questions that wait for a place.", admission.waiting)
        yield counter(
            "admission_refused", "Questions refused, no place being free.", (), {(): admission.refused}
        )
        yield gauge("engine_requests", "Requests to the engine under way.", self._cluster.under_way)
        yield gauge("engine_connections_max", "Connections to a node of it, at most.", CONNECTIONS_PER_NODE)

    def _collect_cache(self) -> Iterator[Metric]:
        kept = self._cache
        labels = ("endpoint", "layer")
        traffic = kept.traffic
        hits: dict[tuple[str, ...], float] = {each: found.hits for each, found in traffic.items()}
        misses: dict[tuple[str, ...], float] = {each: found.misses for each, found in traffic.items()}
        yield counter("cache_hits", "Answers found in a layer of the cache.", labels, hits)
        yield counter("cache_misses", "Answers looked for there in vain.", labels, misses)
        yield gauge("cache_entries", "Answers kept in memory.", kept.entries)
        yield gauge("cache_bytes", "Memory they take.", kept.used_bytes)
        yield gauge("cache_max_bytes", "Memory they may take.", kept.size_bytes)
        yield states("redis_state", "Whether Redis is asked.", breaker.STATES, kept.redis_state, "state")
        yield counter("redis_errors", "Failed calls to Redis.", (), {(): kept.redis_errors})
