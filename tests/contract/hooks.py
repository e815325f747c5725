"""What is refused for a reason that no schema can tell.

By the schema such requests are right, and so they are not asked as right ones. The tests of the endpoints ask
them, and expect 400.
"""

from __future__ import annotations

from typing import Any

import schemathesis

from marquee.names import normalise
from marquee.search.request import MAX_WINDOW

Case = schemathesis.Case[Any]


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: Case) -> bool:
    """Tell whether a case is to be asked."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return True
    query: dict[str, Any] = dict(case.query or {})
    body: Any = case.body
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
    examples[:] = [case for case in examples if "cursor" not in (case.query or {})]


def _holds_whole_float(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(
            _holds_whole_float(each) for each in (value.values() if isinstance(value, dict) else value)
        )
    return isinstance(value, float) and value.is_integer()
