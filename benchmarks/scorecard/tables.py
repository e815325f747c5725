"""The scorecard's tables: rows of text from its JSON, shown in the terminal and in the README alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchmarks.figures import Estimate
from benchmarks.peers.registry import MARQUEE, PEERS, RETRIEVERS
from benchmarks.scorecard.results import Growth, Meta, Scorecard, Spread

NONE = "–"


class Grid(msgspec.Struct, frozen=True):
    """A table, and what its figures are to be read with."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def title_of(name: str) -> str:
    """Return how a system is shown."""
    return PEERS[name].title if name in PEERS else RETRIEVERS[name].title


def _percent(figure: Estimate) -> str:
    return f"{figure.mean:.1%} ({figure.low:.1%} to {figure.high:.1%})".replace("%", "")


def _ratio(figure: Spread) -> str:
    return f"{figure.median:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _seconds(figure: Spread) -> str:
    same = figure.low == figure.high
    return f"{figure.median:.1f}" if same else f"{figure.median:.1f} ({figure.low:.1f} to {figure.high:.1f})"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _note(meta: Meta, told: str) -> str:
    kind = "a quick run, for a first look only; " if meta.quick else ""
    versions = ", ".join(f"{name} {version}" for name, version in meta.software.items())
    return f"`{meta.command}`, {meta.taken_at}: {kind}{told} {meta.data}; {meta.machine}; {versions}."


def quality(card: Scorecard) -> Grid | None:
    """Who is found."""
    if card.quality is None:
        return None
    rows = []
    for name, each in card.quality.peers.items():
        figures = (each.misspelt.at_1, each.misspelt.at_5, each.misspelt.at_10, each.misspelt.mrr)
        wrong = each.false_corrections
        proposed = f"{100 * wrong.given:.1f}" if name == MARQUEE else NONE  # the others propose nothing
        rows.append(
            (title_of(name), *map(_percent, figures), f"{100 * wrong.answered_otherwise:.1f}", proposed)
        )
    any_peer = next(iter(card.quality.peers.values()), None)
    asked = (
        f"{any_peer.misspelt.queries:,} misspellings of {any_peer.misspelt.names:,} names, "
        if any_peer
        else ""
    )
    note = _note(card.quality.meta, f"{asked}percent, names weighing alike, 95 % intervals.")
    columns = ("", "recall@1", "@5", "@10", "MRR", "right names: somebody else first", "“corrected”")
    return Grid(columns, rows, note)


PREFIX_LENGTHS = (3, 5, 7, 9)


def completion(card: Scorecard) -> Grid | None:
    """Who is completed."""
    if card.quality is None:
        return None
    rows = []
    for name, each in card.quality.peers.items():
        found = each.completion
        if found is None:
            rows.append((title_of(name), *["completes nothing"], *[NONE] * (len(PREFIX_LENGTHS) + 2)))
            continue
        saved = found.keystrokes_saved
        by_length = [
            " / ".join(
                f"{100 * lengths[length].mean:.0f}" if length in lengths else NONE
                for lengths in (found.clean_by_length, found.slip_by_length)
            )
            for length in PREFIX_LENGTHS
        ]
        rows.append(
            (title_of(name), _percent(saved), *by_length, _percent(found.slip), _percent(found.first_letter))
        )
    columns = ("", "keystrokes saved", *(f"{length} letters" for length in PREFIX_LENGTHS))
    names = next((each.completion.names for each in card.quality.peers.values() if each.completion), 0)
    note = (
        f"The same run, {names} names. Percent, with 95 % intervals; among the first five after so many "
        "letters, clean / with one slip; one slip: over 5 to 30 letters."
    )
    return Grid((*columns, "one slip", "first letter wrong"), rows, note)


def speed(card: Scorecard) -> Grid | None:
    """How fast answers are."""
    if card.speed is None:
        return None
    rows = []
    for name, each in card.speed.peers.items():
        times = each.search_ms
        suggest = each.suggest_ms
        rows.append(
            (
                title_of(name),
                ", ".join(map(_ms, (times.p50, times.p95, times.p99))),
                _ratio(each.search_ratio),
                ", ".join(map(_ms, (suggest.p50, suggest.p95, suggest.p99))) if suggest else NONE,
                _ratio(each.suggest_ratio) if each.suggest_ratio else NONE,
            )
        )
    columns = (
        "",
        "search ms: p50, p95, p99",
        "p50 to Marquee's",
        "suggest ms: p50, p95, p99",
        "p50 to Marquee's",
    )
    told = f"one client; ratios of medians over {card.speed.rounds} rounds, lowest to highest."
    return Grid(columns, rows, _note(card.speed.meta, told))


def throughput(card: Scorecard) -> Grid | None:
    """How many searches are answered."""
    if card.speed is None:
        return None
    clients = sorted({count for each in card.speed.peers.values() for count in each.throughput})
    rows = []
    for name, each in card.speed.peers.items():
        cells = [
            f"{each.throughput[count].median:,.0f}" if count in each.throughput else NONE for count in clients
        ]
        ratio = each.throughput_ratio.get(clients[-1]) if clients else None
        refused = f"{100 * each.refused:.1f}"
        rows.append((title_of(name), *cells, _ratio(ratio) if ratio else NONE, refused))
    columns = (
        "",
        *(f"{count} client{'s' * (count > 1)}" for count in clients),
        "to Marquee's, at the most clients",
        "refused, percent",
    )
    return Grid(columns, rows, "The same run. Searches per second; threads of one process ask.")


def size(card: Scorecard) -> Grid | None:
    """What an index takes."""
    if card.speed is None:
        return None
    rows = [
        (
            title_of(name),
            _seconds(each.index_s),
            f"{each.disk_bytes / card.speed.people:,.0f}" if each.disk_bytes else NONE,
            f"{each.memory_bytes / card.speed.people:,.0f}" if each.memory_bytes else NONE,
            f"{each.memory_bytes / 2**20:,.0f}",
        )
        for name, each in card.speed.peers.items()
    ]
    columns = ("", "index seconds", "disk, bytes per person", "memory, bytes per person", "memory, MiB")
    told = (
        "Memory is what is resident after the questions, servers included; Marquee and the tutorial each "
        "count the whole node with its fixed heap. Marquee's index holds titles and credits, too."
    )
    return Grid(columns, rows, f"The same run. {told}")


def growth(card: Scorecard) -> Grid | None:
    """How costs grow."""
    return _growth(card.growth) if card.growth else None


def ten_million(card: Scorecard) -> Grid | None:
    """What ten million cost."""
    return _growth(card.ten_million) if card.ten_million else None


def _growth(found: Growth) -> Grid:
    sizes = sorted({point.people for each in found.peers.values() for point in each.points})
    rows = []
    for name, each in found.peers.items():
        by_size = {point.people: point for point in each.points}

        points = [by_size.get(people) for people in sizes]
        rows.append(
            (
                title_of(name),
                " / ".join(_ms(at.search_ms.p50) if at else NONE for at in points),
                " / ".join(_ms(at.search_ms.p99) if at else NONE for at in points),
                " / ".join(f"{at.index_s:,.1f}" if at else NONE for at in points),
                " / ".join(f"{at.disk_bytes / at.people:,.0f}" if at else NONE for at in points),
                " / ".join(f"{at.memory_bytes / 2**20:,.0f}" if at else NONE for at in points),
                ", ".join(
                    f"{each.exponents[cost]:.2f}" if cost in each.exponents else NONE for cost in COSTS
                ),
            )
        )
    people = " / ".join(f"{each:,}" for each in sizes)
    columns = (
        f"{people} people", "search p50 ms", "p99 ms", "index seconds", "disk, bytes per person",
        "memory, MiB", "exponents",
    )  # fmt: skip
    fewest = min((point.questions for each in found.peers.values() for point in each.points), default=0)
    told = f"{fewest} to 200 searches each; exponents of search p50, index seconds, disk."
    return Grid(columns, rows, _note(found.meta, told))


COSTS = ("search_p50", "index", "disk")


def promises(card: Scorecard) -> Grid | None:
    """What was promised."""
    if card.promises is None:
        return None
    rows = [
        (each.claim, each.target, each.measured, each.spread, "yes" if each.holds else "**no**")
        for each in card.promises.rows
    ]
    note = _note(card.promises.meta, "ratios of medians, round by round.")
    return Grid(("", "promised", "measured", "lowest to highest", "holds"), rows, note)


def reindex(card: Scorecard) -> Grid | None:
    """What a rebuild does to searches."""
    found = card.reindex
    if found is None:
        return None
    rows = [
        ("requests", f"{found.requests:,}"),
        ("failed", f"{found.failed:,}"),
        ("answers of two generations", f"{found.mixed:,}"),
        ("p99 in quiet seconds, during rebuilds", f"{found.quiet_p99_ms:.0f}, {found.reindex_p99_ms:.0f} ms"),
        ("p99 of each rebuild to the quiet seconds before it", _ratio(found.p99_ratio)),
        ("seconds of a rebuild under load", _seconds(found.rebuild_s)),
        ("seconds to roll back", _seconds(found.rollback_s)),
    ]
    return Grid(("", "measured"), rows, _note(found.meta, "two workers, 40 % of the capacity asked."))


def setups(_: Scorecard) -> Grid:
    """How each system is set up."""
    specs = [*PEERS.values(), *RETRIEVERS.values()]
    return Grid(("", "set up as"), [(each.title, each.setup) for each in specs])


def missing(card: Scorecard) -> Grid | None:
    """What was not measured."""
    sections = {name: getattr(card, name) for name in card.__struct_fields__}
    rows: list[tuple[str, ...]] = []
    for section, found in sections.items():
        if found is not None:
            rows += [
                (title_of(name), section.replace("_", " "), reason)
                for name, reason in found.meta.not_measured.items()
            ]
    return Grid(("", "section", "not measured because"), _join_sections(rows)) if rows else None


def _join_sections(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    joined: dict[tuple[str, str], list[str]] = {}
    for title, section, reason in rows:
        joined.setdefault((title, reason), []).append(section)
    return [(title, ", ".join(sections), reason) for (title, reason), sections in joined.items()]


GRIDS: dict[str, Callable[[Scorecard], Grid | None]] = {
    "quality": quality,
    "completion": completion,
    "speed": speed,
    "throughput": throughput,
    "size": size,
    "growth": growth,
    "ten-million": ten_million,
    "promises": promises,
    "reindex": reindex,
    "setups": setups,
    "missing": missing,
}
"""By the name of the README's marker."""


def to_markdown(grid: Grid | None) -> str:
    """Return a table for the README; one line where it was not measured."""
    if grid is None:
        return "Not measured."
    lines = [grid.columns, ("---",) * len(grid.columns), *grid.rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines)
    return f"{table}\n\n{grid.note}" if grid.note else table
