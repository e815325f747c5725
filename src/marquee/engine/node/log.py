"""Reading the node's log."""

from __future__ import annotations

import re
from pathlib import Path

from marquee.engine.node.layout import Layout

_BLOCK = 1 << 16
# The lines that say what went wrong. The hundreds of stack frames below them do not, nor do mere reports.
_TELLING = re.compile(
    r"Exception|^Caused by|error|fatal|fail|unrecognized|invalid|denied|no space", re.IGNORECASE
)
_NOISE = re.compile(
    r"^\s+at |^\s*\.\.\. \d+ more|^\[[^]]*\]\[(INFO|DEBUG|TRACE) *\]|^WARNING|.*LocaleProviderAdapter"
)


def read_tail(path: Path, lines: int) -> list[str]:
    """Return the last `lines` lines of a file of any size; empty when there is no such file."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, 2)
            text = b""
            while position > 0 and text.count(b"\n") <= lines:
                step = min(_BLOCK, position)
                position -= step
                file.seek(position)
                text = file.read(step) + text
    except OSError:
        return []
    return text.decode(errors="replace").splitlines()[-lines:]


def summarize_failure(layout: Layout, what: str, since: float = 0.0) -> str:
    """Return `what`, the lines of the logs that may say why, and where the rest is to be found.

    Logs last written before `since` (seconds since 1970) tell of an earlier life and are left out.
    """
    found: list[str] = []
    for path in (layout.supervisor_log, layout.console, layout.log):
        if path.exists() and path.stat().st_mtime >= since - 1:
            told = [line.strip()[:300] for line in read_tail(path, 400) if not _NOISE.match(line) and line]
            found.extend([line for line in told if _TELLING.search(line)][-4:] or told[-2:])
    said = "\n  ".join(dict.fromkeys(found))
    return f"{what}\n  {said}\nThe whole log: {layout.log}" if said else f"{what} (log: {layout.log})"
