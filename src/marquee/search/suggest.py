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
    joined = "".join(typed)
    for start in range(len(located)):
        rest = located[start:]
        if "".join(token for token, _ in rest).startswith(joined):
            return 1.0 + (ORDER_BONUS if start == 0 else 0.0), _split_at_tokens(rest, len(joined))
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
    return likeness / sum(map(len, typed)) + bonus, tuple(sorted(covered))


def _split_at_tokens(
    located: list[tuple[str, list[tuple[int, int]]]], letters: int
) -> tuple[tuple[int, int], ...]:
    """Return where the first `letters` letters stand, one span for each token they reach into."""
    spans: list[tuple[int, int]] = []
    for _, places in located:
        if letters > 0:
            spans.append((places[0][0], places[: max(0, letters)][-1][1]))
        letters -= len(places)
    return tuple(spans)


def _headline(actor: Actor) -> str | None:
    if not actor.known_for:
        return None
    first = actor.known_for[0]
    return f"{first.title} ({first.year})" if first.year else first.title
