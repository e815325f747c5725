"""Who a row of somebody else's table means: a name with what else the row says, judged. Pure.

It is the heart of the W3C Reconciliation API (`api/reconciliation`), of both its versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from marquee import names
from marquee.catalog.documents import Actor
from marquee.search.rank import Hints, Ranked, is_known_for, read_title

MATCH_SCORE = 0.9
"""From this score on a candidate may be a match that nobody need look at; what was measured stands in
`docs/reconciliation.md`."""
DOUBT = 0.5
"""What a score is multiplied by for each thing that speaks against: nobody who contradicts the row can reach
MATCH_SCORE."""
YEARS_APART = 1
"""By how much two sources may differ about a year: as `born_tolerance` of a search."""

PropertyId = Literal["birth_year", "death_year", "profession", "known_for"]
"""What a row may say of a person, and what is told of one."""
Quantifier = Literal["any", "all", "none"]
"""How many of the values of a claim are to be true."""

Told = list[bool | None]
"""Of each claim of a row: whether it is true of somebody, None where nobody can tell."""

_ID = re.compile("nm[0-9]{7,10}")
_YEAR = re.compile(r"(?<![0-9])[12][0-9]{3}(?![0-9])")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says of the person it means."""

    property: PropertyId
    values: tuple[str, ...]
    """As they stand in the row."""
    quantifier: Quantifier = "any"
    required: bool = False
    """Whether who does not have it is no candidate."""


class EntityQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A row: names or ids of who is meant, and what else it says."""

    names: tuple[str, ...] = ()
    """Names of one person, in any spelling; what holds nothing to search for is passed over."""
    ids: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    limit: int
    """Candidates at most, from 1 on."""

    @property
    def hints(self) -> Hints:
        """What the claims are to the ranking."""
        said = [each for each in self.claims if each.quantifier != "none"]
        born = [year for each in said if each.property == "birth_year" for year in _years(each.values)]
        titles = [title for each in said if each.property == "known_for" for title in each.values]
        return Hints.read(born[0] if born else None, YEARS_APART, titles)

    def compare(self, actor: Actor) -> Told:
        """Return of each claim whether it is true of a person."""
        return [agrees(actor, claim) for claim in self.claims]

    def admits(self, told: Told) -> bool:
        """Say whether somebody has what is required; what is not known is not had."""
        return all(
            is_true or (is_true is None and claim.quantifier == "none")
            for claim, is_true in zip(self.claims, told, strict=True)
            if claim.required
        )


class Feature(NamedTuple):
    """What a score was made of, or something else to judge by."""

    id: str
    name: str
    value: bool | float


class Candidate(NamedTuple):
    """Somebody the row may mean."""

    actor: Actor
    score: float
    """0 to 1."""
    is_match: bool
    """Whether it is sure enough that nobody need look."""
    features: tuple[Feature, ...]


def is_id(text: str) -> bool:
    """Whether this is the id of a person, rather than a name."""
    return _ID.fullmatch(text) is not None


def judge(
    query: EntityQuery, rankings: Iterable[Sequence[Ranked]], by_id: Iterable[Actor]
) -> list[Candidate]:
    """Return who the row may mean, the likeliest first.

    Who was asked for by id has the score 1 and is meant, where no other id was asked for. Who was found by
    name has the score of the name (`search/rank`), halved for each claim that is known to be false, and where
    more claims are true of another bearer of the same name.

    Args:
        query: the row.
        rankings: what was found for each of its names.
        by_id: who was found by id.
    """
    asked = [(each, told) for each in by_id if query.admits(told := query.compare(each))]
    found = [Candidate(each, 1.0, len(asked) == 1, _features(query, each, told)) for each, told in asked]
    seen = {each.nconst for each, _ in asked}
    weighed: dict[str, _Weighed] = {}
    for ranked in rankings:
        for one in _weigh(query, ranked):
            nconst = one.ranked.actor.nconst
            before = weighed.get(nconst)
            if nconst not in seen and (before is None or one.score > before.score):
                weighed[nconst] = one
    # Stable: of equals, the more popular comes first, as in a search.
    ordered = sorted(weighed.values(), key=lambda each: -each.score)
    is_sure = not asked and bool(ordered) and _is_sure(ordered)
    for place, one in enumerate(ordered[: query.limit]):
        features = _features(query, one.ranked.actor, one.told, one.ranked)
        found.append(Candidate(one.ranked.actor, round(one.score, 4), is_sure and place == 0, features))
    return found[: query.limit]


class _Weighed(NamedTuple):
    score: float
    ranked: Ranked
    told: Told


def _weigh(query: EntityQuery, ranked: Sequence[Ranked]) -> list[_Weighed]:
    """Return those who have what is required, each with the score that is left of the name's."""
    compared = [(each, query.compare(each.actor)) for each in ranked]
    best: dict[str, int] = {}
    for each, told in compared:
        best[each.key] = max(best.get(each.key, 0), told.count(True))
    return [
        _Weighed(each.score * DOUBT ** (told.count(False) + (told.count(True) < best[each.key])), each, told)
        for each, told in compared
        if query.admits(told)
    ]


def _is_sure(ordered: Sequence[_Weighed]) -> bool:
    """Say whether the first is meant: likely enough, by a whole name, and nobody else of that name."""
    score, first, _ = ordered[0]
    letters = sum(map(len, first.match.matched))
    return (
        score >= MATCH_SCORE
        # "Brad" is sure to mean a Brad, and no more.
        and letters == len(first.key.replace(" ", ""))
        and all(other.ranked.key != first.key or other.score < score for other in ordered[1:])
    )


def _features(
    query: EntityQuery, actor: Actor, told: Told, ranked: Ranked | None = None
) -> tuple[Feature, ...]:
    found: list[Feature] = []
    if ranked is not None:
        found.append(Feature("name_similarity", "How well the name fits, 0 to 1", ranked.explanation.name))
        found.append(Feature("edits", "Letters that differ", ranked.match.edits))
    found.append(Feature("popularity", "How popular the person is, 0 to 1", actor.popularity))
    for claim, is_true in zip(query.claims, told, strict=True):
        if is_true is not None and all(each.id != claim.property for each in found):
            found.append(Feature(claim.property, f"{NAMES[claim.property]} as asked for", is_true))
    return tuple(found)


NAMES: dict[PropertyId, str] = {
    "birth_year": "Birth year",
    "death_year": "Death year",
    "profession": "Profession",
    "known_for": "Known for",
}


def agrees(actor: Actor, claim: Claim) -> bool | None:
    """Say whether what a row says is true of a person; None where the source does not tell, or nobody can."""
    single = [_agrees(actor, claim.property, value) for value in claim.values]
    known = [each for each in single if each is not None]
    if not known:
        return None
    if claim.quantifier == "none":
        return not any(known)
    if claim.quantifier == "all":
        return False if not all(known) else True if len(known) == len(single) else None
    return any(known) or (None if len(known) < len(single) else False)


def _agrees(actor: Actor, name: PropertyId, value: str) -> bool | None:
    if name == "known_for":
        # At most four titles are kept: that one is not among them says nothing.
        return _is_known_for(actor, value) or None
    if name == "profession":
        return _has_profession(actor, value)
    told = actor.birth_year if name == "birth_year" else actor.death_year
    years = _years((value,))
    return None if told is None or not years else abs(told - years[0]) <= YEARS_APART


def _is_known_for(actor: Actor, value: str) -> bool:
    title = read_title(value)
    return any(value == known.tconst for known in actor.known_for) or (
        bool(title) and is_known_for(actor, (title,))
    )


def _has_profession(actor: Actor, value: str) -> bool | None:
    """Compare as people write it: "Film director", "actress"; None where IMDb knows no such profession."""
    wanted = _PROFESSIONS.get(names.normalise(value))
    return None if wanted is None or not actor.professions else not wanted.isdisjoint(actor.professions)


def _years(values: Iterable[str]) -> list[int]:
    """Return the years in texts that may be dates: "1980-12-19T00:00:00Z", "c. 1980"."""
    return [int(found[0]) for value in values if (found := _YEAR.search(value))]


# IMDb's, by the words people have for them; who is one of several is meant by each.
_ACTING = frozenset({"actor", "actress"})
_PROFESSIONS: dict[str, frozenset[str]] = {
    **{
        each.replace("_", " "): frozenset({each})
        for each in (
            "animation_department", "archive_footage", "archive_sound", "art_department", "art_director",
            "assistant", "assistant_director", "camera_department", "casting_department", "casting_director",
            "choreographer", "cinematographer", "composer", "costume_department", "costume_designer",
            "director", "editor", "editorial_department", "electrical_department", "executive", "legal",
            "location_management", "make_up_department", "manager", "miscellaneous", "music_artist",
            "music_department", "podcaster", "producer", "production_department", "production_designer",
            "production_manager", "publicist", "script_department", "set_decorator", "sound_department",
            "soundtrack", "special_effects", "stunts", "talent_agent", "transportation_department",
            "visual_effects", "writer",
        )
    },
    "actor": _ACTING, "actress": _ACTING, "film actor": _ACTING, "film actress": _ACTING,
    "film director": frozenset({"director"}), "movie director": frozenset({"director"}),
    "film producer": frozenset({"producer"}), "screenwriter": frozenset({"writer"}),
    "script writer": frozenset({"writer"}), "film editor": frozenset({"editor"}),
    "stunt performer": frozenset({"stunts"}),
    "musician": frozenset({"music_artist", "composer", "soundtrack"}),
    "singer": frozenset({"music_artist", "soundtrack"}),
}  # fmt: skip


def describe(actor: Actor) -> str:
    """Return in a line who somebody is, to tell them from others of the name; or nothing where nobody can."""
    headline = actor.known_for[0] if actor.known_for else None
    parts = [
        describe_life(actor.birth_year, actor.death_year),
        ", ".join(each.replace("_", " ") for each in actor.professions[:3]),
        (f"{headline.title} ({headline.year})" if headline.year else headline.title) if headline else "",
    ]
    return " · ".join(part for part in parts if part)


def describe_life(birth_year: int | None, death_year: int | None) -> str:
    """Return the years of somebody's life: "1930-2010", "born 1980", "died 2010", or nothing."""
    if birth_year and death_year:
        return f"{birth_year}-{death_year}"
    return f"born {birth_year}" if birth_year else f"died {death_year}" if death_year else ""
