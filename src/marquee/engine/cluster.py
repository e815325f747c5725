"""The one door to Elasticsearch.

Every call is one method that either returns the decoded answer or raises an `EngineError`; callers never see
a client exception, and never a partial answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from marquee import correlation, standstill, tracing
from marquee.breaker import Breaker
from marquee.engine import budget
from marquee.engine.address import Endpoint as Endpoint
from marquee.engine.batching import Batches
from marquee.engine.connections import Answer
from marquee.engine.hits import Document, Found, FoundAll, Hit, decoder_of
from marquee.engine.hosts import Hosts
from marquee.engine.refusals import RETRIABLE_STATUSES, classify
from marquee.errors import (
    EngineError,
    EngineRejectedError,
    EngineSetupError,
    EngineUnavailableError,
)

Json = dict[str, Any]

# Both sides of a rolling upgrade of the engine, 8 and 9, speak the format of 8.
_JSON = "application/vnd.elasticsearch+json; compatible-with=8"
_LINES = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"

# The promise is an answer within 500 ms; a query that takes longer is of no use to who waits for it.
SEARCH_TIMEOUT_S = 2.0
# Creating indexes, swapping aliases and reading the state wait for the master, not for a search thread.
ADMIN_TIMEOUT_S = 30.0
BULK_TIMEOUT_S = 120.0
# All others are refused while one call tries whether the engine is back: it must not take 30 s, and not less
# than a search may.
TRIAL_TIMEOUT_S = SEARCH_TIMEOUT_S


_ANYTHING = msgspec.json.Decoder(Any)


class Cluster:
    """A connection to Elasticsearch. Use as an async context manager, or call `close`."""

    def __init__(self, endpoint: Endpoint, breaker: Breaker | None = None) -> None:
        """Open nothing yet. With a `breaker`, an engine that is away is not asked again at every call."""
        self._breaker = breaker
        self._hosts = Hosts(endpoint)
        self._batches: dict[type[Any], Batches] = {}
        """By what they find."""
        self.under_way = 0
        """Requests that have no answer yet."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._hosts.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Json | None = None,
        timeout_s: float = ADMIN_TIMEOUT_S,
        ndjson: bool = False,
        decoder: msgspec.json.Decoder[Any] = _ANYTHING,
    ) -> Any:
        """Send one request and return its body, decoded.

        Raises:
            EngineUnavailableError: no connection, no answer within `timeout_s`, or an overloaded engine.
            EngineNotReadyError: the index or alias does not exist.
            EngineConflictError: what was to be created exists.
            EngineSetupError: it does not let us in, or is no Elasticsearch.
            EngineRejectedError: any other refusal.
        """
        headers = {"accept": _JSON}
        if body is not None:
            headers["content-type"] = _LINES if ndjson else _JSON
            body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        if own := budget.current():
            timeout_s = own.clip(timeout_s)
        if request := correlation.current():
            headers |= request.headers
        target = f"{path}?{urlencode(params, safe=',*', quote_via=quote)}" if params else path
        with tracing.record_call(path), self._guard() as is_trial:
            if is_trial:
                timeout_s = min(timeout_s, TRIAL_TIMEOUT_S)
            return _decode(await self._send(method, target, headers, body, timeout_s), decoder)

    def _guard(self) -> contextlib.AbstractContextManager[bool]:
        """Make a call, unless the engine was away a moment ago; yields whether it tries if it is back."""
        return self._breaker.guard() if self._breaker else contextlib.nullcontext(enter_result=False)

    async def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> bytes:
        own = budget.current()
        self.under_way += 1
        try:
            with own or contextlib.nullcontext():
                answer = await self._hosts.ask(method, target, headers, body, timeout_s)
        finally:
            self.under_way -= 1
        if not 200 <= answer.status < 300:
            raise _translate(answer)
        if answer.product != "Elasticsearch":  # which every success of it says
            raise EngineSetupError("what answers there is not Elasticsearch")
        return answer.body or b"null"

    async def search_many(
        self,
        searches: Sequence[tuple[str, Json]],
        document: type[Document],
        timeout_s: float = SEARCH_TIMEOUT_S,
        *,
        in_turn: bool = False,
        is_small: bool = False,
    ) -> list[list[Hit[Document]]]:
        """Run several searches, each an (index or alias, body) pair, in one request; return the hits of each.

        `in_turn` has the engine do one after another, so that others' searches find it free. `is_small` lets
        them share a request with others' small ones.

        Raises:
            EngineUnavailableError: as `request`, and where any of the answers timed out or misses a shard.
            EngineNotReadyError: no generation is live.
        """
        own = budget.current()
        left_s = own.clip(timeout_s) if own else timeout_s
        limit: Json = {"timeout": f"{max(1, int(left_s * 1000))}ms"}
        lines = [line for index, body in searches for line in ({"index": index}, limit | body)]
        encoded = msgspec.json.Encoder().encode_lines(lines)
        found: list[Found[Document]]
        if is_small and not correlation.is_followed():
            found = await self._ask_together(encoded, len(searches), document, left_s)
        else:
            answer: FoundAll[Document] = await self.request(
                "POST",
                "/_msearch",
                params={"max_concurrent_searches": 1} if in_turn else None,
                body=encoded,
                timeout_s=timeout_s,
                ndjson=True,
                decoder=decoder_of(document),
            )
            found = answer.responses
        return [each.list_hits() for each in found]

    async def _ask_together(
        self, lines: bytes, count: int, document: type[Document], timeout_s: float
    ) -> list[Found[Document]]:
        async def send(lines: bytes, timeout_s: float) -> list[Found[Document]]:
            headers = {"accept": _JSON, "content-type": _LINES, "x-opaque-id": correlation.OPAQUE_ID}
            # Here, so that a request that fails counts once, however many share it.
            with self._guard() as is_trial:
                if is_trial:
                    timeout_s = min(timeout_s, TRIAL_TIMEOUT_S)
                body = await self._send("POST", "/_msearch", headers, lines, timeout_s)
                answer: FoundAll[Document] = _decode(body, decoder_of(document))
                return answer.responses

        own, stood = budget.current(), standstill.count()
        with own or contextlib.nullcontext():
            if self._breaker and self._breaker.state != "closed":  # a trial waits for nobody
                return await send(lines, timeout_s)
            if document not in self._batches:
                self._batches[document] = Batches(send, (EngineRejectedError,))
            try:
                return await self._batches[document].ask(lines, count, timeout_s)
            except TimeoutError as error:
                # Where nothing came back for so long that not even a turn came, the engine hangs.
                if self._breaker:
                    self._breaker.end(EngineUnavailableError, is_trial=False, stood=stood)
                raise EngineUnavailableError("Elasticsearch did not answer in time") from error

    async def get(
        self, index: str, doc_id: str, fields: Sequence[str] = (), timeout_s: float = SEARCH_TIMEOUT_S
    ) -> Json | None:
        """Return a document as `{"_index", "_id", "_source"}`, or None where there is none of that id.

        `fields` names the fields of the source that are wanted; none: all.
        """
        path = f"/{index}/_doc/{quote(doc_id, safe='')}"
        params = {"_source_includes": ",".join(fields)} if fields else None
        try:
            found: Json = await self.request("GET", path, params=params, timeout_s=timeout_s)
        except _NoDocumentError:
            return None
        return found

    async def bulk(self, alias: str, body: bytes) -> list[Json]:
        """Send ready-made `_bulk` bytes through an alias; return one `{"status", "error"?}` per document.

        An alias that is gone refuses every document: it is never created as an index.
        """
        params = {
            "filter_path": "errors,items.*.status,items.*.error.type,items.*.error.reason",
            "require_alias": "true",
        }
        answer = await self.request(
            "POST", f"/{alias}/_bulk", body=body, params=params, timeout_s=BULK_TIMEOUT_S, ndjson=True
        )
        return [next(iter(item.values())) for item in answer["items"]]

    async def health(self, timeout_s: float = SEARCH_TIMEOUT_S) -> str:
        """Return the cluster's status: "green", "yellow" or "red"."""
        answer = await self.request("GET", "/_cluster/health", timeout_s=timeout_s)
        return str(answer["status"])

    async def version(self, timeout_s: float = SEARCH_TIMEOUT_S) -> str:
        """Return the engine's version, "8.18.0" say. (The managed node has no `GET /`.)"""
        params = {"filter_path": "nodes.*.version"}
        answer = await self.request("GET", "/_nodes/_local/none", params=params, timeout_s=timeout_s)
        return str(next(iter(answer["nodes"].values()))["version"])


class _NoDocumentError(EngineError):
    """There is no document of that id."""


def _decode(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise EngineSetupError(f"Elasticsearch answers otherwise than this release reads: {error}") from error
    except msgspec.DecodeError as error:
        raise EngineSetupError(f"what answers there is not Elasticsearch: {error}") from error


def _translate(answer: Answer) -> EngineError:
    try:
        told = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        if answer.status not in RETRIABLE_STATUSES:  # which a proxy may tell in a page of its own
            return EngineSetupError(f"what answers there is not Elasticsearch ({answer.status})")
        told = None
    if not isinstance(told, dict):
        return classify(answer.status, {"reason": "" if told is None else str(told)})
    if answer.status == 404 and told.get("found") is False:
        return _NoDocumentError(str(told.get("_id")))
    return classify(answer.status, told.get("error") or {"reason": str(told)})
