"""What every process that serves must know at once: which generation is live, and which cached answers count.

Both are aliases, read together in one small request. The *epoch* of the cache is an alias of the index of
records, `{prefix}-cache-…`: to clear the caches of all processes is to rename it.
"""

from __future__ import annotations

from typing import NamedTuple

from marquee.engine import markers
from marquee.engine.cluster import ADMIN_TIMEOUT_S, Cluster
from marquee.engine.generations import alias, parse_index_name, version_of
from marquee.engine.mappings import READABLE_VERSIONS
from marquee.engine.records import Records, index_name
from marquee.errors import EngineNotReadyError

# One that does not answer this within a second will not answer a search either.
STATE_TIMEOUT_S = 1.0


class State(NamedTuple):
    """What is so now."""

    generation: str | None
    """The live generation's id; None where none is live."""
    epoch: str
    """Answers cached in another epoch were cleared."""


async def read_state(cluster: Cluster, prefix: str, timeout_s: float = STATE_TIMEOUT_S) -> State:
    """Return what is so now; raises as `Cluster.request`."""
    # Not `_alias`: where security is on, it fails when any alias is renamed at the same moment.
    params = {"features": "aliases", "ignore_unavailable": "true", "allow_no_indices": "true"}
    path = f"/{alias(prefix, 'actors')},{index_name(prefix)}"
    found = await cluster.request("GET", path, params=params, timeout_s=timeout_s)
    records: dict[str, object] = found.pop(index_name(prefix), {}).get("aliases", {})
    epoch = ",".join(sorted(name for name in records if name.startswith(_epoch(prefix))))
    named = (parse_index_name(prefix, index) for index in found)
    return State(next((each[1] for each in named if each), None), epoch)


def check_readable(generation: str) -> None:
    """Raise EngineNotReadyError where a generation was built for another release of Marquee."""
    if version_of(generation) not in READABLE_VERSIONS:
        readable = ", ".join(str(each) for each in sorted(READABLE_VERSIONS))
        raise EngineNotReadyError(
            f"{generation} is live, whose mapping version this release cannot read (it reads {readable}): "
            "use the release that built it, or go back with `marquee rollback`"
        )


async def renew_epoch(records: Records) -> None:
    """Have every process forget its cached answers; raises EngineError where that cannot be told."""
    await records.ensure()
    index, begin = index_name(records.prefix), _epoch(records.prefix)
    found = await records.cluster.request("GET", f"/{index}", params={"features": "aliases"})
    # Of two who clear at once, each may find the other's gone already, and both have cleared.
    actions: list[markers.Action] = [
        {"remove": {"index": index, "alias": name, "must_exist": False}}
        for name in found[index]["aliases"]
        if name.startswith(begin)
    ]
    actions.append({"add": {"index": index, "alias": begin + markers.new_value()}})
    await records.cluster.request("POST", "/_aliases", body={"actions": actions}, timeout_s=ADMIN_TIMEOUT_S)


def _epoch(prefix: str) -> str:
    return f"{prefix}-cache-"
