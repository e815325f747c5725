"""Snapshots of generations in a repository of Elasticsearch's: what is left when all data are lost.

A repository is registered with the engine by whoever runs it (S3, Azure, a shared folder); where none of the
name is, one of type `fs` is made, a folder below the `path.repo` of every node. A snapshot bears the name
`{prefix}-{generation}`, so that one repository serves many prefixes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from marquee.engine.cluster import SEARCH_TIMEOUT_S, Cluster
from marquee.engine.generations import index_name, index_names, parse_index_name
from marquee.engine.mappings import KINDS
from marquee.errors import EngineError, EngineRejectedError, NotFoundError

# A repository far away lists its snapshots in seconds.
REPOSITORY_TIMEOUT_S = 60.0

State = Literal["IN_PROGRESS", "SUCCESS", "PARTIAL", "FAILED", "INCOMPATIBLE"]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A generation in a repository."""

    generation: str
    state: State
    """Only one that is a SUCCESS can be restored."""
    begun_at: datetime
    ended_at: datetime | None = None
    """None while it is under way."""
    size_bytes: int | None = None
    """What restoring it reads; files that another snapshot holds as well count, too. None where unknown."""


class Moved(msgspec.Struct, frozen=True):
    """How far a snapshot or its restoration has come, in bytes."""

    done_bytes: int
    total_bytes: int
    has_no_place: bool = False
    """Whether shards wait for a node, and none is on its way to one."""


def _name(prefix: str, generation: str) -> str:
    return f"{prefix}-{generation}"


async def ensure_repository(cluster: Cluster, repository: str, location: str) -> None:
    """See to it that the repository is registered, with the folder `location` where it is not yet.

    Raises:
        EngineRejectedError: no node lets us write there (`path.repo`).
    """
    path = f"/_snapshot/{repository}"
    try:
        await cluster.request("GET", path, timeout_s=REPOSITORY_TIMEOUT_S)
    except EngineRejectedError as error:
        if "missing" not in str(error):
            raise
        body = {"type": "fs", "settings": {"location": location, "compress": True}}
        await cluster.request("PUT", path, body=body, timeout_s=REPOSITORY_TIMEOUT_S)


async def list_snapshots(cluster: Cluster, repository: str, prefix: str) -> list[Snapshot]:
    """Return the snapshots of a prefix, newest first; none where there is no such repository."""
    params = {"index_details": "true", "ignore_unavailable": "true"}
    path = f"/_snapshot/{repository}/{prefix}-v*"
    try:
        answer = await cluster.request("GET", path, params=params, timeout_s=REPOSITORY_TIMEOUT_S)
    except EngineRejectedError as error:
        if "missing" in str(error):
            return []
        raise
    found = [_read(prefix, each) for each in answer["snapshots"]]
    return sorted((each for each in found if each), key=lambda each: each.generation[-15:], reverse=True)


async def find_snapshot(cluster: Cluster, repository: str, prefix: str, generation: str) -> Snapshot:
    """Return the snapshot of a generation; raises NotFoundError where there is none."""
    for each in await list_snapshots(cluster, repository, prefix):
        if each.generation == generation:
            return each
    raise NotFoundError(f"the repository {repository} holds no snapshot of a generation {generation}")


async def begin(cluster: Cluster, repository: str, prefix: str, generation: str) -> None:
    """Begin a snapshot; it goes on by itself."""
    body = {"indices": index_names(prefix, generation), "include_global_state": False}
    path = f"/_snapshot/{repository}/{_name(prefix, generation)}"
    await cluster.request("PUT", path, body=body, timeout_s=REPOSITORY_TIMEOUT_S)


async def measure(cluster: Cluster, repository: str, prefix: str, generation: str) -> Moved | None:
    """Return how far a snapshot is that is under way; None once it has ended, well or not."""
    # Asked for its state alone, the next request could still find it under way.
    if (await find_snapshot(cluster, repository, prefix, generation)).state != "IN_PROGRESS":
        return None
    path = f"/_snapshot/{repository}/{_name(prefix, generation)}/_status"
    answer = await cluster.request("GET", path, timeout_s=REPOSITORY_TIMEOUT_S)
    stats = answer["snapshots"][0]["stats"]
    total = stats.get("incremental", stats["total"])["size_in_bytes"]
    return Moved(stats.get("processed", {}).get("size_in_bytes", total), total)


async def remove(cluster: Cluster, repository: str, prefix: str, generation: str) -> None:
    """Delete a snapshot; one that is under way ends."""
    path = f"/_snapshot/{repository}/{_name(prefix, generation)}"
    await cluster.request("DELETE", path, timeout_s=REPOSITORY_TIMEOUT_S)


async def begin_restore(
    cluster: Cluster,
    repository: str,
    prefix: str,
    generation: str,
    replicas: int,
    allocation: Mapping[str, str],
) -> None:
    """Begin to bring a generation's indexes back, behind no alias; it goes on by itself.

    `allocation` are the settings that say where its shards may be.
    """
    settings = {f"index.{name}": value for name, value in allocation.items()}
    body = {
        "indices": index_names(prefix, generation),
        "include_global_state": False,
        "include_aliases": False,
        "index_settings": {"index.number_of_replicas": replicas, **settings},
    }
    path = f"/_snapshot/{repository}/{_name(prefix, generation)}/_restore"
    await cluster.request("POST", path, body=body, timeout_s=REPOSITORY_TIMEOUT_S)


async def measure_restore(cluster: Cluster, prefix: str, generation: str) -> Moved | None:
    """Return how far a restoration is; None once every index can be searched.

    Raises:
        EngineError: a shard cannot be restored.
    """
    names = index_names(prefix, generation)
    path, params = f"/_cat/shards/{names}", {"format": "json", "h": "prirep,state,unassigned.reason,ur"}
    shards: list[dict[str, str]] = await cluster.request("GET", path, params=params)
    primaries = [each for each in shards if each["prirep"] == "p"]
    if any(each.get("unassigned.reason") == "ALLOCATION_FAILED" for each in primaries):
        raise EngineError(f"{generation} cannot be restored: Elasticsearch's log says why")
    recovery = await cluster.request("GET", f"/{names}/_recovery", timeout_s=SEARCH_TIMEOUT_S)
    sizes = [shard["index"]["size"] for index in recovery.values() for shard in index["shards"]]
    if len(primaries) >= len(KINDS) and all(each["state"] == "STARTED" for each in primaries):
        return None
    states = {each["state"] for each in primaries}
    return Moved(
        sum(each["recovered_in_bytes"] for each in sizes),
        sum(each["total_in_bytes"] for each in sizes),
        has_no_place="UNASSIGNED" in states and "INITIALIZING" not in states,
    )


def _read(prefix: str, told: dict[str, Any]) -> Snapshot | None:
    """Return what the engine tells of a snapshot; None for one that is another prefix's."""
    generation = told["snapshot"].removeprefix(f"{prefix}-")
    if parse_index_name(prefix, index_name(prefix, "actors", generation)) is None:
        return None
    details: Sequence[dict[str, int]] = list(told.get("index_details", {}).values())
    return Snapshot(
        generation=generation,
        state=told["state"],
        begun_at=_to_time(told["start_time_in_millis"]),
        ended_at=_to_time(told["end_time_in_millis"]) if told.get("end_time_in_millis") else None,
        size_bytes=sum(each["size_in_bytes"] for each in details) if details else None,
    )


def _to_time(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
