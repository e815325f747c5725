"""The order of completions. Pure: what was typed and candidates in, suggestions out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from marquee import names
from marquee.search import similarity
from marquee.search.answer import Suggestion

# While somebody types, who is meant is mostly somebody famous; a mistyped letter of five still costs more.
POPULARITY_WEIGHT = 0.14
# Names mostly are typed from their start.
ORDER_BONUS = 0.05
# Below this a completion is another name: half of the letters typed are wrong.
MIN_LIKENESS = 0.6


# One letter typed wrong of five: what is found so may be meant.
LIKELY = 0.8
# Who has this and begins with five letters just as typed is meant, rather than somebody one letter away.
KNOWN_POPULARITY = 0.5
MIN_CLEAR_LETTERS = 5

Certainty = Literal["clear", "likely", "open"]
"""Whether a dearer search for completions could find better ones: no; hardly; perhaps."""


class KnownTitle(msgspec.Struct, frozen=True):
    """What is told of a title somebody is known for."""

    title: str
    year: int | None


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a person to complete their name."""

    nconst: str
    name: str
    birth_year: int | None = None
    death_year: int | None = None
    known_for: tuple[KnownTitle, ...]
    popularity: float


def rank_suggestions(
    key: str, candidates: Iterable[Completed], limit: int
) -> tuple[list[Suggestion], Certainty]:
    """Order the candidates whose name may become what is being typed; the last token may be unfinished."""
    typed = key.split()
    joined = "".join(typed)
    scored: list[tuple[float, float, str, Completed, _Fit]] = []
    clean = 0
    is_known, best = False, 0.0
    for person in candidates:
        fit = _fit(typed, joined, _split(person.name))
        if fit is None:
            continue
        likeness, popularity = fit.likeness, person.popularity
        if likeness > best:
            best = likeness
        if likeness >= 1:
            clean += 1
            is_known = is_known or popularity >= KNOWN_POPULARITY
        score = likeness + POPULARITY_WEIGHT * popularity
        scored.append((-score, -popularity, person.nconst, person, fit))
    is_clear = clean >= limit or (is_known and len(key) >= MIN_CLEAR_LETTERS)
    scored.sort()  # ids differ, so that no people are compared
    suggestions = [_suggest(person, joined, fit) for *_, person, fit in scored[:limit]]
    return suggestions, "clear" if is_clear else "likely" if best >= LIKELY else "open"


# The popular are suggested again and again: their names took a fifth of our own part of a suggest's CPU.
NAMES_KEPT = 10_000
_locate = lru_cache(NAMES_KEPT)(names.locate)


class _Name(NamedTuple):
    """A name in the forms that what is typed is compared with."""

    tokens: tuple[str, ...]
    rests: tuple[str, ...]
    """From each token on, all joined."""


@lru_cache(NAMES_KEPT)
def _split(name: str) -> _Name:
    tokens = tuple(names.normalise(name).split())
    return _Name(tokens, tuple("".join(tokens[start:]) for start in range(len(tokens))))


_Cover = list[tuple[int, int]]
"""The tokens of a name that are begun, each with how many of its letters."""


class _Fit(NamedTuple):
    """How well what is typed begins a name."""

    likeness: float
    start: int = 0
    """The token it begins with, where it is the name's letters."""
    cover: _Cover | None = None
    """What it covers, where it is not."""


_BEGINS = _Fit(1.0 + ORDER_BONUS)
"""The letters of a name from its start, as most candidates are."""


def _fit(typed: list[str], joined: str, name: _Name) -> _Fit | None:
    """Return how well `typed`, which is `joined` in one, begins the tokens of a name; None where hardly."""
    for start, rest in enumerate(name.rests):
        if rest.startswith(joined):
            return _Fit(1.0, start) if start else _BEGINS
    tokens = name.tokens
    if len(typed) > len(tokens):
        return None
    free = set(range(len(tokens)))
    likeness, cover = 0.0, _Cover()
    for word in typed:
        fits = {at: similarity.compare_prefix(word, tokens[at]) for at in free}
        at = max(fits, key=lambda each: (fits[each][0], -each))
        likeness += len(word) * fits[at][0]
        cover.append((at, fits[at][1]))
        free.remove(at)
    bonus = ORDER_BONUS if cover[0][0] == 0 and cover == sorted(cover) else 0.0
    likeness = likeness / len(joined) + bonus
    return None if likeness < MIN_LIKENESS else _Fit(likeness, cover=sorted(cover))


def _cover(tokens: tuple[str, ...], start: int, letters: int) -> _Cover:
    if letters <= len(tokens[start]):
        return [(start, letters)]
    cover = _Cover()
    for at in range(start, len(tokens)):
        if letters > 0:
            cover.append((at, min(letters, len(tokens[at]))))
        letters -= len(tokens[at])
    return cover


def _suggest(person: Completed, joined: str, fit: _Fit) -> Suggestion:
    located = _locate(person.name)
    cover = _cover(_split(person.name).tokens, fit.start, len(joined)) if fit.cover is None else fit.cover
    return Suggestion(
        nconst=person.nconst,
        name=person.name,
        birth_year=person.birth_year,
        death_year=person.death_year,
        known_for=_headline(person),
        highlight=_mark(located, cover),
    )


def _mark(located: Sequence[names.Located], cover: _Cover) -> tuple[tuple[int, int], ...]:
    """Return where the letters stand that are covered; one sign may hold two tokens: "½" is "1 2"."""
    marked: list[tuple[int, int]] = []
    for at, letters in cover:
        start, end = located[at].starts[0], located[at].ends[letters - 1]
        if marked and start < marked[-1][1]:
            start, end = marked[-1][0], max(end, marked.pop()[1])
        marked.append((start, end))
    return tuple(marked)


def _headline(person: Completed) -> str | None:
    if not person.known_for:
        return None
    first = person.known_for[0]
    return f"{first.title} ({first.year})" if first.year else first.title
