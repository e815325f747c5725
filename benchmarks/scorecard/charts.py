"""The scorecard's pictures. Colours belong to systems, the same in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from benchmarks.figures import Estimate
from benchmarks.peers.registry import PEERS
from benchmarks.scorecard.drawing import COLOURS, Drawing, spread_labels
from benchmarks.scorecard.results import Scorecard

COLOUR_OF = dict(zip(PEERS, COLOURS, strict=True))
WIDTH, LEFT, RIGHT = 820, 190, 70


def draw_quality(card: Scorecard) -> str | None:
    """Draw how many misspelt names come first, and are among the first ten."""
    if card.quality is None:
        return None
    peers = card.quality.peers
    height, row = 100 + 46 * len(peers), 46
    drawing = Drawing(
        WIDTH, height, "Misspelt names that are found",
        "Bars: misspelt names whose person comes first, with 95 % intervals, and is among the first ten.",
    )  # fmt: skip
    drawing.text(20, 50, "strong: first, with its 95 % interval; pale: among the first ten; percent", "quiet")
    span = WIDTH - LEFT - RIGHT
    for percent in range(0, 101, 20):
        x = LEFT + span * percent / 100
        drawing.line((x, 62), (x, height - 32), "grid")
        drawing.text(x, height - 14, f"{percent}", "quiet", "middle")
    for place, (name, found) in enumerate(peers.items()):
        y, colour = 70 + row * place, COLOUR_OF[name]
        drawing.text(LEFT - 12, y + 20, PEERS[name].title, "", "end")
        drawing.bar(LEFT, y, span * found.misspelt.at_10.mean, 30, colour, 0.35)
        drawing.bar(LEFT, y + 6, span * found.misspelt.at_1.mean, 18, colour)
        first = found.misspelt.at_1
        drawing.line((LEFT + span * first.low, y + 15), (LEFT + span * first.high, y + 15), "whisker")
        drawing.text(WIDTH - RIGHT + 10, y + 20, f"{100 * first.mean:.1f}")
    return drawing.finish()


def draw_completion(card: Scorecard) -> str | None:
    """Draw who is among the first five after so many letters, clean and with one slip."""
    if card.quality is None:
        return None
    found = {name: each.completion for name, each in card.quality.peers.items() if each.completion}
    drawing = Drawing(
        WIDTH, 380, "Names completed, by letters typed",
        "Two panels: share of names among the first five completions after so many letters, "
        "typed right and with one slip.",
    )  # fmt: skip
    panels: list[tuple[str, int, dict[str, dict[int, Estimate]]]] = [
        ("typed right", 60, {name: each.clean_by_length for name, each in found.items()}),
        ("one slip", 375, {name: each.slip_by_length for name, each in found.items()}),
    ]
    for words, left, curves in panels:
        lengths = [length for length in range(1, 13) if any(length in each for each in curves.values())]
        _draw_panel(drawing, words, left, 245, lengths, curves)
    last = {name: max(each.slip_by_length) for name, each in found.items() if each.slip_by_length}
    ends = {name: found[name].slip_by_length[min(12, at)].mean for name, at in last.items()}
    _label(drawing, ends, 634, lambda share: 330 - 240 * share)
    return drawing.finish()


def _draw_panel(
    drawing: Drawing,
    words: str,
    left: int,
    width: int,
    lengths: Sequence[int],
    curves: dict[str, dict[int, Estimate]],
) -> None:
    drawing.text(left, 58, f"{words}, percent among the first five", "quiet")
    for percent in range(0, 101, 25):
        y = 330 - 240 * percent / 100
        drawing.line((left, y), (left + width, y), "grid")
        drawing.text(left - 8, y + 4, f"{percent}", "quiet", "end")
    if not lengths:
        return
    step = width / max(1, lengths[-1] - lengths[0])
    for length in lengths:
        drawing.text(left + step * (length - lengths[0]), 350, f"{length}", "quiet", "middle")
    for name, by_length in reversed(curves.items()):  # Marquee, the first, on top
        points = [
            (left + step * (length - lengths[0]), 330 - 240 * by_length[length].mean)
            for length in lengths
            if length in by_length
        ]
        drawing.curve(points, COLOUR_OF[name])


def draw_growth(card: Scorecard) -> str | None:
    """Draw the median search by number of people, both on logarithmic scales."""
    if card.growth is None:
        return None
    curves = {
        name: [(point.people, point.search_ms.p50) for point in each.points]
        for name, each in card.growth.peers.items()
        if each.points
    }
    if not curves:
        return None
    sizes = sorted({people for points in curves.values() for people, _ in points})
    times = [took for points in curves.values() for _, took in points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    drawing = Drawing(
        WIDTH, 420, "Median search, by people in the index",
        "Lines: milliseconds of the median search of each system at growing numbers of people, logarithmic.",
    )  # fmt: skip
    drawing.text(20, 50, "milliseconds, one client; both scales are logarithmic", "quiet")
    left, width, top, bottom = 80, 540, 70, 370

    def x_of(people: float) -> float:
        if len(sizes) == 1:
            return left + width / 2
        return left + width * math.log(people / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y_of(took_ms: float) -> float:
        return bottom - (bottom - top) * (math.log10(took_ms) - low) / max(1, high - low)

    for power in range(low, high + 1):
        drawing.line((left, y_of(10**power)), (left + width, y_of(10**power)), "grid")
        drawing.text(left - 8, y_of(10**power) + 4, f"{10**power:g}", "quiet", "end")
    for people in sizes:
        drawing.text(x_of(people), bottom + 22, f"{people:,}", "quiet", "middle")
    for name, points in reversed(curves.items()):  # Marquee, the first, on top
        drawing.curve([(x_of(people), y_of(took)) for people, took in points], COLOUR_OF[name])
    _label(drawing, {name: points[-1][1] for name, points in curves.items()}, left + width + 14, y_of)
    return drawing.finish()


def _label(drawing: Drawing, ends: dict[str, float], x: float, y_of: Callable[[float], float]) -> None:
    """Write each system's name where its line ends, in its colour's company."""
    heights = spread_labels([y_of(value) for value in ends.values()], 18)
    for name, y in zip(ends, heights, strict=True):
        drawing.bar(x, y - 5, 10, 10, COLOUR_OF[name])
        drawing.text(x + 16, y + 4, PEERS[name].title)


CHARTS: dict[str, Callable[[Scorecard], str | None]] = {
    "quality": draw_quality,
    "completion": draw_completion,
    "growth": draw_growth,
}
"""By file name."""
