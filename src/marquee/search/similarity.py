"""How alike two spellings are. The only module that imports rapidfuzz; all figures are 0 to 1."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from marquee import names
from marquee.search.nicknames import find_forms

# Four views of a pair of tokens: edits between the spellings, edits between the respellings by ear, edits
# between the double-metaphone codes, and Jaro-Winkler (letters in common, the first ones above all). One
# word for one token, 1,443 misspellings of 140 names, names weighing alike; right first in percent, for hard
# names that people typed / those on Reddit / those written down by hand: edits alone 43/85/67, sound alone
# 50/61/46, both halves 62/91/70, with respelling 60/91/74, with Jaro-Winkler 58/92/75. A free fit, names left
# out in turn, gained nothing on these. `python -m benchmarks.shares` measures them on any file of queries.
SHARES = (0.3, 0.25, 0.25, 0.2)
NICKNAME_LIKENESS = 0.9
"""Of two forms of a first name: "bob" is Robert, unless there is a Bob."""
HEARD_PREFIX = 0.92
"""Of a word that begins a token in sound but not in spelling: "gylen" for Gyllenhaal."""
MIN_HEARD_LETTERS = 4


class Spelling(NamedTuple):
    """A token in the forms that are compared."""

    token: str
    respelling: str
    sounds: tuple[str, ...]


# A process is to be as large after minutes as after a day: with 65,536, half an hour of misspelt names let
# these two grow by 40 MB.
SPELLINGS_KEPT = 16_384


@lru_cache(maxsize=SPELLINGS_KEPT)
def spell(token: str) -> Spelling:
    """Return a token with its respelling and sounds."""
    return Spelling(token, names.respell(token), tuple(names.sounds(token)))


def count_edits(a: str, b: str) -> int:
    """Return the edit distance of two tokens; a swap of neighbouring letters is one edit."""
    return OSA.distance(a, b)


def compare_spelling(a: str, b: str) -> float:
    """Return 1 minus the edit distance as a share of the longer token."""
    return OSA.normalized_similarity(a, b)


def compare_sound(a: Spelling, b: Spelling) -> float:
    """Return how alike two tokens sound, by their nearest pair of double-metaphone codes."""
    best = 0.0
    for one in a.sounds:
        for other in b.sounds:
            if one == other:
                return 1.0
            best = max(best, OSA.normalized_similarity(one, other))
    return best


def sound_alike(a: str, b: str) -> bool:
    """Say whether two tokens share a double-metaphone code."""
    return compare_sound(spell(a), spell(b)) == 1


def view(a: Spelling, b: Spelling) -> tuple[float, float, float, float]:
    """Return how alike two tokens are in the four views of SHARES."""
    return (
        OSA.normalized_similarity(a.token, b.token),
        OSA.normalized_similarity(a.respelling, b.respelling),
        compare_sound(a, b),
        JaroWinkler.similarity(a.token, b.token),
    )


def compare(a: Spelling, b: Spelling) -> float:
    """Return how alike two tokens are, in spelling and sound together; 1 only where they are equal."""
    if a.token == b.token:
        return 1.0
    spelling, respelling, sound, start = view(a, b)
    likeness = SHARES[0] * spelling + SHARES[1] * respelling + SHARES[2] * sound + SHARES[3] * start
    return min(likeness, 0.99)


@lru_cache(maxsize=SPELLINGS_KEPT)
def compare_tokens(asked: str, token: str) -> float:
    """Return how alike two tokens are: see `compare`; other forms of a first name are NICKNAME_LIKENESS."""
    likeness = compare(spell(asked), spell(token))
    return max(likeness, NICKNAME_LIKENESS) if token in find_forms(asked) else likeness


def compare_prefix(typed: str, token: str) -> tuple[float, int]:
    """Return how well `typed` begins `token`, 0 to 1, and how many letters of the token it covers.

    "gylen" begins "gyllenhaal" with one edit and covers "gyllen".
    """
    if token.startswith(typed):
        return 1.0, len(typed)
    # One letter more or fewer than typed: two edits in a prefix are not told from another name.
    lengths = [n for n in (len(typed), len(typed) + 1, len(typed) - 1) if 0 < n <= len(token)]
    if not lengths:
        lengths = [len(token)]
    best = min(lengths, key=lambda n: OSA.distance(typed, token[:n]))
    likeness = 1 - OSA.distance(typed, token[:best]) / max(len(typed), best)
    if len(typed) >= MIN_HEARD_LETTERS and spell(token).respelling.startswith(spell(typed).respelling):
        likeness = max(likeness, HEARD_PREFIX)
    return likeness, best
