"""Who a process is, for people who read the lease, jobs and the audit log."""

from __future__ import annotations

import getpass
import os
import socket

SCHEDULE = "schedule"
"""Who asks for scheduled jobs; no token bears this name, so that their keys are its own."""


def name_process() -> str:
    """Return "host:pid"."""
    return f"{socket.gethostname()}:{os.getpid()}"


def name_user() -> str:
    """Return "user@host", whoever runs this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
