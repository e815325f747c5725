"""Reading the node's log."""

from __future__ import annotations

import re
from pathlib import Path

from marquee.engine.node.layout import Layout

_BLOCK = 1 << 16
# The lines that say what went wrong; the hundreds of stack frames below them do not.
_TELLING = re.compile(r"\[(ERROR|FATAL)|Exception|^Caused by|\bError\b|^ERROR|fatal", re.IGNORECASE)
_FRAME = re.compile(r"^\s+at |^\s*\.\.\. \d+ more")


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


def summarize_failure(layout: Layout, what: str) -> str:
    """Return `what`, the lines of the logs that may say why, and where the rest is to be found."""
    found: list[str] = []
    for path in (layout.console, layout.log, layout.supervisor_log):
        told = [line for line in read_tail(path, 400) if not _FRAME.match(line)]
        telling = [line for line in told if _TELLING.search(line)] or told
        found.extend(line.strip()[:300] for line in telling[-3:])
    said = "\n  ".join(dict.fromkeys(found))
    return f"{what}\n  {said}\nThe whole log: {layout.log}" if said else f"{what} (log: {layout.log})"
