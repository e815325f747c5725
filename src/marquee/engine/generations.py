"""Generations: complete sets of indexes behind the aliases, told apart by their id.

A generation `v1-20261122t030512` is the indexes `{prefix}-actors-v1-20261122t030512`, `{prefix}-titles-…` and
`{prefix}-tokens-…`. What built it stands in the `_meta` of the actors index, so that it is read, swapped and
deleted together with the data it describes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from marquee.engine.cluster import ADMIN_TIMEOUT_S, SEARCH_TIMEOUT_S, Cluster
from marquee.engine.mappings import KINDS, MAPPING_VERSION, Kind, read_mapping
from marquee.errors import EngineNotReadyError, LoadError

_ID = r"v(?P<version>[1-9]\d{0,5})-(?P<built>\d{8}t\d{6})"


class SourceMeta(msgspec.Struct, frozen=True, kw_only=True):
    """The source a generation was built from, as `/v1/status` shows it."""

    kind: str
    """sample, folder or imdb."""
    published_at: datetime
    """When the source's newest file was made."""
    confirmed_at: datetime
    """When the generation was last known to match the newest published source."""


class BuildMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation was built from and with; equal `basis` of two builds means equal documents."""

    source: SourceMeta
    location: str
    """Folder the files were read from."""
    basis: str
    """Digest of the source's content and of every setting that changes documents."""
    attribution: str
    counts: dict[Kind, int]
    marquee_version: str
    reason: str = ""
    quality: dict[str, Any] = {}
    """The quality report of the catalogue, as JSON."""

    @property
    def shown_counts(self) -> dict[str, int]:
        """The counts that people ask for: not those of helper indexes."""
        return {kind: count for kind, count in self.counts.items() if kind != "tokens"}


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that exists in the engine."""

    id: str
    live: bool
    complete: bool
    """Whether its build ended; an incomplete one is never swapped in."""
    meta: BuildMeta | None

    @property
    def built_at(self) -> datetime:
        """When its build began (UTC)."""
        return datetime.strptime(self.id.split("-")[1], "%Y%m%dt%H%M%S").replace(tzinfo=UTC)

    @property
    def mapping_version(self) -> int:
        """The version of the index definitions it was built with."""
        return int(self.id.removeprefix("v").split("-")[0])


def alias(prefix: str, kind: Kind) -> str:
    """Return the name readers use: `{prefix}-actors`."""
    return f"{prefix}-{kind}"


def index_name(prefix: str, kind: Kind, generation: str) -> str:
    """Return the name of one index of a generation."""
    return f"{prefix}-{kind}-{generation}"


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


async def create(cluster: Cluster, prefix: str, generation: str, shards: int) -> None:
    """Create the empty indexes of a generation, set up for loading: no refresh, no replicas.

    Raises:
        EngineConflictError: the id is taken; the indexes are another build's.
    """
    for kind in KINDS:
        definition = read_mapping(kind)
        definition["settings"]["index"] = {
            "number_of_shards": shards,
            "number_of_replicas": 0,
            "refresh_interval": "-1",
        }
        await cluster.request("PUT", f"/{index_name(prefix, kind, generation)}", body=definition)


async def complete(cluster: Cluster, prefix: str, generation: str, meta: BuildMeta, *, replicas: int) -> None:
    """End a build: make the documents searchable, check their counts, record `meta`, restore the settings.

    Raises:
        LoadError: an index holds more or fewer documents than `meta.counts` says, or is not the one created.
    """
    for kind in KINDS:
        index = index_name(prefix, kind, generation)
        # An index deleted under a build is created anew by the next bulk request, with guessed mappings.
        mapping = await cluster.request("GET", f"/{index}/_mapping")
        if mapping[index]["mappings"].get("dynamic") != "strict":
            raise LoadError(f"{index} was deleted while it was loaded")
        await cluster.request("POST", f"/{index}/_refresh", timeout_s=300)
        found = (await cluster.request("GET", f"/{index}/_count"))["count"]
        if found != meta.counts[kind]:
            raise LoadError(f"{index} holds {found:,} documents where {meta.counts[kind]:,} were sent")
        settings = {"index": {"refresh_interval": None, "number_of_replicas": replicas}}
        await cluster.request("PUT", f"/{index}/_settings", body=settings)
    await write_meta(cluster, prefix, generation, meta)


async def write_meta(cluster: Cluster, prefix: str, generation: str, meta: BuildMeta) -> None:
    """Replace what stands recorded of a generation."""
    recorded = {"mapping_version": MAPPING_VERSION, "build": msgspec.to_builtins(meta)}
    path = f"/{index_name(prefix, 'actors', generation)}/_mapping"
    await cluster.request("PUT", path, body={"_meta": recorded})


async def list_generations(
    cluster: Cluster, prefix: str, timeout_s: float = ADMIN_TIMEOUT_S
) -> list[Generation]:
    """Return all generations of this prefix, newest first."""
    indexes = await _list_indexes(cluster, prefix, timeout_s)
    kinds_of: dict[str, set[Kind]] = {}
    for index in indexes:
        if parsed := parse_index_name(prefix, index):
            kinds_of.setdefault(parsed[1], set()).add(parsed[0])
    return [
        _describe(prefix, generation, kinds_of[generation], indexes)
        for generation in sorted(kinds_of, key=lambda each: each.split("-")[1], reverse=True)
    ]


async def _list_indexes(cluster: Cluster, prefix: str, timeout_s: float) -> dict[str, Any]:
    """Return aliases and metadata of every index whose name begins like one of ours."""
    pattern = ",".join(f"{prefix}-{kind}-v*" for kind in KINDS)
    params = {
        "filter_path": "*.aliases,*.mappings._meta",
        "allow_no_indices": "true",
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
    return Generation(
        id=generation,
        live=all(alias(prefix, kind) in index(kind).get("aliases", {}) for kind in KINDS),
        complete=meta is not None and kinds == set(KINDS),
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
    every = await list_generations(cluster, prefix, timeout_s)
    return next((each for each in every if each.live), None)


async def resolve(cluster: Cluster, prefix: str) -> str:
    """Return the id of the live generation.

    Raises:
        EngineNotReadyError: none is live.
    """
    indexes: dict[str, Any] = await cluster.request("GET", f"/_alias/{alias(prefix, 'actors')}")
    return generation_of(prefix, next(iter(indexes)))


async def swap(cluster: Cluster, prefix: str, generation: str) -> None:
    """Point all aliases at a generation, in one call: no reader sees a mixed or an empty set."""
    # From every other generation, live or not: between the listing and the call another may have been swapped
    # in. By full name: a wildcard in a removal also hits the indexes of longer prefixes.
    actions: list[dict[str, Any]] = []
    for index in await _list_indexes(cluster, prefix, ADMIN_TIMEOUT_S):
        parsed = parse_index_name(prefix, index)
        if parsed and parsed[1] != generation:
            removal = {"index": index, "alias": alias(prefix, parsed[0]), "must_exist": False}
            actions.append({"remove": removal})
    actions += [
        {"add": {"index": index_name(prefix, kind, generation), "alias": alias(prefix, kind)}}
        for kind in KINDS
    ]
    await cluster.request("POST", "/_aliases", body={"actions": actions})


async def delete(cluster: Cluster, prefix: str, generation: str) -> None:
    """Delete the indexes of a generation; those already gone are no error."""
    names = ",".join(index_name(prefix, kind, generation) for kind in KINDS)
    await cluster.request("DELETE", f"/{names}", params={"ignore_unavailable": "true"})
