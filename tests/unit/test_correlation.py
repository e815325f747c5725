"""Whose request it is: what of a client's headers is believed, and what Elasticsearch is told."""

from __future__ import annotations

import re

import pytest

from marquee import correlation

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def read(*values: str) -> correlation.Parent | None:
    return correlation.read([(b"traceparent", each.encode()) for each in values])[0]


@pytest.mark.parametrize("value", [GOOD, f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-will-come"])
def test_a_parent_is_taken_over(value: str) -> None:
    assert read(value) == (TRACE, SPAN, "01")
    own = correlation.begin(read(value), "app")
    assert (own.trace_id, own.flags) == (TRACE, "01")
    assert own.span_id != SPAN
    assert own.headers == {"traceparent": f"00-{TRACE}-{own.span_id}-01", "x-opaque-id": "app"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        GOOD.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f" {GOOD}",
        f"{GOOD}\n",
        f"cc-{TRACE}-{SPAN}-01more",
    ],
)
def test_a_malformed_one_is_ignored(value: str) -> None:
    assert read(value) is None
    own = correlation.begin(read(value), "app")
    assert re.fullmatch("[0-9a-f]{32}", own.trace_id)
    assert re.fullmatch("[0-9a-f]{16}", own.span_id)
    assert own.flags == "00"


def test_of_two_parents_none_counts() -> None:
    assert read(GOOD, GOOD) is None


def test_every_request_is_another() -> None:
    assert len({correlation.begin(None, "app").trace_id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"shop/4.2:search", "shop/4.2:search"),
        (b"a" * 65, "marquee"),
        (b"jake gyllenhaal", "marquee"),
        (b"x\r\ny: z", "marquee"),
        (b"\xff", "marquee"),
    ],
)
def test_an_opaque_id_is_a_name(sent: bytes, told: str) -> None:
    assert correlation.read([(b"x-opaque-id", sent)])[1] == told


@pytest.mark.parametrize(
    ("parent", "opaque_id", "expected"),
    [(None, correlation.OPAQUE_ID, False), (None, "shop", True), (read(GOOD), correlation.OPAQUE_ID, True)],
)
def test_who_gives_a_trace_or_a_name_follows(
    parent: correlation.Parent | None, opaque_id: str, expected: bool
) -> None:
    assert correlation.begin(parent, opaque_id).is_named is expected
