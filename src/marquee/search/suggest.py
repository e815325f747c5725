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


def rank_suggestions(key: str, candidates: Iterable[Actor], limit: int) -> list[Suggestion]:
    """Order the candidates whose name may become what is being typed; the last token may be unfinished."""
    typed = key.split()
    scored: list[tuple[float, float, str, Suggestion]] = []
    for actor in candidates:
        fit = _fit(typed, actor.name)
        if fit is None or fit[0] < MIN_LIKENESS:
            continue
        score = fit[0] + POPULARITY_WEIGHT * actor.popularity
        suggestion = Suggestion(
            nconst=actor.nconst,
            name=actor.name,
            birth_year=actor.birth_year,
            death_year=actor.death_year,
            known_for=_headline(actor),
            highlight=fit[1],
        )
        scored.append((-score, -actor.popularity, actor.nconst, suggestion))
    scored.sort(key=lambda each: each[:3])
    return [each[3] for each in scored[:limit]]


def _fit(typed: list[str], name: str) -> tuple[float, tuple[tuple[int, int], ...]] | None:
    """Return how well `typed` begins the name's tokens, and the matched places; None where it can't."""
    located = names.locate(name)
    if "".join(token for token, _ in located).startswith("".join(typed)):
        in_order = [place for _, places in located for place in places]
        return 1.0 + ORDER_BONUS, _merge(_by_token(located, len("".join(typed)), in_order))
    free = dict(enumerate(located))
    likeness, covered, positions = 0.0, list[tuple[int, int]](), list[int]()
    for word in typed:
        if not free:
            return None
        fits = {at: similarity.compare_prefix(word, token) for at, (token, _) in free.items()}
        at = max(fits, key=lambda each: (fits[each][0], -each))
        likeness += len(word) * fits[at][0]
        places = free.pop(at)[1][: fits[at][1]]
        covered.append((places[0][0], places[-1][1]))
        positions.append(at)
    bonus = ORDER_BONUS if positions[0] == 0 and positions == sorted(positions) else 0.0
    return likeness / sum(map(len, typed)) + bonus, _merge(covered)


def _by_token(
    located: list[tuple[str, list[tuple[int, int]]]], letters: int, in_order: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Split the first `letters` places of a name where its tokens end."""
    spans, start = [], 0
    for token, _ in located:
        end = min(start + len(token), letters)
        if start < end:
            spans.append((in_order[start][0], in_order[end - 1][1]))
        start += len(token)
    return spans


def _merge(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(dict.fromkeys(spans)))


def _headline(actor: Actor) -> str | None:
    if not actor.known_for:
        return None
    first = actor.known_for[0]
    return f"{first.title} ({first.year})" if first.year else first.title
