"""Traces by OpenTelemetry, where its extra is installed and its own `OTEL_` variables ask for them.

Else nothing of it is imported, and a span costs a look at a variable. Spans hold neither what people type nor
the texts of exceptions, which may quote it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from marquee import __version__, correlation
from marquee.correlation import Parent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_log = logging.getLogger("marquee.tracing")
_provider: TracerProvider | None = None
_tracer: Tracer | None = None
_NOTHING = contextlib.nullcontext()


def is_on() -> bool:
    """Whether this process records traces."""
    return _tracer is not None


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter == "otlp" or (not exporter and any(environ.get(each) for each in _ENDPOINTS))


def open_if_wanted() -> None:
    """Record traces from here on, if they are wanted and can be."""
    if not is_wanted(os.environ):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("OTEL_ variables ask for traces, but the extra `otel` is not installed")
        return
    _open(BatchSpanProcessor(OTLPSpanExporter()))


def open_to(exporter: SpanExporter) -> None:
    """Record traces from here on, each span given to an exporter when it ends."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    _open(SimpleSpanProcessor(exporter))


def close() -> None:
    """Send what is recorded, and record no more."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def _open(processor: Any) -> None:
    global _provider, _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.version": __version__})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "marquee"}))
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("marquee", __version__)


@contextlib.contextmanager
def serve(parent: Parent | None) -> Iterator[Span]:
    """Record the answering of a request; to be called where `is_on`."""
    from opentelemetry import trace

    context = None
    if parent is not None:
        remote = trace.SpanContext(
            int(parent.trace_id, 16),
            int(parent.span_id, 16),
            is_remote=True,
            trace_flags=trace.TraceFlags(int(parent.flags, 16) & trace.TraceFlags.SAMPLED),
        )
        context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    assert _tracer is not None  # noqa: S101 (the caller's duty)
    with _tracer.start_as_current_span(
        "request", context, trace.SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    ) as span:
        yield span


def describe(span: Span, name: str, attributes: Mapping[str, str | int], *, is_error: bool) -> None:
    """Say at the end what a span was about."""
    from opentelemetry.trace import StatusCode

    span.update_name(name)
    span.set_attributes(dict(attributes))
    if is_error:
        span.set_status(StatusCode.ERROR)


def record(name: str) -> contextlib.AbstractContextManager[Any]:
    """Record what is done within for a request."""
    return _record(name, {}, is_call=False) if _is_of_request() else _NOTHING


def record_call(path: str) -> contextlib.AbstractContextManager[Any]:
    """Record a call to Elasticsearch for a request: its kind, since the path may name what was looked up."""
    if not _is_of_request():
        return _NOTHING
    found = re.search(r"/_(\w+)", path)
    name = found[1] if found else "index"
    return _record(name, {"db.system.name": "elasticsearch", "db.operation.name": name}, is_call=True)


def _is_of_request() -> bool:
    """Whether a request is being recorded: what the process asks for itself, all the time, is not."""
    return _tracer is not None and correlation.current() is not None


@contextlib.contextmanager
def _record(name: str, attributes: dict[str, str], *, is_call: bool) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, StatusCode

    assert _tracer is not None  # noqa: S101
    kind = SpanKind.CLIENT if is_call else SpanKind.INTERNAL
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
