"""What a notebook shows of an answer: all of it escaped, nothing that runs, no colours of its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from marquee.client.rendering import RENDERINGS
from marquee.client.tolerance import tolerate
from marquee.search.answer import (
    CastAnswer,
    CreditsAnswer,
    MatchAnswer,
    MatchResult,
    SearchAnswer,
    SuggestAnswer,
    TitleSearchAnswer,
)

EVIL = '<img src=x onerror="alert(1)"> & $x$'
ESCAPED = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; $x$"
HEAD = {"query": EVIL, "generation": "v1-1", "stale": False}


def hit(name: str = EVIL, **changes: Any) -> dict[str, Any]:
    return {
        "nconst": EVIL, "name": name, "score": 0.987, "birth_year": None, "death_year": None,
        "professions": [EVIL], "popularity": 0.5,
        "known_for": [{"tconst": "tt1", "title": EVIL, "year": year} for year in (2001, None, 3, 4)],
        "match": {"kind": EVIL, "edits": 2, "matched": [EVIL]},
    } | changes  # fmt: skip


def result(name: str | None = EVIL, **changes: Any) -> dict[str, Any]:
    found = hit(name) if name else None
    return {"match": found, "ambiguous": False, "candidates": [hit()]} | changes


TITLE = {
    "tconst": EVIL, "title": EVIL, "original_title": EVIL, "title_type": EVIL, "year": 1999,
    "genres": [EVIL], "votes": 3, "score": 0.5,
}  # fmt: skip
CREDIT = {
    "tconst": EVIL, "title": EVIL, "year": None, "title_type": EVIL, "category": EVIL,
    "characters": [EVIL, EVIL],
}  # fmt: skip
SUGGESTION = {
    "nconst": EVIL, "name": EVIL, "birth_year": None, "death_year": None, "known_for": EVIL,
    "highlight": [[0, 3], [4, 7]],
}  # fmt: skip
MEMBER = {"nconst": EVIL, "name": EVIL, "category": EVIL, "characters": [EVIL], "ordering": 1}
SEARCH = HEAD | {"took_ms": 1.0, "did_you_mean": EVIL, "ambiguous": True}
ANSWERS: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (SearchAnswer, SEARCH | {"hits": [hit()]}),
    (SearchAnswer, SEARCH | {"hits": []}),
    (SuggestAnswer, HEAD | {"suggestions": [SUGGESTION]}),
    (MatchAnswer, {"generation": EVIL, "results": {EVIL: result(), "b": result(None)}}),
    (MatchAnswer, {"generation": EVIL, "results": {}}),
    (MatchResult, result()),
    (CreditsAnswer, {"generation": EVIL, "credits": [CREDIT], "next_cursor": EVIL}),
    (CastAnswer, {"generation": EVIL, "cast": [MEMBER]}),
    (TitleSearchAnswer, HEAD | {"hits": [TITLE]}),
]


class Checked(HTMLParser):
    """Reads HTML, and keeps its elements, their attributes and the texts of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, set[str | None]] = {}
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.open.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data


def show(kind: type[msgspec.Struct], answer: dict[str, Any]) -> str:
    shown: str = msgspec.convert(answer, tolerate(kind))._repr_html_()  # type: ignore[attr-defined]
    return shown


def read(html: str) -> Checked:
    checked = Checked()
    checked.feed(html)
    checked.close()
    assert checked.open == []
    return checked


def rows(html: str) -> list[list[str]]:
    """The texts of the cells, row by row, the columns' names first."""
    return [read(f"<table>{row}</table>").cells for row in re.findall("<tr>.*?</tr>", html)]


@pytest.mark.parametrize(("kind", "answer"), ANSWERS)
def test_an_answer_is_a_table_and_nothing_else(kind: type[msgspec.Struct], answer: dict[str, Any]) -> None:
    html = show(kind, answer)
    checked = read(html)
    assert set(checked.elements) <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong"}
    assert set(checked.attributes) <= {"class", "style", "scope"}
    assert checked.attributes["style"] <= {"text-align:left", "text-align:right"}, "colours are the page's"
    assert checked.attributes["class"] == {"tex2jax_ignore mathjax_ignore"}, "a dollar is no formula"
    assert EVIL not in html
    if kind is not MatchAnswer or answer["results"]:
        assert ESCAPED in re.sub("</?strong>", "", html)


def test_every_rendering_is_tried() -> None:
    assert {kind for kind, _ in ANSWERS} == set(RENDERINGS)


def test_a_match_says_who_is_meant_and_who_is_not() -> None:
    results = {
        "a": result("Jake Gyllenhaal"),
        "b": result("Michelle Williams", ambiguous=True),
        "c": result(None, candidates=[hit("Roby Attal", score=0.031)]),
        "d": result(None, candidates=[]),
    }
    html = show(MatchAnswer, {"generation": "v1", "stale": True, "results": results})
    assert read(html).cells[0] == ("2 of 4 names matched · The search engine is away: an answer from before.")
    head, *body = rows(html)
    assert head == ["asked for", "name", "score", "known for", "id", "note"], "nobody's years are known"
    assert [(each[0], each[1], each[2], each[5]) for each in body] == [
        ("a", "Jake Gyllenhaal", "0.99", ""),
        ("b", "Michelle Williams", "0.99", "several bear this name"),
        ("c", "", "", "nobody; nearest: Roby Attal (0.03)"),
        ("d", "", "", "nobody"),
    ]


def test_a_search_says_what_is_likely_meant() -> None:
    html = show(
        SearchAnswer, SEARCH | {"query": "jake", "hits": [hit(birth_year=1980), hit(death_year=2010)]}
    )
    told = read(html).cells[0]
    assert told == f"2 found for “jake” · Did you mean {EVIL}? · Several people bear this name."
    head, first, second = rows(html)
    assert (first[head.index("years")], second[head.index("years")]) == ("1980–", "?–2010")
    assert first[head.index("known for")] == f"{EVIL} (2001), {EVIL}, {EVIL} (3)"


def test_what_was_typed_is_bold_by_utf16_offsets() -> None:
    suggestion = SUGGESTION | {"name": "𝒥ake <Gy>", "highlight": [[0, 2], [6, 9]]}
    html = show(SuggestAnswer, HEAD | {"suggestions": [suggestion]})
    assert "<strong>𝒥</strong>ake <strong>&lt;Gy</strong>&gt;</td>" in html


def test_a_highlight_that_cuts_a_letter_or_lies_outside_is_shown_all_the_same() -> None:
    suggestion = SUGGESTION | {"name": "𝒥", "highlight": [[0, 1], [5, 9]]}
    assert "<strong>" in show(SuggestAnswer, HEAD | {"suggestions": [suggestion]})


def test_a_page_of_credits_says_that_there_are_more() -> None:
    page = {"generation": "v1", "credits": [CREDIT], "next_cursor": "abc"}
    assert "There are more" in show(CreditsAnswer, page)
    assert "There are more" not in show(CreditsAnswer, page | {"next_cursor": None})
