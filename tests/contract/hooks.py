"""What is refused for a reason that no schema can tell.

By the schema such requests are right, and so they are not asked as right ones. The tests of the endpoints ask
them, and expect 400.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis

from marquee.names import normalise
from marquee.search.reconciliation import NAMES
from marquee.search.request import MAX_WINDOW

Case = schemathesis.Case[Any]


# What stands as JSON in a text: no schema of the text can tell more of it.
JSON_TEXTS = {
    "queries": json.dumps(
        {"q0": {"query": "jake gylenhal", "properties": [{"pid": "birth_year", "v": 1980}]}}
    ),
    "extend": json.dumps({"ids": ["nm90011918"], "properties": [{"id": "known_for"}]}),
}


@schemathesis.hook
def map_case(_: schemathesis.HookContext, case: Case) -> Case:
    """Put something of sense where a right request to `/reconcile` has any text at all."""
    if case.meta is None or case.meta.generation.mode.is_negative or "/reconcile" not in case.path:
        return case
    query: dict[str, Any] = dict(case.query or {})
    if case.path == "/reconcile" and case.method == "GET":
        asked = [name for name in JSON_TEXTS if name in query][:1]
        case.query = {name: text for name, text in query.items() if name not in JSON_TEXTS}
        case.query |= {name: JSON_TEXTS[name] for name in asked}
    elif case.path == "/reconcile":
        asked = [name for name in JSON_TEXTS if isinstance(case.body, dict) and name in case.body][:1]
        case.body = {name: JSON_TEXTS[name] for name in asked or ["queries"]}
    if "callback" in (case.query or {}):
        case.query["callback"] = "show"
    return case


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: Case) -> bool:
    """Tell whether a case is to be asked."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return True
    query: dict[str, Any] = dict(case.query or {})
    body: Any = case.body
    if "/reconcile" in case.path:
        return _is_answerable(body)
    queries: list[Any] = body.get("queries", []) if isinstance(body, dict) else []
    texts = [query["q"]] if "q" in query else [each["name"] for each in queries]
    return (
        # Blanks, signs and pictures alone are nothing to search for.
        all(isinstance(text, str) and normalise(text) for text in texts)
        # Each query has an id of its own.
        and len({each["id"] for each in queries}) == len(queries)
        # The deepest hit: two parameters together.
        and int(query.get("offset", 0)) + int(query.get("limit", 10)) <= MAX_WINDOW
        # Force needs a reason: one field that depends on another.
        and not (isinstance(body, dict) and body.get("force") and not body.get("reason", "").strip())
        # A cursor comes from the page before, and is outdated by a swap.
        and "cursor" not in query
        # 16.0 is an integer to JSON Schema; here one is written as one.
        and not _holds_whole_float(body)
    )


@schemathesis.hook
def before_add_examples(_: schemathesis.HookContext, examples: list[Case]) -> None:
    """Leave out the example of a second page: its cursor is of a generation that is not here."""
    examples[:] = [
        case for case in examples if "cursor" not in (case.query or {}) or "/reconcile" in case.path
    ]
    for case in examples:
        if case.path == "/reconcile" and "queries" in (case.query or {}):
            case.query.pop("extend", None)  # one of the two


def _is_answerable(body: Any) -> bool:
    """Tell whether a batch of 1.0 names properties that there are, and asks for no more than is offered."""
    if not isinstance(body, dict) or _holds_whole_float(body):
        return not isinstance(body, dict)
    for query in body.get("queries", []) if isinstance(body.get("queries"), list) else []:
        for each in query["conditions"]:
            is_property = each["matchType"] == "property"
            if each.get("matchQualifier") is not None or (
                is_property and each.get("propertyId") not in NAMES
            ):
                return False
            if not is_property and each.get("matchQuantifier", "any") != "any":
                return False
    return all(each["id"] in NAMES and not each.get("settings") for each in body.get("properties", []))


def _holds_whole_float(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(
            _holds_whole_float(each) for each in (value.values() if isinstance(value, dict) else value)
        )
    return isinstance(value, float) and value.is_integer()
