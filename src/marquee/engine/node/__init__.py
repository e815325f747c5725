"""The managed local node: a real Elasticsearch without Docker and without an installed Java.

`acquire` installs it where needed, starts or joins it, and gives it up again at the end of a `with` block.
"""

from marquee.engine.node.node import (
    NodeLease,
    NodeStatus,
    acquire,
    log_path,
    remove,
    start,
    status,
    stop,
    tail,
)

__all__ = [
    "NodeLease",
    "NodeStatus",
    "acquire",
    "log_path",
    "remove",
    "start",
    "status",
    "stop",
    "tail",
]
