"""From a word as typed to the tokens it may stand for. Pure: token documents in, weighted tokens out.

Names are looked up by tokens that exist, so a misspelt word is first compared with the distinct tokens of all
names. There are far fewer of them than of people, and first names repeat from query to query, which is why
expansions are worth caching.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from marquee.catalog.documents import Token
from marquee.search import similarity
from marquee.search.alignment import MAX_PART_LETTERS
from marquee.search.nicknames import find_forms
from marquee.search.rank import POPULARITY_WEIGHT_ONE_WORD

MAX_EXPANSIONS = 40
MIN_LIKENESS = 0.5
MIN_LIKENESS_JOINED = 0.8
"""Of two words joined, since every other token is already there for each of them."""


class Expansion(msgspec.Struct, frozen=True, gc=False):
    """A token that a typed word may stand for."""

    token: str
    likeness: float


def expand(word: str, tokens: Iterable[Token]) -> tuple[Expansion, ...]:
    """Return the tokens that `word` may stand for, the most likely first; other forms of first names too."""
    asked = similarity.spell(word)
    forms = find_forms(word)
    scored = [(similarity.NICKNAME_LIKENESS, Expansion(form, similarity.NICKNAME_LIKENESS)) for form in forms]
    for each in tokens:
        likeness = similarity.compare(asked, read_spelling(each))
        if likeness >= MIN_LIKENESS and each.token not in forms:
            # which tokens are worth a look also is a question of who bears them
            popularity = POPULARITY_WEIGHT_ONE_WORD * each.popularity
            # Interned: a token is what many kept words may stand for.
            scored.append((likeness + popularity, Expansion(sys.intern(each.token), likeness)))
    scored.sort(key=lambda pair: (-pair[0], pair[1].token))
    return tuple(expansion for _, expansion in scored[:MAX_EXPANSIONS])


def read_spelling(token: Token) -> similarity.Spelling:
    """Return the forms of a token that its document holds ready."""
    return similarity.Spelling(token.token, token.respelling, tuple(token.sounds.split()))


def join_neighbours(words: Sequence[str]) -> list[str]:
    """Return the pairs of neighbouring words that may be one token, joined."""
    return [
        a + b
        for a, b in pairwise(words)
        if min(len(a), len(b)) <= MAX_PART_LETTERS and len(a) + len(b) > MAX_PART_LETTERS
    ]
