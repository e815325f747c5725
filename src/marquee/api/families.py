"""Metrics that are read where they are kept when somebody asks, in the form their library takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PREFIX = "marquee_"


def gauge(name: str, help_text: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    """Return a metric of one value."""
    metric = GaugeMetricFamily(PREFIX + name, help_text, labels=list(labels or {}))
    metric.add_metric(list((labels or {}).values()), value)
    return metric


def counter(
    name: str, help_text: str, labels: Iterable[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """Return a metric that only grows, by the values of its labels; its name gets `_total`."""
    metric = CounterMetricFamily(PREFIX + name, help_text, labels=list(labels))
    for each, value in values.items():
        metric.add_metric(list(each), value)
    return metric


def states(
    name: str, help_text: str, known: Iterable[str], present: str | None, label: str = "status"
) -> Metric:
    """Return a metric that is 1 for the present state and 0 for the others; empty where there is none."""
    metric = GaugeMetricFamily(PREFIX + name, f"{help_text} 1 for what holds.", labels=[label])
    if present is not None:
        for state in known:
            metric.add_metric([state], state == present)
    return metric
