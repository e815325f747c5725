"""What may be given as a reason, and where one must be."""

from __future__ import annotations

import pytest

from marquee.errors import RequestError
from marquee.reindex.reason import check_reason, demand_reason


@pytest.mark.parametrize("text", ["", "half of them left", "two\nlines\tand a tab", "é" * 500])
def test_what_may_be_a_reason(text: str) -> None:
    assert check_reason(text) == text


@pytest.mark.parametrize("text", ["x" * 501, "\x1b[2J", "a\rb", "\x9b", "\udcff"])
def test_what_may_not_names_the_parameter(text: str) -> None:
    with pytest.raises(RequestError) as told:
        check_reason(text, "--reason")
    assert list(told.value.errors) == ["--reason"]
    str(told.value).encode()


def test_force_needs_a_reason() -> None:
    demand_reason("the source is like that")
    for text in ("", " \n"):
        with pytest.raises(RequestError, match="reason"):
            demand_reason(text)
