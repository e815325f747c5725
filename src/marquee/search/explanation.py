"""Why a hit stands where it stands, in words. Pure."""

from __future__ import annotations

from marquee.search import similarity
from marquee.search.alignment import pair
from marquee.search.nicknames import find_forms
from marquee.search.rank import Ranked

_PARTS = {
    "name": "the name",
    "exact": "being the very words",
    "popularity": "popularity",
    "born": "the year of birth",
    "title": "the title",
}


def explain(key: str, ranked: Ranked, following: Ranked | None) -> tuple[str, ...]:
    """Return sentences: how each word fits, what else counts, and why the next hit stands below.

    Args:
        key: of the query.
        ranked: the hit.
        following: the next hit, None for the last.
    """
    parts = ranked.explanation
    reasons = [_say_pair(asked, token) for asked, token, _ in pair(key.split(), ranked.key.split())]
    reasons.append(f"the name fits to {parts.name:.2f}")
    if parts.exact:
        reasons.append(f"the query is the whole name: +{parts.exact:.2f}")
    reasons.append(f"popularity {ranked.actor.popularity:.2f}: +{parts.popularity:.2f}")
    if parts.born:
        reasons.append(f"born {ranked.actor.birth_year}, as asked: +{parts.born:.2f}")
    if parts.title:
        reasons.append(f"known for a title that was asked for: +{parts.title:.2f}")
    if following is not None:
        reasons.append(_say_order(ranked, following))
    return tuple(reasons)


def _say_pair(asked: str, token: str) -> str:
    if not token:
        return f"“{asked}” stands for no part of the name"
    if asked == token:
        return f"“{asked}” as typed"
    if token in find_forms(asked):
        return f"“{asked}” is another form of “{token}”"
    edits = similarity.count_edits(asked, token)
    heard = ", and sounds like it" if similarity.sound_alike(asked, token) else ""
    return f"“{asked}” is {edits} letter{'s' * (edits != 1)} from “{token}”{heard}"


def _say_order(ranked: Ranked, following: Ranked) -> str:
    """Say by what the next hit falls behind, and by what it is ahead."""
    name = following.actor.name
    own, other = ranked.explanation, following.explanation
    behind, ahead = list[str](), list[str]()
    for part, words in _PARTS.items():
        difference = round(getattr(own, part) - getattr(other, part), 2)
        if difference > 0:
            behind.append(f"{words} (+{difference:.2f})")
        elif difference < 0:
            ahead.append(f"{words} ({difference:.2f})")
    if own.rank < other.rank:
        # the next one is more popular, say, but bears a name whose best bearer is not as likely as this one's
        return f"above {name}: the bearers of the likelier name stand together"
    if not behind:
        return f"above {name}: equal, in the order of names and ids"
    against = f", in spite of {' and '.join(ahead)}" if ahead else ""
    return f"above {name}: {' and '.join(behind)}{against}"
