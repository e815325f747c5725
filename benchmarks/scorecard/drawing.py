"""SVG by hand: marks on a card of its own, so that it can be read on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
# The card follows the reader's scheme where the browser tells it; opaque, it never depends on the page.
_STYLE = f"""
  .card {{ fill: #ffffff; stroke: #d0d7de; }} .grid {{ stroke: #d8dee4; }} .axis {{ stroke: #6e7781; }}
  text {{ font: 13px {FONT}; fill: #1f2328; }} .quiet {{ fill: #59636e; }}
  .title {{ font-weight: 600; font-size: 15px; }}
  .whisker {{ stroke: #1f2328; }}
  @media (prefers-color-scheme: dark) {{
    .card {{ fill: #161b22; stroke: #30363d; }} .grid {{ stroke: #2b3138; }} .axis {{ stroke: #8b949e; }}
    text {{ fill: #e6edf3; }} .quiet {{ fill: #9da7b3; }} .whisker {{ stroke: #e6edf3; }}
  }}
"""
# Told apart by most colour-blind readers, and dark and light enough for both cards.
COLOURS = ("#d9480f", "#2f7ed8", "#2b9348", "#8e5bd0", "#c79100", "#d6408a", "#7d8590", "#0f9aa8", "#946b4c")


class Drawing:
    """An SVG of a size, mark after mark."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self._size, self._marks = (width, height), list[str]()
        self._head = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        self.text(20, 30, title, "title")

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """Write words; `kind` is title, quiet or nothing, `anchor` start, middle or end."""
        given = f' class="{kind}"' if kind else ""
        self._marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}"{given} text-anchor="{anchor}">{escape(words)}</text>'
        )

    def bar(self, x: float, y: float, width: float, height: float, colour: str, opacity: float = 1) -> None:
        """Draw a filled rectangle."""
        self._marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" rx="2" '
            f'fill="{colour}" fill-opacity="{opacity:g}"/>'
        )

    def line(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
        """Draw a line of the kind grid, axis or whisker."""
        (x1, y1), (x2, y2) = start, end
        self._marks.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def curve(self, points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> None:
        """Draw a line through points, each marked."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._marks.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        self._marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]

    def finish(self) -> str:
        """Return the file."""
        width, height = self._size
        marks = "\n".join(self._marks)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">{self._head}<style>{_STYLE}</style>\n'
            f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" class="card"/>\n'
            f"{marks}\n</svg>\n"
        )


def spread_labels(wanted: Sequence[float], gap: float) -> list[float]:
    """Return heights at least `gap` apart, as near to the wanted ones as going downwards allows."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed, lowest = [0.0] * len(wanted), float("-inf")
    for at in order:
        lowest = placed[at] = max(wanted[at], lowest + gap)
    # What was pushed beyond the last one goes back up as far as it is free.
    beyond = max((placed[at] for at in order), default=0.0) - max(wanted, default=0.0)
    if beyond > 0:
        placed = [each - beyond / 2 for each in placed]
    return placed
