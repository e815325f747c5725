"""Runs `marquee` commands, each in a process forked from this one.

As a person's shell would start it, but for the imports, which were done already: they take half a second of
each command, and the tests run more than a hundred. Standard input brings one order a line, standard output
gets its exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from marquee.cli import main

GIVEN_UP_AFTER_S = 120


def prepare(order: dict[str, Any]) -> None:
    """Make a forked process what the order describes."""
    signal.alarm(GIVEN_UP_AFTER_S)
    for number, path in enumerate((os.devnull, order["stdout"], order["stderr"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv[1:] = order["arguments"]


def serve() -> None:
    """Carry out orders; return in a process that is to be a command."""
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            prepare(json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201
    sys.exit()


if __name__ == "__main__":
    serve()
    main()
