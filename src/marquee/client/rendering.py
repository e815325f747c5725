"""Answers as HTML tables, for notebooks: what is told is escaped, colours are the page's own, nothing runs.

It stands here rather than on the structs, which the service encodes hundreds of times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from marquee.catalog.documents import KnownFor
from marquee.search.answer import (
    CastAnswer,
    CreditsAnswer,
    Hit,
    MatchAnswer,
    MatchResult,
    SearchAnswer,
    SuggestAnswer,
    Suggestion,
    TitleSearchAnswer,
)

MAX_KNOWN_FOR = 3

Cell = str | int | float | None
Row = Sequence[Cell]


class _Markup(str):
    """A cell that is HTML already."""

    __slots__ = ()


def render_search(answer: SearchAnswer) -> str:
    """Return hits as a table."""
    notes = [f"Did you mean {answer.did_you_mean}?"] if answer.did_you_mean else []
    if answer.ambiguous:
        notes.append("Several people bear this name.")
    rows = [
        (hit.score, _strong(hit.name), _life(hit), hit.match.kind, hit.match.edits, _known(hit), hit.nconst)
        for hit in answer.hits
    ]
    columns = ("score", "name", "years", "match", "edits", "known for", "id")
    return _table(f"{len(rows)} found for “{answer.query}”", columns, rows, notes, answer.stale)


def render_suggestions(answer: SuggestAnswer) -> str:
    """Return completions as a table, what was typed in bold."""
    rows = [(_mark(each), _life(each), each.known_for, each.nconst) for each in answer.suggestions]
    return _table(
        f"Completions of “{answer.query}”", ("name", "years", "known for", "id"), rows, (), answer.stale
    )


def render_matches(answer: MatchAnswer) -> str:
    """Return a row for each name that was matched, by its id."""
    rows = [(asked, *_judge(result)) for asked, result in answer.results.items()]
    found = sum(result.match is not None for result in answer.results.values())
    columns = ("asked for", "name", "score", "years", "known for", "id", "note")
    return _table(f"{found} of {len(rows)} names matched", columns, rows, (), bool(answer.stale))


def render_candidates(result: MatchResult) -> str:
    """Return the candidates of one name."""
    rows = [(hit.score, _strong(hit.name), _life(hit), _known(hit), hit.nconst) for hit in result.candidates]
    meant = f"matched: {result.match.name}" if result.match else "no match"
    notes = ("Several people bear this name.",) if result.ambiguous else ()
    return _table(meant, ("score", "name", "years", "known for", "id"), rows, notes)


def render_credits(answer: CreditsAnswer) -> str:
    """Return a page of a filmography."""
    rows = [
        (each.year, _strong(each.title), each.title_type, each.category, _list(each.characters), each.tconst)
        for each in answer.credits
    ]
    notes = ("There are more.",) if answer.next_cursor else ()
    columns = ("year", "title", "type", "as", "characters", "id")
    return _table("Credits, newest first", columns, rows, notes, bool(answer.stale))


def render_cast(answer: CastAnswer) -> str:
    """Return who is in a title, in billing order."""
    rows = [(_strong(each.name), each.category, _list(each.characters), each.nconst) for each in answer.cast]
    return _table("Cast, in billing order", ("name", "as", "characters", "id"), rows, (), bool(answer.stale))


def render_titles(answer: TitleSearchAnswer) -> str:
    """Return titles found."""
    rows = [
        (hit.score, _strong(hit.title), hit.year, hit.title_type, _list(hit.genres), hit.tconst)
        for hit in answer.hits
    ]
    columns = ("score", "title", "year", "type", "genres", "id")
    return _table(f"{len(rows)} found for “{answer.query}”", columns, rows, (), answer.stale)


RENDERINGS: dict[type[msgspec.Struct], Callable[[Any], str]] = {
    SearchAnswer: render_search,
    SuggestAnswer: render_suggestions,
    MatchAnswer: render_matches,
    MatchResult: render_candidates,
    CreditsAnswer: render_credits,
    CastAnswer: render_cast,
    TitleSearchAnswer: render_titles,
}
"""How what a client returns is shown; `tolerance` hangs it on."""


def _judge(result: MatchResult) -> Row:
    """Return the cells of one name: who is meant, or who comes nearest."""
    if (hit := result.match) is not None:
        note = "several bear this name" if result.ambiguous else ""
        return (_strong(hit.name), hit.score, _life(hit), _known(hit), hit.nconst, note)
    nearest = result.candidates[0] if result.candidates else None
    note = f"nobody; nearest: {nearest.name} ({nearest.score:.2f})" if nearest else "nobody"
    return (None, None, None, None, None, note)


def _table(
    caption: str, columns: Sequence[str], rows: Sequence[Row], notes: Iterable[str] = (), stale: bool = False
) -> str:
    """Return a table without the columns that are empty: the years, where the source knows none."""
    shown = [place for place in range(len(columns)) if any(row[place] not in (None, "") for row in rows)]
    told = [caption, *notes, *(["The search engine is away: an answer from before."] if stale else [])]
    head = "".join(
        f'<th scope="col" style="text-align:left">{escape(each)}</th>'
        for each in (columns[place] for place in shown)
    )
    body = "".join(f"<tr>{''.join(_cell(row[place]) for place in shown)}</tr>" for row in rows)
    return (
        # The classes keep a notebook from reading dollar signs as formulas.
        '<table class="tex2jax_ignore mathjax_ignore">'
        f'<caption style="text-align:left">{escape(" · ".join(told))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return f'<td style="text-align:right">{value:.2f}</td>'
    if isinstance(value, int):
        return f'<td style="text-align:right">{value}</td>'
    text = "" if value is None else value if isinstance(value, _Markup) else escape(value)
    return f'<td style="text-align:left">{text}</td>'


def _strong(text: str) -> _Markup:
    return _Markup(f"<strong>{escape(text)}</strong>")


def _mark(suggestion: Suggestion) -> _Markup:
    """Return a name with what was typed in bold; offsets count UTF-16 units."""
    units, told, done = suggestion.name.encode("utf-16-le", "replace"), "", 0

    def cut(start: int, end: int | None) -> str:
        return escape(units[2 * start : None if end is None else 2 * end].decode("utf-16-le", "replace"))

    for start, end in suggestion.highlight:
        told += f"{cut(done, start)}<strong>{cut(start, end)}</strong>"
        done = end
    return _Markup(told + cut(done, None))


def _life(person: Hit | Suggestion) -> str:
    """Return "1980–", "1922–2016" or nothing."""
    born, died = person.birth_year, person.death_year
    return f"{born or '?'}–{died or ''}" if born or died else ""


def _known(hit: Hit) -> str:
    return _list(map(_with_year, hit.known_for[:MAX_KNOWN_FOR]))


def _with_year(title: KnownFor) -> str:
    return f"{title.title} ({title.year})" if title.year else title.title


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)
