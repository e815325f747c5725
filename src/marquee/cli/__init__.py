"""The `marquee` command."""

from __future__ import annotations

import io
import sys

from marquee import logs
from marquee.cli import asking, backup, matching, node, reindexing, running
from marquee.cli.group import commands
from marquee.settings import Settings

__all__ = ["asking", "backup", "main", "matching", "node", "reindexing", "running"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter the terminal does not know must not end a command
            stream.reconfigure(errors="replace")
    logs.set_up(Settings())  # until a command has read its own
    commands(prog_name="marquee")
