"""Generations: complete sets of indexes behind the aliases, told apart by their id.

A generation `v1-20261122t030512` is the indexes `{prefix}-actors-v1-20261122t030512`, `{prefix}-titles-…` and
`{prefix}-tokens-…`. What built it stands in the `_meta` of the actors index, so that it is read, swapped and
deleted together with the data it describes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from marquee.engine.cluster import ADMIN_TIMEOUT_S, SEARCH_TIMEOUT_S, Cluster
from marquee.engine.descriptions import BuildMeta as BuildMeta
from marquee.engine.descriptions import SetAside as SetAside
from marquee.engine.descriptions import SourceMeta as SourceMeta
from marquee.engine.mappings import KINDS, MAPPING_VERSION, READABLE_VERSIONS, Kind, read_mapping
from marquee.errors import EngineConflictError, EngineNotReadyError, LoadError, NotFoundError

_ID = r"v(?P<version>[1-9]\d{0,5})-(?P<built>\d{8}t\d{6})"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that exists in the engine."""

    id: str
    live: bool
    complete: bool
    """Whether its build ended; an incomplete one is never swapped in."""
    aliased: bool = False
    """Whether readers reach any of its indexes: never deleted then, whatever else is odd about it."""
    foreign: bool = False
    """Whether another release wrote what is recorded of it: neither used nor deleted by this one."""
    kinds: tuple[Kind, ...] = KINDS
    """Its indexes that exist."""
    meta: BuildMeta | None

    @property
    def built_at(self) -> datetime:
        """When its build began (UTC)."""
        return datetime.strptime(self.id.split("-")[1], "%Y%m%dt%H%M%S").replace(tzinfo=UTC)

    @property
    def mapping_version(self) -> int:
        """The version of the index definitions it was built with."""
        return version_of(self.id)

    @property
    def readable(self) -> bool:
        """Whether this release can search it."""
        return self.mapping_version in READABLE_VERSIONS

    @property
    def set_aside(self) -> SetAside:
        """Why it is not to be live although it is complete; empty where nothing speaks against it."""
        return self.meta.set_aside if self.meta else ""


def version_of(generation: str) -> int:
    """Return the mapping version that stands in a generation's id."""
    return int(generation.removeprefix("v").split("-")[0])


def alias(prefix: str, kind: Kind) -> str:
    """Return the name readers use: `{prefix}-actors`."""
    return f"{prefix}-{kind}"


def index_name(prefix: str, kind: Kind, generation: str) -> str:
    """Return the name of one index of a generation."""
    return f"{prefix}-{kind}-{generation}"


def index_names(prefix: str, generation: str) -> str:
    """Return the names of all indexes of a generation, as the engine takes several."""
    return ",".join(index_name(prefix, kind, generation) for kind in KINDS)


def loading_alias(prefix: str, kind: Kind, generation: str) -> str:
    """Return the name a build writes through, gone with its index: a build that lost it is refused."""
    return f"{prefix}-loading-{kind}-{generation}"


@lru_cache(maxsize=64)
def parse_index_name(prefix: str, index: str) -> tuple[Kind, str] | None:
    """Return kind and generation of an index, or None for one that is not ours."""
    found = re.fullmatch(rf"{re.escape(prefix)}-({'|'.join(KINDS)})-({_ID})", index)
    return (found[1], found[2]) if found else None  # type: ignore[return-value]


def generation_of(prefix: str, index: str) -> str:
    """Return the generation an answer came from, by the name of the index a hit names.

    Raises:
        EngineNotReadyError: the alias points at an index that is no generation of ours.
    """
    parsed = parse_index_name(prefix, index)
    if parsed is None:
        raise EngineNotReadyError(f"index {index} behind our alias is no generation of Marquee")
    return parsed[1]


def new_id(existing: list[Generation], now: datetime | None = None) -> str:
    """Return the id of a generation that begins now, later than every existing one even if clocks differ."""
    begins = (now or datetime.now(UTC)).replace(microsecond=0)
    for each in existing:
        begins = max(begins, each.built_at + timedelta(seconds=1))
    return f"v{MAPPING_VERSION}-{begins:%Y%m%dt%H%M%S}"


async def create(
    cluster: Cluster, prefix: str, generation: str, shards: int, settings: Mapping[str, str] | None = None
) -> None:
    """Create the empty indexes of a generation, set up for loading: no refresh, no replicas, `settings`.

    Raises:
        EngineConflictError: the id is taken; the indexes are another build's.
    """
    for kind in KINDS:
        definition = read_mapping(kind)
        own: Any = {"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"}
        definition["settings"]["index"] = own | (settings or {})
        definition["aliases"] = {loading_alias(prefix, kind, generation): {}}
        await cluster.request("PUT", f"/{index_name(prefix, kind, generation)}", body=definition)


async def complete(cluster: Cluster, prefix: str, generation: str, meta: BuildMeta, *, replicas: int) -> None:
    """End a build: make the documents searchable, check their counts, record `meta`, restore the settings.

    Raises:
        LoadError: an index holds more or fewer documents than `meta.counts` says, or is gone.
    """
    for kind in KINDS:
        index = index_name(prefix, kind, generation)
        try:
            await cluster.request("POST", f"/{index}/_refresh", timeout_s=300)
            found = (await cluster.request("GET", f"/{index}/_count"))["count"]
            if found != meta.counts[kind]:
                raise LoadError(f"{index} holds {found:,} documents where {meta.counts[kind]:,} were sent")
            settings = {"index": {"refresh_interval": None, "number_of_replicas": replicas}}
            await cluster.request("PUT", f"/{index}/_settings", body=settings)
            with contextlib.suppress(EngineConflictError):  # gone: the request was sent twice
                loading = loading_alias(prefix, kind, generation)
                await cluster.request("DELETE", f"/{index}/_alias/{loading}")
        except EngineNotReadyError as error:
            raise LoadError(f"{index} was deleted while it was loaded") from error
    await write_meta(cluster, prefix, generation, meta)


async def write_meta(cluster: Cluster, prefix: str, generation: str, meta: BuildMeta) -> None:
    """Replace what stands recorded of a generation."""
    recorded = {"mapping_version": version_of(generation), "build": msgspec.to_builtins(meta)}
    path = f"/{index_name(prefix, 'actors', generation)}/_mapping"
    await cluster.request("PUT", path, body={"_meta": recorded})


async def update_meta(cluster: Cluster, prefix: str, generation: str, **changes: Any) -> None:
    """Change some of what stands recorded of a generation, leaving what others changed meanwhile."""
    if meta := await read_meta(cluster, prefix, generation):
        await write_meta(cluster, prefix, generation, msgspec.structs.replace(meta, **changes))


async def list_generations(
    cluster: Cluster, prefix: str, timeout_s: float = ADMIN_TIMEOUT_S
) -> list[Generation]:
    """Return all generations of this prefix, newest first."""
    indexes = await list_indexes(cluster, prefix, timeout_s)
    kinds_of: dict[str, set[Kind]] = {}
    for index in indexes:
        if parsed := parse_index_name(prefix, index):
            kinds_of.setdefault(parsed[1], set()).add(parsed[0])
    return [
        _describe(prefix, generation, kinds_of[generation], indexes)
        for generation in sorted(kinds_of, key=lambda each: each.split("-")[1], reverse=True)
    ]


async def list_indexes(cluster: Cluster, prefix: str, timeout_s: float) -> dict[str, Any]:
    """Return aliases and metadata of every index whose name begins like one of ours."""
    pattern = ",".join(f"{prefix}-{kind}-v*" for kind in KINDS)
    params = {
        "filter_path": "*.aliases,*.mappings._meta",
        "allow_no_indices": "true",
        "ignore_unavailable": "true",  # deleted while it is listed
        "expand_wildcards": "open",
        "features": "aliases,mappings",
    }
    found: dict[str, Any] = await cluster.request("GET", f"/{pattern}", params=params, timeout_s=timeout_s)
    return found


def _describe(prefix: str, generation: str, kinds: set[Kind], indexes: dict[str, Any]) -> Generation:
    def index(kind: Kind) -> dict[str, Any]:
        found: dict[str, Any] = indexes.get(index_name(prefix, kind, generation), {})
        return found

    meta = _read_build(index("actors"))
    has_meta = "build" in index("actors").get("mappings", {}).get("_meta", {})
    return Generation(
        id=generation,
        live=all(alias(prefix, kind) in index(kind).get("aliases", {}) for kind in KINDS),
        complete=meta is not None and kinds == set(KINDS),
        aliased=any(alias(prefix, kind) in index(kind).get("aliases", {}) for kind in KINDS),
        foreign=has_meta and meta is None,
        kinds=tuple(sorted(kinds)),
        meta=meta,
    )


def _read_build(index: dict[str, Any]) -> BuildMeta | None:
    """Return what an index's mapping says of its build; None for nothing, or what another version wrote."""
    build = index.get("mappings", {}).get("_meta", {}).get("build")
    try:
        return msgspec.convert(build, BuildMeta) if build else None
    except msgspec.ValidationError:
        return None


async def read_meta(cluster: Cluster, prefix: str, generation: str) -> BuildMeta | None:
    """Return what a generation was built from; raises as `Cluster.request`."""
    name = index_name(prefix, "actors", generation)
    params = {"filter_path": "*.mappings._meta"}
    found = await cluster.request("GET", f"/{name}/_mapping", params=params, timeout_s=SEARCH_TIMEOUT_S)
    return _read_build(found.get(name, {}))


async def find_live(cluster: Cluster, prefix: str, timeout_s: float = ADMIN_TIMEOUT_S) -> Generation | None:
    """Return the generation behind the aliases, None where there is none."""
    return pick_live(await list_generations(cluster, prefix, timeout_s))


def pick_live(every: Sequence[Generation]) -> Generation | None:
    """Return the generation behind the aliases, None where there is none."""
    return next((each for each in every if each.live), None)


def pick(every: Sequence[Generation], generation: str) -> Generation:
    """Return the generation of an id; raises NotFoundError where there is none."""
    for each in every:
        if each.id == generation:
            return each
    raise NotFoundError(f"there is no generation {generation}")


async def resolve(cluster: Cluster, prefix: str) -> str:
    """Return the id of the live generation.

    Raises:
        EngineNotReadyError: none is live.
    """
    # Not `_alias`: where security is on, it fails when any alias is renamed at the same moment.
    path, params = f"/{alias(prefix, 'actors')}", {"features": "aliases"}
    indexes: dict[str, Any] = await cluster.request("GET", path, params=params)
    return generation_of(prefix, next(iter(indexes)))
