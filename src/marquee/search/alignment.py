"""How words line up: a query's words with a name's or title's, in any order, joined or split. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from marquee.search import similarity
from marquee.search.answer import Kind, Match

UNASKED_WEIGHT = 0.3
"""Cost of the share of a name's letters nobody asked for, where several words were typed."""
SURPLUS_WEIGHT = 0.5
"""Cost of the share of the query's letters that go beyond a whole name: "beyonce knowls" means Beyoncé."""
JOINED_DISCOUNT = 0.02
"""The same letters in other words ("bradpitt") come right after the same words."""
MIN_JOINED_LIKENESS = 0.6
BEGUN_LIKENESS = 0.85
"""Of the last of several words, if it begins a token: "olivia col" is on the way to Colman."""
MAX_PART_LETTERS = 3
"""A word so short may be a part of a token even where the name has as many: "mc conaughey", "bra nagh"."""

Pair = tuple[str, str, float]
"""A word of the query, the token it stands for or "", and how alike they are."""


def fit(asked: list[str], bearing: list[str]) -> tuple[float, Match]:
    """Return the name score and how it came about, in the best of the ways to set the blanks."""
    if not bearing:  # a name of symbols only: found by id, never meant by a query
        return 0.0, Match(kind="fuzzy", edits=sum(map(len, asked)), matched=())
    score, own, others, pairs = _align_best(asked, bearing)
    return score, _describe(own, others, pairs)


def pair(asked: list[str], bearing: list[str]) -> list[Pair]:
    """Return the pairs that `fit` scores: of a query's words and a name's tokens, joined where that fits."""
    return _align_best(asked, bearing)[3] if bearing else [(word, "", 0.0) for word in asked]


def _align_best(asked: list[str], bearing: list[str]) -> tuple[float, list[str], list[str], list[Pair]]:
    best, found = -1.0, (asked, bearing, list[Pair]())
    for discount, own, others in _set_blanks(asked, bearing):
        pairs = align(own, others)
        score = max(0.0, _score_tokens(own, others, pairs) - discount)
        if score > best:
            best, found = score, (own, others, pairs)
    return best, *found


def _set_blanks(asked: list[str], bearing: list[str]) -> Iterator[tuple[float, list[str], list[str]]]:
    """Yield the ways to pair the words: as they are, two neighbours joined on either side, all joined.

    A joined word that is like none on the other side is left out: nearly all are, and to align them is dear.
    """
    yield 0.0, asked, bearing
    if len(bearing) > len(asked):
        for joined, tokens in _join_neighbours(bearing):
            if _is_near(joined, asked):
                yield JOINED_DISCOUNT, asked, tokens
    longest = None if len(asked) > len(bearing) else MAX_PART_LETTERS
    for joined, tokens in _join_neighbours(asked, longest):
        if _is_near(joined, bearing):
            yield JOINED_DISCOUNT, tokens, bearing
    if abs(len(asked) - len(bearing)) > 1 and _is_near("".join(asked), ["".join(bearing)]):
        yield JOINED_DISCOUNT, ["".join(asked)], ["".join(bearing)]


def _join_neighbours(tokens: list[str], longest: int | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield two neighbours joined, one of which has `longest` letters at most, and the tokens with them."""
    for at in range(len(tokens) - 1):
        if longest is None or min(len(tokens[at]), len(tokens[at + 1])) <= longest:
            joined = tokens[at] + tokens[at + 1]
            yield joined, [*tokens[:at], joined, *tokens[at + 2 :]]


def _is_near(joined: str, words: list[str]) -> bool:
    return any(similarity.compare_spelling(joined, word) >= MIN_JOINED_LIKENESS for word in words)


def align(asked: list[str], bearing: list[str]) -> list[Pair]:
    """Pair every asked token with a different token of the name, in any order, the most alike first.

    Returns (asked token, token of the name or "", likeness 0 to 1), in the order of `asked`.
    """
    grid = sorted(
        (
            (_liken(a, b, is_unfinished=0 < row == len(asked) - 1), -row, -column)
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


def _liken(asked: str, token: str, *, is_unfinished: bool) -> float:
    likeness = similarity.compare_tokens(asked, token)
    if is_unfinished and len(asked) > 1 and token.startswith(asked):
        return max(likeness, BEGUN_LIKENESS)
    return likeness


def _score_tokens(asked: list[str], bearing: list[str], pairs: list[Pair]) -> float:
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


def _describe(asked: list[str], bearing: list[str], pairs: list[Pair]) -> Match:
    edits = sum(similarity.count_edits(a, b) for a, b, _ in pairs)
    matched = tuple(b for _, b, _ in pairs if b)
    kind: Kind = "fuzzy"
    if edits == 0:
        kind = "exact" if len(asked) == len(bearing) else "partial"
    elif all(b.startswith(a) for a, b, _ in pairs):
        kind = "prefix"
    elif edits > 2 and all(similarity.sound_alike(a, b) for a, b, _ in pairs):
        kind = "phonetic"
    return Match(kind=kind, edits=edits, matched=matched)
