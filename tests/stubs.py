"""What a service might answer, for pages under test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

GENERATION = "v1-20260101t000000"
MARKUP = '<img src=x onerror="document.title=1"><b>Bold</b> & Co'


def fulfil(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Callable[[Route], None]:
    """Return what answers a request so, to pages of any origin."""
    sent = {
        "Content-Type": "application/json" if status < 400 else "application/problem+json",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
        **(headers or {}),
    }

    def handle(route: Route) -> None:
        route.fulfill(status=status, headers=sent, body=json.dumps(answer))

    return handle


def release(page: Page, held: list[Route], answer: dict[str, Any]) -> None:
    """Answer the one request that a route holds back; the page may have made it only just now."""
    for _ in range(500):
        if held:
            break
        page.wait_for_timeout(10)
    (route,) = held
    fulfil(answer)(route)
    held.clear()


def suggestions(*names: str, highlight: tuple[tuple[int, int], ...] = ()) -> dict[str, Any]:
    return {
        "query": "",
        "generation": GENERATION,
        "stale": False,
        "suggestions": [
            {
                "nconst": f"nm{number:07}",
                "name": name,
                "birth_year": 1980,
                "death_year": None,
                "known_for": f"{name} (2001)",
                "highlight": highlight,
            }
            for number, name in enumerate(names, start=1)
        ],
    }


def problem(title: str, detail: str, status: int) -> dict[str, Any]:
    return {"type": "/problems/some", "title": title, "status": status, "detail": detail}
