"""What Marquee writes down about its own work: the lease, jobs, workers, incidents, the audit log.

One small index, `{prefix}-operations-v1` behind the alias `{prefix}-operations`. A record has an id, a kind,
a time and a body of JSON; it is changed only from the version that was read, so that of two who change it at
once one is told. During an upgrade two releases of Marquee write them: fields that the other one wrote are
kept, and a record whose values this one does not know is left to the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from marquee.engine.cluster import Cluster
from marquee.engine.mappings import OPERATIONS_VERSION, read_mapping
from marquee.engine.refusals import classify
from marquee.errors import (
    EngineConflictError,
    EngineNotReadyError,
    EngineUnavailableError,
    OtherReleaseError,
)

# Small reads and writes: an engine that needs longer is in trouble, and the heartbeat must go on.
RECORD_TIMEOUT_S = 5.0
# An index that another process has just created, or whose node was just lost, cannot be read for a moment.
READ_ATTEMPTS, READ_PAUSE_S = 3, 0.3

T = TypeVar("T")
_log = logging.getLogger("marquee.engine")

Marker = Literal["fence", "switch"]
MARKERS: tuple[Marker, ...] = ("fence", "switch")
"""Aliases of the index that make changes conditional: see `engine/markers`."""


class Version(NamedTuple):
    """Which state of a record: Elasticsearch's sequence number and primary term."""

    seq_no: int
    primary_term: int


class Record(NamedTuple):
    """A record as it was read."""

    id: str
    body: dict[str, Any]
    version: Version


def decode(body: dict[str, Any], kind: type[T], name: str) -> T:
    """Return the body of a record as what it is; `name` is what people know it by.

    Raises:
        OtherReleaseError: another release wrote it, with values that this one does not know.
    """
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise OtherReleaseError(
            f"{name} was written by another release of Marquee; use that one ({error})"
        ) from error


def decode_known(records: Sequence[Record], kind: type[T]) -> list[T]:
    """Return the records as what they are, without those that only another release can read."""
    found: list[T] = []
    for each in records:
        try:
            found.append(decode(each.body, kind, f"the record {each.id}"))
        except OtherReleaseError as error:
            _tell_once(str(error))
    return found


@functools.lru_cache(maxsize=1000)
def _tell_once(text: str) -> None:  # lists are read every few seconds
    _log.warning("left out of a list: %s", text)


def keep_unknown(stored: Any, value: Any) -> Any:
    """Return a value as JSON, with those fields of what is stored that this release does not know."""
    if not isinstance(value, msgspec.Struct) or not isinstance(stored, dict):
        return msgspec.to_builtins(value)
    known = {name: keep_unknown(stored.get(name), getattr(value, name)) for name in value.__struct_fields__}
    return stored | known


def index_name(prefix: str) -> str:
    """Return the name of the index that holds the records, and the marker aliases."""
    return f"{prefix}-operations-v{OPERATIONS_VERSION}"


class Records:
    """The records of one index prefix."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self.cluster, self.prefix = cluster, prefix
        self._alias = f"{prefix}-operations"
        self._is_there = False

    async def ensure(self) -> None:
        """Create the index where it is missing, with the first values of its marker aliases."""
        if self._is_there:
            return
        aliases = [self._alias, *(f"{self.prefix}-{marker}-{uuid.uuid4().hex}" for marker in MARKERS)]
        definition = read_mapping("operations", OPERATIONS_VERSION) | {
            "aliases": {each: {} for each in aliases}
        }
        with contextlib.suppress(EngineConflictError):
            await self.cluster.request("PUT", f"/{index_name(self.prefix)}", body=definition)
        self._is_there = True

    async def get(self, record_id: str) -> Record | None:
        """Return a record as it is now, None where there is none."""
        for attempt in range(READ_ATTEMPTS):
            try:
                found = await self.cluster.get(self._alias, record_id, timeout_s=RECORD_TIMEOUT_S)
                break
            except EngineNotReadyError:  # nothing was ever written
                return None
            except EngineUnavailableError:
                if attempt == READ_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(READ_PAUSE_S)
        if found is None:
            return None
        return Record(record_id, found["_source"]["body"], Version(found["_seq_no"], found["_primary_term"]))

    async def create(self, record_id: str, kind: str, body: Any, at: datetime | None = None) -> Version:
        """Write a new record; `at` is what lists are ordered by (now by default).

        Raises:
            EngineConflictError: there is one of that id.
        """
        return await self._write(record_id, kind, body, at, {"op_type": "create"})

    async def replace(
        self,
        record_id: str,
        kind: str,
        body: Any,
        version: Version,
        at: datetime | None = None,
        *,
        stored: dict[str, Any] | None = None,
    ) -> Version:
        """Write a record over the version that was read.

        `stored` is what was read: fields of it that `body` does not know are kept.

        Raises:
            EngineConflictError: it has changed since, or is gone.
        """
        guard = {"if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        return await self._write(record_id, kind, keep_unknown(stored, body), at, guard)

    async def put(self, record_id: str, kind: str, body: Any, at: datetime | None = None) -> Version:
        """Write a record whatever there is: for records that only one process ever writes."""
        return await self._write(record_id, kind, body, at, {})

    async def _write(
        self, record_id: str, kind: str, body: Any, at: datetime | None, guard: dict[str, Any]
    ) -> Version:
        path = f"/{self._alias}/_doc/{quote(record_id, safe='')}"
        written = (at or datetime.now(UTC)).isoformat()
        document = {"kind": kind, "at": written, "body": msgspec.to_builtins(body)}
        # Through the alias only: a write must not bring a deleted index back with guessed mappings.
        params = {"require_alias": "true", **guard}
        for is_again in (False, True):
            try:
                answer = await self.cluster.request(
                    "PUT", path, body=document, params=params, timeout_s=RECORD_TIMEOUT_S
                )
                break
            except EngineNotReadyError:
                if is_again:
                    raise
                self._is_there = False
                await self.ensure()
            except EngineConflictError:
                # The client repeats a request whose connection broke; the first one may have been heard.
                found = await self.cluster.get(self._alias, record_id, timeout_s=RECORD_TIMEOUT_S)
                if found is None or found["_source"] != document:
                    raise
                return Version(found["_seq_no"], found["_primary_term"])
        return Version(answer["_seq_no"], answer["_primary_term"])

    async def delete(self, record_id: str) -> None:
        """Delete a record; one that is gone is no error.

        Raises:
            EngineError: the engine refused it.
        """
        path = f"/{self._alias}/_bulk"
        line = msgspec.json.encode({"delete": {"_id": record_id}}) + b"\n"
        answer = await self.cluster.request("POST", path, body=line, ndjson=True, timeout_s=RECORD_TIMEOUT_S)
        (item,) = answer["items"]
        status, error = item["delete"]["status"], item["delete"].get("error")
        if error is not None and status != HTTPStatus.NOT_FOUND:
            raise classify(status, error)

    async def list_newest(self, kind: str, limit: int) -> list[Record]:
        """Return the records of a kind, newest first, `limit` (1 to 10,000) at most."""
        body = {
            "size": limit,
            "query": {"term": {"kind": kind}},
            "sort": [{"at": "desc"}, {"_doc": "desc"}],
            "seq_no_primary_term": True,
        }
        try:
            await self.cluster.request("POST", f"/{self._alias}/_refresh", timeout_s=RECORD_TIMEOUT_S)
            (hits,) = await self.cluster.search_many([(self._alias, body)], dict[str, Any], RECORD_TIMEOUT_S)
        except EngineNotReadyError:
            return []
        return [Record(hit.id, hit.source["body"], Version(hit.seq_no, hit.primary_term)) for hit in hits]
