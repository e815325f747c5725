"""The order of completions. Pure: what was typed and candidates in, suggestions out."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from marquee import names
from marquee.catalog.documents import Actor
from marquee.search import similarity

# While somebody types, who is meant is mostly somebody famous; a mistyped letter of five still costs more.
POPULARITY_WEIGHT = 0.14
# Names mostly are typed from their start.
ORDER_BONUS = 0.05
# Below this a completion is another name: half of the letters typed are wrong.
MIN_LIKENESS = 0.6


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A completion of what was typed."""

    nconst: str
    name: str
    birth_year: int | None
    death_year: int | None
    known_for: str | None
    """"Donnie Darko (2001)"."""
    highlight: tuple[tuple[int, int], ...]
    """Half-open offsets of the matched parts, in UTF-16 units of `name`."""


def rank_suggestions(key: str, candidates: Iterable[Actor], limit: int) -> tuple[list[Suggestion], bool]:
    """Order the candidates whose name may become what is being typed; the last token may be unfinished.

    Returns:
        The suggestions, `limit` at most, and whether they are as good as any: all asked for, or some of them
        begin with the very letters.
    """
    typed = key.split()
    scored: list[tuple[float, float, str, Actor, _Cover]] = []
    is_clean = False
    for actor in candidates:
        fit = _fit(typed, names.normalise(actor.name).split())
        if fit is None or fit[0] < MIN_LIKENESS:
            continue
        is_clean = is_clean or fit[0] >= 1
        score = fit[0] + POPULARITY_WEIGHT * actor.popularity
        scored.append((-score, -actor.popularity, actor.nconst, actor, fit[1]))
    scored.sort(key=lambda each: each[:3])
    suggestions = [_suggest(actor, cover) for *_, actor, cover in scored[:limit]]
    return suggestions, is_clean or len(suggestions) >= limit


_Cover = list[tuple[int, int]]
"""The tokens of a name that are begun, each with how many of its letters."""


def _fit(typed: list[str], tokens: list[str]) -> tuple[float, _Cover] | None:
    """Return how well `typed` begins the tokens, and which letters it covers; None where it can't."""
    joined = "".join(typed)
    for start in range(len(tokens)):
        if "".join(tokens[start:]).startswith(joined):
            return 1.0 + (ORDER_BONUS if start == 0 else 0.0), _cover(tokens, start, len(joined))
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
    return likeness / len(joined) + bonus, cover


def _cover(tokens: list[str], start: int, letters: int) -> _Cover:
    cover = _Cover()
    for at in range(start, len(tokens)):
        if letters > 0:
            cover.append((at, min(letters, len(tokens[at]))))
        letters -= len(tokens[at])
    return cover


def _suggest(actor: Actor, cover: _Cover) -> Suggestion:
    located = names.locate(actor.name)
    covered = [located[at][1][:letters] for at, letters in sorted(cover)]
    return Suggestion(
        nconst=actor.nconst,
        name=actor.name,
        birth_year=actor.birth_year,
        death_year=actor.death_year,
        known_for=_headline(actor),
        highlight=tuple((places[0][0], places[-1][1]) for places in covered),
    )


def _headline(actor: Actor) -> str | None:
    if not actor.known_for:
        return None
    first = actor.known_for[0]
    return f"{first.title} ({first.year})" if first.year else first.title
