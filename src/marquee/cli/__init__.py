"""The `marquee` command."""

from __future__ import annotations

import io
import logging
import sys

from marquee.cli import asking, node, reindexing, running
from marquee.cli.group import commands
from marquee.redaction import REDACTION

__all__ = ["asking", "main", "node", "reindexing", "running"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter the terminal does not know must not end a command
            stream.reconfigure(errors="replace")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(REDACTION)
    # What went wrong with the engine is told by our own errors; the client's log repeats it with traces.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    commands(prog_name="marquee")
