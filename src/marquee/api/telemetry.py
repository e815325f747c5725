"""`/metrics` for Prometheus: the figures of `/v1/status`, read when they are asked for; the process's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import get_args

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from marquee import __version__
from marquee.api.families import gauge, states
from marquee.api.health import NO_STORE
from marquee.api.responses import ANY_PROBLEMS, data_of
from marquee.engine.cluster import Cluster
from marquee.reindex.job import State
from marquee.reindex.status import RESULTS, EngineStatus, JobSummary, Status, read_status

# The text format as every Prometheus reads it; Litestar adds the charset.
MEDIA_TYPE = "text/plain; version=0.0.4"
DOCUMENTED_TYPE = "text/plain"
# Prometheus asks every 15 s or less often; whoever asks more often gets what was read for another.
READ_EVERY_S = 5.0
# It gives up after 10 s: by then it must have been told that the engine is away.
READ_TIMEOUT_S = 8.0
ENGINE_STATES = ("green", "yellow", "red", "unreachable")

_AWAY = Status(
    generation=None,
    source=None,
    data_age_s=None,
    fresh=False,
    counts={},
    degraded=True,
    engine=EngineStatus(version=None, status="unreachable"),
    attribution="",
    quality={},
)


class Figures:
    """The page of metrics; what the engine tells is read now and then only."""

    def __init__(self, cluster: Cluster, prefix: str, own: CollectorRegistry) -> None:
        """`own` holds the metrics of the process, which are read at once."""
        self._cluster, self._prefix, self._own = cluster, prefix, own
        self._reading = asyncio.Lock()
        self._page = b""
        self._read_at = float("-inf")

    async def render(self) -> bytes:
        """Return the page in the text format 0.0.4; an engine that is away is a page, too."""
        async with self._reading:  # of many who ask at once, one asks the engine
            if time.monotonic() - self._read_at > READ_EVERY_S:
                try:
                    async with asyncio.timeout(READ_TIMEOUT_S):
                        status = await read_status(self._cluster, self._prefix)
                except TimeoutError:
                    status = _AWAY
                registry = CollectorRegistry(auto_describe=False)
                registry.register(_Measured(measure(status)))
                self._page, self._read_at = generate_latest(registry), time.monotonic()
            page = self._page
        return page + generate_latest(self._own)


class _Measured(Collector):
    """Metrics that were measured already, in the form their library takes them."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def measure(status: Status) -> list[Metric]:
    """Return the metrics of a status; what it does not tell is left out, and never told as 0."""
    is_up = status.engine.status != "unreachable"
    metrics: list[Metric] = [
        gauge("build_info", "The release that answers.", 1, {"version": __version__}),
        gauge("engine_up", "Whether Elasticsearch answers.", is_up),
        states("engine_status", "The state of Elasticsearch.", ENGINE_STATES, status.engine.status),
    ]
    if not is_up:
        return metrics
    metrics += [
        gauge("engine_writable", "Whether it takes writes; not on a full disk.", status.engine.writable),
        gauge("data_fresh", "Whether something is live, and confirmed within 24 h if it ages.", status.fresh),
        gauge("pinned", "Whether a generation is held.", status.pinned is not None),
        *_measure_generation(status),
        _job_states("last_job_state", "The newest job that is no dry run.", get_args(State), status.last_job),
        _job_states(
            "last_result_state", "The newest job that came to a result.", sorted(RESULTS), status.last_result
        ),
        _time("last_success_timestamp_seconds", "When a reindex last ended well.", status.last_success_at),
        _time("next_run_timestamp_seconds", "When a worker looks at the source next.", status.next_run_at),
    ]
    if status.workers is not None:
        metrics.append(gauge("workers", "Workers that are alive.", status.workers))
    return metrics


def _measure_generation(status: Status) -> list[Metric]:
    if status.generation is None or status.source is None:
        return []
    labels = {"generation": status.generation, "source": status.source.kind}
    documents = GaugeMetricFamily("marquee_documents", "Documents of the live generation.", labels=["kind"])
    for kind, count in status.counts.items():
        documents.add_metric([kind], count)
    metrics: list[Metric] = [
        gauge("generation_info", "What is live.", 1, labels),
        documents,
        _time(
            "source_published_timestamp_seconds",
            "When the newest file of what is live was made.",
            status.source.published_at,
        ),
        _time(
            "source_confirmed_timestamp_seconds",
            "When what is live was last known to match what is published.",
            status.source.confirmed_at,
        ),
    ]
    if status.data_age_s is not None:
        metrics.append(
            gauge(
                "data_age_seconds",
                "Since when it is not known to match what is published; only for data that age.",
                status.data_age_s,
            )
        )
    return metrics


def _job_states(name: str, help_text: str, known: Iterable[str], job: JobSummary | None) -> Metric:
    return states(name, help_text, known, job.state if job else None, "state")


def _time(name: str, help_text: str, at: datetime | None) -> Metric:
    """Return a metric of a time in Unix seconds; empty where it is not known."""
    metric = GaugeMetricFamily(f"marquee_{name}", help_text)
    if at is not None:
        metric.add_metric([], at.timestamp())
    return metric


@get(
    "/metrics",
    operation_id="metrics",
    summary="The figures of the status, for Prometheus",
    tags=["health"],
    responses=data_of(str, media_type=DOCUMENTED_TYPE) | ANY_PROBLEMS,
)
async def metrics(figures: NamedDependency[Figures]) -> Response[bytes]:
    """Return the figures in the text format; an engine that is away is a figure, too."""
    return Response(await figures.render(), media_type=MEDIA_TYPE, headers=NO_STORE)
