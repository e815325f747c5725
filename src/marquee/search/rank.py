"""The order of the hits. Pure: a query's key and candidates in, ranked hits out.

A candidate's *name score* says how well its name fits what was typed; it is what answers show as `score`, and
bearers of one name share it. The *rank* adds what the name cannot say: how popular the bearer is, and whether
the hints (`born`, `title`) fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from marquee import names
from marquee.catalog.documents import Actor
from marquee.search import similarity

# Every constant from the measurements of design.md, 6, recall@1 on names that people find hard to spell.
UNASKED_WEIGHT = 0.3
"""Cost of the share of a name's letters nobody asked for, where several words were typed."""
POPULARITY_WEIGHT_ONE_WORD = 0.25
"""A surname alone means the famous bearer: 0 → .32, .25 → .58, .4 → .55."""
POPULARITY_WEIGHT = 0.14
SURPLUS_WEIGHT = 0.5
"""Cost of the share of the query's letters that go beyond a whole name: "beyonce knowls" means Beyoncé."""
EXACT_BONUS = 0.05
"""Between .03, where a famous near-namesake beats an exact name, and .08, where it never does."""
HINT_BONUS = 0.3
"""More than popularity can weigh: a hint that fits settles between bearers of one name."""
JOINED_DISCOUNT = 0.02
"""The same letters in other words ("bradpitt") come right after the same words."""
DID_YOU_MEAN_SCORE = 0.6

Kind = Literal["exact", "prefix", "fuzzy", "phonetic", "partial"]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How a name fits the query."""

    kind: Kind
    edits: int
    """Letters to insert, delete, change or swap, over all matched tokens."""
    matched: tuple[str, ...]
    """The tokens of the name that the query's tokens stand for, in the query's order."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a hit stands where it stands: the parts of its rank, which add up to it."""

    name: float
    exact: float
    popularity: float
    born: float
    title: float
    rank: float
    routes: tuple[str, ...]
    """The routes that found the candidate."""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate in its place."""

    actor: Actor
    key: str
    score: float
    match: Match
    explanation: Explanation


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of who is meant."""

    born: int | None = None
    born_tolerance: int = 1
    titles: tuple[str, ...] = ()
    """Normalised titles."""


def rank_actors(key: str, candidates: Iterable[tuple[Actor, tuple[str, ...]]], hints: Hints) -> list[Ranked]:
    """Order candidates, each with the routes that found it, best first.

    Equal ranks are ordered by popularity, then by id, so that the order is the same from run to run.
    """
    ranked = [_rank(key, actor, routes, hints) for actor, routes in candidates]
    ranked.sort(key=lambda each: (-each.explanation.rank, -each.actor.popularity, each.actor.nconst))
    return ranked


def is_ambiguous(ranked: list[Ranked]) -> bool:
    """Say whether several people remain for the first hit's name, once the hints are heard."""
    if not ranked:
        return False
    first = ranked[0]
    return any(each.key == first.key and _hinted(each) >= _hinted(first) for each in ranked[1:])


def propose(ranked: list[Ranked]) -> str | None:
    """Return the name to offer as "did you mean", None where what was typed is a name or nothing is near."""
    if not ranked or ranked[0].match.kind in ("exact", "partial"):
        return None
    return ranked[0].actor.name if ranked[0].score >= DID_YOU_MEAN_SCORE else None


def _hinted(ranked: Ranked) -> float:
    return ranked.explanation.born + ranked.explanation.title


def _rank(key: str, actor: Actor, routes: tuple[str, ...], hints: Hints) -> Ranked:
    name_key = names.normalise(actor.name)
    name, match = _fit(key.split(), name_key.split())
    exact = EXACT_BONUS if match.kind == "exact" else 0.0
    weight = POPULARITY_WEIGHT if " " in key else POPULARITY_WEIGHT_ONE_WORD
    popularity = weight * actor.popularity
    born = HINT_BONUS if _is_born(actor, hints) else 0.0
    title = HINT_BONUS if _is_known_for(actor, hints) else 0.0
    return Ranked(
        actor=actor,
        key=name_key,
        score=round(name, 4),
        match=match,
        explanation=Explanation(
            name=round(name, 4),
            exact=exact,
            popularity=round(popularity, 4),
            born=born,
            title=title,
            rank=round(name + exact + popularity + born + title, 4),
            routes=routes,
        ),
    )


def _fit(asked: list[str], bearing: list[str]) -> tuple[float, Match]:
    """Return the name score and how it came about, in the best of the ways to set the blanks."""
    best, found = -1.0, (asked, bearing, list[tuple[str, str, float]]())
    for discount, own, others in _set_blanks(asked, bearing):
        pairs = align(own, others)
        score = max(0.0, _score_tokens(own, others, pairs) - discount)
        if score > best:
            best, found = score, (own, others, pairs)
    return best, _describe(*found)


def _set_blanks(asked: list[str], bearing: list[str]) -> Iterator[tuple[float, list[str], list[str]]]:
    """Yield the ways to pair the words: as they are, two neighbours joined on either side, all joined."""
    yield 0.0, asked, bearing
    if len(bearing) > len(asked):
        for joined in _join_neighbours(bearing):
            yield JOINED_DISCOUNT, asked, joined
    elif len(asked) > len(bearing):
        for joined in _join_neighbours(asked):
            yield JOINED_DISCOUNT, joined, bearing
    if abs(len(asked) - len(bearing)) > 1:
        yield JOINED_DISCOUNT, ["".join(asked)], ["".join(bearing)]


def _join_neighbours(tokens: list[str]) -> Iterator[list[str]]:
    for at in range(len(tokens) - 1):
        yield [*tokens[:at], tokens[at] + tokens[at + 1], *tokens[at + 2 :]]


def align(asked: list[str], bearing: list[str]) -> list[tuple[str, str, float]]:
    """Pair every asked token with a different token of the name, in any order, the most alike first.

    Returns (asked token, token of the name or "", likeness 0 to 1), in the order of `asked`.
    """
    grid = sorted(
        (
            (similarity.compare_tokens(a, b), -row, -column)
            for row, a in enumerate(asked)
            for column, b in enumerate(bearing)
        ),
        reverse=True,
    )
    partner: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for likeness, row, column in grid:
        if -row not in partner and -column not in taken:
            partner[-row] = (-column, likeness)
            taken.add(-column)
    return [
        (a, bearing[partner[row][0]], partner[row][1]) if row in partner else (a, "", 0.0)
        for row, a in enumerate(asked)
    ]


def _score_tokens(asked: list[str], bearing: list[str], pairs: list[tuple[str, str, float]]) -> float:
    """Mean likeness of the asked tokens, the longer the weightier, less what nobody asked for."""
    letters = sum(map(len, asked))
    mean = sum(len(a) * likeness for a, _, likeness in pairs) / letters
    if len(asked) > len(bearing):
        met = sum(len(a) for a, b, _ in pairs if b)
        return max(0.0, mean * letters / met - SURPLUS_WEIGHT * (1 - met / letters))
    if len(asked) == 1:
        return mean
    unasked = sum(map(len, bearing)) - sum(len(b) for _, b, _ in pairs)
    return max(0.0, mean - UNASKED_WEIGHT * unasked / max(1, sum(map(len, bearing))))


def _describe(asked: list[str], bearing: list[str], pairs: list[tuple[str, str, float]]) -> Match:
    edits = sum(similarity.count_edits(a, b) for a, b, _ in pairs)
    matched = tuple(b for _, b, _ in pairs if b)
    kind: Kind = "fuzzy"
    if edits == 0:
        kind = "exact" if len(asked) == len(bearing) else "partial"
    elif all(b.startswith(a) for a, b, _ in pairs):
        kind = "prefix"
    elif edits > 2 and all(similarity.compare_sound(a, b) == 1 for a, b, _ in pairs):
        kind = "phonetic"
    return Match(kind=kind, edits=edits, matched=matched)


def _is_born(actor: Actor, hints: Hints) -> bool:
    if hints.born is None or actor.birth_year is None:
        return False
    return abs(actor.birth_year - hints.born) <= hints.born_tolerance


def _is_known_for(actor: Actor, hints: Hints) -> bool:
    return any(
        similarity.compare_spelling(title, names.normalise(known.title)) >= 0.8
        for title in hints.titles
        for known in actor.known_for
    )
