"""How alike two spellings are. The only module that imports rapidfuzz; all figures are 0 to 1."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.distance import OSA

from marquee import names

# Spelling and sound count alike. Measured on names people find hard to spell, recall@1 by the share of sound:
# 0 → .38, .25 → .49, .5 → .58, .75 → .43 (design.md, 6).
SOUND_SHARE = 0.5


def count_edits(a: str, b: str) -> int:
    """Return the edit distance of two tokens; a swap of neighbouring letters is one edit."""
    return OSA.distance(a, b)


def compare_spelling(a: str, b: str) -> float:
    """Return 1 minus the edit distance as a share of the longer token."""
    return OSA.normalized_similarity(a, b)


@lru_cache(maxsize=65536)
def _sounds(token: str) -> tuple[str, ...]:
    return tuple(names.sounds(token))


def compare_sound(a: str, b: str) -> float:
    """Return how alike two tokens sound, by their nearest pair of double-metaphone codes."""
    pairs = [(one, other) for one in _sounds(a) for other in _sounds(b)]
    return max((OSA.normalized_similarity(one, other) for one, other in pairs), default=0.0)


@lru_cache(maxsize=65536)
def compare_tokens(a: str, b: str) -> float:
    """Return how alike two tokens are, in spelling and sound together; 1 only where they are equal."""
    if a == b:
        return 1.0
    return (1 - SOUND_SHARE) * compare_spelling(a, b) + SOUND_SHARE * compare_sound(a, b)


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
    return 1 - OSA.distance(typed, token[:best]) / max(len(typed), best), best
