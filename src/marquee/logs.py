"""What is logged, and how: lines of JSON, or text for people, for every command and process alike.

Each line that belongs to a request names it. What people type is in none of them unless MARQUEE_LOG_QUERIES
allows it: exceptions, which may quote it, are logged without their texts while a request is worked for.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.msgspec import MsgspecFormatter

from marquee import correlation
from marquee.redaction import REDACTION, secrets_of
from marquee.settings import Settings

# uvicorn colours some of its messages, and says them twice.
_RESERVED = [*RESERVED_ATTRS, "color_message", "taskName"]
# Of a line of text, nobody who is quoted in it may make two, or colour the terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_may_quote = False


def set_up(settings: Settings) -> None:
    """Log as the settings say, to standard error; the last call counts."""
    global _may_quote
    _may_quote = settings.log_queries
    REDACTION.hide(*secrets_of(settings))
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(handler)
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = _Handler()
    handler.setFormatter(_TextFormatter() if is_text else _JsonFormatter())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    level = settings.log_level.upper()
    logging.getLogger("marquee").setLevel(level)
    # Its own start-up lines say less than ours.
    logging.getLogger("uvicorn").setLevel("WARNING" if level == "INFO" else level)
    # What went wrong with the engine is told by our own errors; the client's log repeats it with traces, and
    # quotes addresses and bodies.
    is_open = settings.log_queries and level == "DEBUG"
    logging.getLogger("elastic_transport").setLevel(level if is_open else logging.ERROR)


def withhold(text: str, quoted: str) -> str:
    """Return a text without the part that others wrote, and that may hold what was typed."""
    return text.replace(quoted, "…") if quoted and _is_discreet() else text


def _is_discreet() -> bool:
    """Whether what is logged now must not quote anything."""
    request = correlation.current()
    return not _may_quote and request is not None and request.is_private


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to whatever is standard error at the moment, as tests and terminals replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = super().format(record)
        except (TypeError, ValueError):  # a log call with the wrong arguments: better half a line than none
            record.msg, record.args = f"{record.msg} {record.args}", ()
            line = super().format(record)
        return REDACTION.redact(line)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _JsonFormatter(MsgspecFormatter):
    def __init__(self) -> None:
        super().__init__(reserved_attrs=_RESERVED, rename_fields={"exc_info": "exception"})

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data |= {
            "time": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.message,
            **_describe_request(),
        }
        super().add_fields(log_data, record, message_dict)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        return _format_exception(ei)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {key: value for key, value in record.__dict__.items() if key not in _RESERVED}
        told = {**_describe_request(), **told}
        values = "".join(f" {key}={value}" for key, value in told.items())
        line = f"{_format_time(record)} {record.levelname} {record.name}: {record.getMessage()}{values}"
        line = line.translate(_CONTROLS)
        return f"{line}\n{_format_exception(record.exc_info)}" if record.exc_info else line


def _format_time(record: logging.LogRecord) -> str:
    """Return a record's time as RFC 3339 has it."""
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _describe_request() -> dict[str, str]:
    request = correlation.current()
    if request is None:
        return {}
    traced = {"trace_id": request.trace_id, "span_id": request.span_id} if request.is_traced else {}
    return {"request_id": request.trace_id, **traced}


def _format_exception(exc_info: ExcInfo) -> str:
    error = exc_info[1]
    if error is None:
        return ""
    if not _is_discreet():
        return "".join(traceback.format_exception(error)).rstrip()
    told: list[str] = []
    while error is not None:
        told.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nwhich led to:\n".join(reversed(told))
