"""The order of the hits. Pure: a query's key and candidates in, ranked hits out.

A candidate's *rank* adds up how well its name fits what was typed, how popular the bearer is, and whether the
hints (`born`, `title`) fit. The *score* that answers show is the probability that the name is meant, made of
the ranks of all that was found; bearers of one name share it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import msgspec

from marquee import names
from marquee.catalog.documents import Actor
from marquee.search import similarity
from marquee.search.alignment import fit
from marquee.search.answer import Explanation, Match

# Every constant is measured: recall@1 on names that people find hard to spell.
POPULARITY_WEIGHT_ONE_WORD = 0.25
"""A surname alone means the famous bearer: 0 → .32, .25 → .58, .4 → .55."""
POPULARITY_WEIGHT = 0.14
EXACT_BONUS = 0.05
"""Between .03, where a famous near-namesake beats an exact name, and .08, where it never does."""
HINT_BONUS = 0.3
"""More than popularity can weigh: a hint that fits settles between bearers of one name."""
MAX_NAMES_PER_TOKEN = 2
"""Of a single word that is no token of any name: the bearers of one guess must not hide the next guess."""
SETTLED = 1.0
"""A rank that hardly any name further than one letter away can reach: two letters cost some .12, the most
popular has .14. The cheap routes have found all nearer ones. At .98 the first misses are seen in the
committed queries (97.9 → 97.8 % first), at 1.0 none."""
SETTLED_ONE_WORD = 1.17
"""Of a single word, whose popular bearer weighs more: only its own well-known bearers end the search."""
DID_YOU_MEAN_SCORE = 0.5

# The score is the share of a name in all that was found, and in nothing found (`NOBODY`).
# Calibration error of the first hit (`python -m benchmarks.calibration`): .006 on misspellings and right
# names that people typed, names weighing alike, .03 query by query; .04 on the committed queries. A sharpness
# of 22 is too modest on both, one of 40 too sure of hard names.
SHARPNESS = 28.0
_YEAR_OF_TITLE = re.compile(r"\s*\([12][0-9]{3}\)\s*$")
NOBODY = 0.84


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

    @classmethod
    def read(cls, born: int | None, born_tolerance: int, titles: Iterable[str]) -> Hints:
        """Return the hints of a request, whose titles are as somebody wrote them.

        A title without letters is none.
        """
        keys = tuple(key for title in titles if (key := read_title(title)))
        return cls(born=born, born_tolerance=born_tolerance, titles=keys)

    @property
    def are_given(self) -> bool:
        """Whether there is any."""
        return self.born is not None or bool(self.titles)


def rank_actors(key: str, candidates: Iterable[tuple[Actor, tuple[str, ...]]], hints: Hints) -> list[Ranked]:
    """Order candidates, each with the routes that found it, best first.

    The bearers of one name stand together, the most popular first; names stand in the order of their best
    bearers. Of a single word, "name" is the token it may stand for. Equals are ordered by name and id, so
    that the order is the same from run to run.
    """
    query = key.split()
    fits: dict[str, tuple[float, Match]] = {}
    groups: dict[tuple[str, ...], list[Ranked]] = {}
    for actor, routes in candidates:
        name_key = names.normalise(actor.name)
        if name_key not in fits:
            fits[name_key] = fit(query, name_key.split())
        candidate = _weigh(len(query), actor, name_key, fits[name_key], hints, routes)
        group = candidate.match.matched if len(query) == 1 else (name_key,)
        groups.setdefault(group, []).append(candidate)
    for members in groups.values():
        members.sort(key=lambda each: (-each.explanation.rank, -each.actor.popularity, each.actor.nconst))
    leads = {group: members[0].explanation.rank for group, members in groups.items()}
    scores = dict(zip(leads, share(list(leads.values())), strict=True))
    ordered: list[tuple[float, Ranked]] = []
    surplus: list[tuple[float, Ranked]] = []
    for group in sorted(groups, key=lambda each: (-leads[each], each)):
        members = groups[group]
        kept = len(members)
        if len(query) == 1 and members[0].match.edits:
            kept = _count_named(members, MAX_NAMES_PER_TOKEN)
        ordered += [(scores[group], each) for each in members[:kept]]
        surplus += [(scores[group], each) for each in members[kept:]]
    lowest = 1.0
    ranked = list[Ranked]()
    for score, each in ordered + surplus:
        lowest = min(lowest, round(score, 4))
        ranked.append(msgspec.structs.replace(each, score=lowest))
    return ranked


def is_settled(key: str, ranked: list[Ranked], hints: Hints) -> bool:
    """Say whether no name that was not found by the cheap routes could come first."""
    asked = HINT_BONUS * ((hints.born is not None) + bool(hints.titles))
    least = SETTLED if " " in key else SETTLED_ONE_WORD
    return bool(ranked) and ranked[0].explanation.rank >= least + asked


def share(ranks: Sequence[float], sharpness: float = SHARPNESS, nobody: float = NOBODY) -> list[float]:
    """Return the probability that each name is meant, 0 to 1, from the ranks of their best bearers."""
    weights = [math.exp(sharpness * (rank - nobody)) for rank in ranks]
    total = 1.0 + sum(weights)
    return [weight / total for weight in weights]


def _count_named(members: list[Ranked], most: int) -> int:
    """Return how many of the first members bear no more than `most` different names."""
    seen: set[str] = set()
    for count, each in enumerate(members):
        seen.add(each.key)
        if len(seen) > most:
            return count
    return len(members)


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


def _weigh(
    words: int,
    actor: Actor,
    key: str,
    fitted: tuple[float, Match],
    hints: Hints,
    routes: tuple[str, ...],
) -> Ranked:
    """Return a candidate with its rank; its score depends on the others and is still to come."""
    name, match = fitted
    exact = EXACT_BONUS if match.kind == "exact" else 0.0
    weight = POPULARITY_WEIGHT if words > 1 else POPULARITY_WEIGHT_ONE_WORD
    popularity = weight * actor.popularity
    born = HINT_BONUS if _is_born(actor, hints) else 0.0
    title = HINT_BONUS if is_known_for(actor, hints.titles) else 0.0
    explanation = Explanation(
        name=round(name, 4),
        exact=exact,
        popularity=round(popularity, 4),
        born=born,
        title=title,
        rank=round(name + exact + popularity + born + title, 4),
        routes=routes,
    )
    return Ranked(actor=actor, key=key, score=0.0, match=match, explanation=explanation)


def read_title(title: str) -> str:
    """Return the key of a title, without the year that people, and our own answers, write behind it."""
    return names.normalise(_YEAR_OF_TITLE.sub("", title))


def _is_born(actor: Actor, hints: Hints) -> bool:
    if hints.born is None or actor.birth_year is None:
        return False
    return abs(actor.birth_year - hints.born) <= hints.born_tolerance


def is_known_for(actor: Actor, titles: Iterable[str]) -> bool:
    """Say whether somebody is known for one of some titles, normalised and perhaps misspelt."""
    return any(
        similarity.compare_spelling(title, names.normalise(known.title)) >= 0.8
        for title in titles
        for known in actor.known_for
    )
