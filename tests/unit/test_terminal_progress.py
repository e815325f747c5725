from __future__ import annotations

import io

from rich.console import Console

from marquee.terminal import StageProgress


def show(*, is_terminal: bool) -> str:
    """What is shown of a stage that counts nothing, and of one that counts."""
    text = io.StringIO()
    with StageProgress(Console(file=text, force_terminal=is_terminal, width=120)) as progress:
        progress.start("wait for the engine")
        progress.start("reading", None, "rows")
        progress.advance(1234)
        progress.finish()
    return text.getvalue()


def test_only_what_was_counted_is_told() -> None:
    assert "1/1" not in show(is_terminal=True)
    assert "1,234/1,234 rows" in show(is_terminal=True)


def test_elsewhere_each_stage_is_a_line() -> None:
    first, second = show(is_terminal=False).splitlines()
    assert first.startswith("wait for the engine: 0.")
    assert second.startswith("reading: 1,234 rows, 0.")
