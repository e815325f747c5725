"""Marker aliases: how a change of aliases and the deletion of indexes are made conditional in the engine.

Elasticsearch has no compare-and-set for aliases, but one call of `_aliases` is atomic, fails as a whole when
an alias that it removes with `must_exist` is not there, and can delete indexes (`remove_index`). So the index
of records carries two aliases with random names: `{prefix}-fence-…` is renamed when the lease changes hands,
and `{prefix}-switch-…` whenever another generation becomes live. Every call that swaps or deletes removes the
markers it expects and adds them again (or their successors): whoever slept through a takeover or a swap is
refused by the engine, however late the call arrives.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marquee.engine.records import Marker, Records, index_name
from marquee.errors import EngineConflictError, EngineUnavailableError

Action = dict[str, dict[str, Any]]


def new_value() -> str:
    """Return a value that no marker ever had."""
    return uuid.uuid4().hex


async def read_marker(records: Records, marker: Marker) -> str:
    """Return the present value of a marker.

    Raises:
        EngineConflictError: somebody took the markers away by hand.
    """
    await records.ensure()
    if (value := await _find(records, marker)) is None:
        raise EngineConflictError(
            f"{index_name(records.prefix)} lacks its alias {records.prefix}-{marker}-…: add one, any ending"
        )
    return value


async def update(
    records: Records, expected: dict[Marker, str], actions: Sequence[Action], following: dict[Marker, str]
) -> None:
    """Do alias actions if every marker has its expected value, all or nothing.

    `following` gives markers their next values; the others keep theirs.

    Raises:
        EngineConflictError: a marker has another value, and nothing was done.
        EngineError: the engine failed, or refused the actions; nothing was done, or it is not known.
    """
    guards: list[Action] = []
    for marker, value in expected.items():
        guards.append({"remove": {**_alias(records, marker, value), "must_exist": True}})
        guards.append({"add": _alias(records, marker, following.get(marker, value))})
    try:
        await records.cluster.request("POST", "/_aliases", body={"actions": [*guards, *actions]})
    except (EngineConflictError, EngineUnavailableError):
        # The client repeats a request whose connection broke; the first one may have been heard.
        for marker, value in following.items():
            if await _find(records, marker) == value:
                return
        raise


async def _find(records: Records, marker: Marker) -> str | None:
    index, begin = index_name(records.prefix), f"{records.prefix}-{marker}-"
    # Not `_alias`: where security is on, it fails when any alias is renamed at the same moment.
    params = {"features": "aliases"}
    found: dict[str, Any] = await records.cluster.request("GET", f"/{index}", params=params)
    aliases: dict[str, Any] = found.get(index, {}).get("aliases", {})
    return next((name.removeprefix(begin) for name in aliases if name.startswith(begin)), None)


def _alias(records: Records, marker: Marker, value: str) -> dict[str, Any]:
    return {"index": index_name(records.prefix), "alias": f"{records.prefix}-{marker}-{value}"}
