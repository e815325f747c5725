"""The README's tables between their markers, and the charts, from the committed JSON alone."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.scorecard.charts import CHARTS
from benchmarks.scorecard.results import COMMITTED, Scorecard, read_scorecard
from benchmarks.scorecard.tables import GRIDS, to_markdown

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "README.md"
PICTURES = CHECKOUT / "docs" / "scorecard"
_PART = re.compile(r"<!-- scorecard:([a-z-]+) -->\n.*?<!-- /scorecard:\1 -->", re.DOTALL)


def fill(text: str, card: Scorecard) -> str:
    """Return a text with what stands between each pair of markers made anew.

    Raises:
        ValueError: a marker names no table.
    """

    def make(part: re.Match[str]) -> str:
        name = part[1]
        if name not in GRIDS:
            raise ValueError(f"scorecard:{name} is no table; there are {', '.join(GRIDS)}")
        return f"<!-- scorecard:{name} -->\n{to_markdown(GRIDS[name](card))}\n<!-- /scorecard:{name} -->"

    return _PART.sub(make, text)


def render() -> dict[Path, str]:
    """Return the files as they are to be, by path."""
    card = read_scorecard(COMMITTED)
    made = {README: fill(README.read_text(encoding="utf-8"), card)}
    for name, draw in CHARTS.items():
        if picture := draw(card):
            made[PICTURES / f"{name}.svg"] = picture
    return made


def write() -> list[Path]:
    """Write the files; return those that changed."""
    changed = []
    for path, text in render().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
