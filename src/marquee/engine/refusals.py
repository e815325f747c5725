"""What Elasticsearch says when it does not do what was asked, as our errors."""

from __future__ import annotations

from typing import Any

from marquee.errors import (
    EngineConflictError,
    EngineError,
    EngineFullError,
    EngineNotReadyError,
    EngineRejectedError,
    EngineSetupError,
    EngineUnavailableError,
)

# Statuses that say "not now" (overload, a master election, a proxy without a backend), not "never".
RETRIABLE_STATUSES = frozenset({429, 502, 503, 504})


def check_complete(timed_out: bool, shards: dict[str, Any]) -> None:
    """Raise EngineUnavailableError where a search's answer timed out or misses a shard."""
    if timed_out:
        raise EngineUnavailableError("Elasticsearch ran out of time for a search")
    if shards["failed"]:
        raise EngineUnavailableError("Elasticsearch answered without some of its shards")


def classify(status: int, error: Any) -> EngineError:
    """Turn a status and Elasticsearch's error object into one of ours, keeping its reason."""
    detail: dict[str, Any] = error if isinstance(error, dict) else {"reason": str(error)}
    # "all shards failed" says less than why.
    cause: dict[str, Any] = (detail.get("root_cause") or [detail.get("caused_by") or detail])[0]
    reason = str(cause.get("reason", ""))[:300]
    ours = _classify(status, detail, cause, reason)
    ours.reason = reason
    return ours


def _classify(status: int, detail: dict[str, Any], cause: dict[str, Any], reason: str) -> EngineError:
    kind = str(detail.get("type", ""))
    # Asked for an alias by name, the engine's error is a mere text: "alias [marquee-actors] missing".
    if kind == "index_not_found_exception" or (status == 404 and reason.startswith("alias [")):
        return EngineNotReadyError("no generation is live yet: run `marquee reindex`")
    if kind in ("search_phase_execution_exception", "no_shard_available_action_exception") and status >= 500:
        return EngineUnavailableError(f"Elasticsearch cannot search: {reason}")
    if cause.get("type") == "search_context_missing_exception":
        return EngineUnavailableError(
            "Elasticsearch gave up a long read: it was restarted, or the read stalled"
        )
    if status == 429 and kind == "cluster_block_exception":  # the flood stage of its disk
        return EngineFullError(f"Elasticsearch takes no writes: {reason}")
    if status in RETRIABLE_STATUSES:
        return EngineUnavailableError(f"Elasticsearch is overloaded or starting ({status}): {reason}")
    # That of a repository comes as a 500, too, and is a setting's fault.
    is_broken = status >= 500 and kind != "repository_exception"
    if is_broken or kind == "index_closed_exception":
        return EngineUnavailableError(f"Elasticsearch cannot do that now ({status} {kind}): {reason}")
    if kind in ("resource_already_exists_exception", "version_conflict_engine_exception"):
        return EngineConflictError(f"Elasticsearch holds this already: {reason}")
    # Of an alias that an update of aliases requires, and that somebody else has taken away.
    if kind == "aliases_not_found_exception" or reason.startswith("required alias ["):
        return EngineConflictError(f"Elasticsearch is in another state: {reason}")
    if status == 401:
        return EngineSetupError("Elasticsearch refused the user, password or API key")
    if status == 403 and kind == "security_exception":
        return EngineSetupError(f"Elasticsearch does not allow this user or API key to do that: {reason}")
    return EngineRejectedError(f"Elasticsearch refused the request ({status} {kind}): {reason}")
