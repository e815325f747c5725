"""The order of the hits. Pure: a query's key and candidates in, ranked hits out.

A candidate's *name score* says how well its name fits what was typed; it is what answers show as `score`, and
bearers of one name share it. The *rank* adds what the name cannot say: how popular the bearer is, and whether
the hints (`born`, `title`) fit.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from marquee import names
from marquee.catalog.documents import Actor
from marquee.search import similarity
from marquee.search.alignment import Match, fit

# Every constant from the measurements of design.md, 6, recall@1 on names that people find hard to spell.
POPULARITY_WEIGHT_ONE_WORD = 0.25
"""A surname alone means the famous bearer: 0 → .32, .25 → .58, .4 → .55."""
POPULARITY_WEIGHT = 0.14
EXACT_BONUS = 0.05
"""Between .03, where a famous near-namesake beats an exact name, and .08, where it never does."""
HINT_BONUS = 0.3
"""More than popularity can weigh: a hint that fits settles between bearers of one name."""
DID_YOU_MEAN_SCORE = 0.6


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
    name, match = fit(key.split(), name_key.split())
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
