"""How people miss names: an error model with a seed, so that a query set can be made and redistributed.

A query begins as the name the way most people type it (lower case, no accents, no full stops) and gets one to
three errors (55 %, 30 %, 15 %), though no more than one for every four letters. Each error is of a kind drawn
by the weights of WEIGHTS among the kinds that can happen to what was typed so far; spacing, order, nickname
and marks happen once at most. Where it strikes is even over the letters (so long words are missed more
often), except that of slips that would hit the first letter of a word nineteen in twenty move to the second:
people mostly know how a name begins.

| kind | what happens | weight |
|---|---|---|
| phonetic | one of PHONETIC: a spelling that sounds alike, or another vowel | 30 |
| doubling | a double letter typed once, or a single consonant twice | 15 |
| omission | a letter left out | 12 |
| transposition | two neighbours swapped | 10 |
| keyboard | a key next to the right one (QWERTY) | 10 |
| insertion | a key next to the right one hit as well | 6 |
| spacing | two words joined, or a long word split | 6 |
| nickname | a first name's short or long form, where NICKNAMES has one | 15 |
| order | the last word first | 3 |
| marks | a hyphen or apostrophe taken for a blank, accents typed as they are, or one where none is | 3 |

The weights are our reading of what is known of misspelt names (sound and doubling lead, typing slips follow);
they are not fitted to any collection, and no query is copied from one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from random import Random

SHARE_BY_ERRORS = {1: 55, 2: 30, 3: 15}
"""Percent of queries with one, two and three errors."""

LETTERS_PER_ERROR = 4
"""A name of five letters with three errors is nobody's any more."""

FIRST_LETTER_SPARED = 0.95

# Pattern, replacement. Drawn evenly among those that fit the word, so that frequent letters don't take over.
PHONETIC = [
    (r"ph", "f"), (r"f", "ph"), (r"ff", "ph"), (r"ck", "k"), (r"k", "ck"), (r"c(?=[aourl])", "k"),
    (r"k", "c"), (r"c(?=[ei])", "s"), (r"s(?=[ei])", "c"), (r"sch", "sh"), (r"sh", "sch"), (r"ch", "sh"),
    (r"tch", "ch"), (r"cz", "ch"), (r"z", "s"), (r"s\b", "z"), (r"x", "ks"), (r"qu", "kw"), (r"w", "v"),
    (r"v", "w"), (r"j", "g"), (r"g(?=[ei])", "j"), (r"gy", "ji"), (r"gh", "g"), (r"gh", ""), (r"th", "t"),
    (r"t(?=[aeiou])", "th"), (r"dt\b", "t"), (r"wh", "w"), (r"kn", "n"), (r"wr", "r"), (r"mb\b", "m"),
    (r"(?<=[aeiou])h(?=[a-z])", ""), (r"rh", "r"), (r"ie", "ei"), (r"ei", "ie"), (r"ee", "ea"),
    (r"ea", "ee"), (r"ey\b", "y"), (r"y\b", "ie"), (r"ie\b", "y"), (r"y\b", "ey"), (r"y", "i"),
    (r"(?<=[a-z])i(?=[a-z])", "y"), (r"ou", "u"), (r"oo", "u"), (r"au", "o"), (r"aw", "au"), (r"ai", "ay"),
    (r"er\b", "or"), (r"or\b", "er"), (r"ar\b", "er"), (r"er\b", "ar"), (r"e\b", ""), (r"son\b", "sen"),
    (r"sen\b", "son"), (r"man\b", "mann"), (r"mann\b", "man"), (r"le\b", "el"), (r"el\b", "le"),
    (r"(?<=[a-z])a(?=[a-z])", "e"), (r"(?<=[a-z])e(?=[a-z])", "a"), (r"(?<=[a-z])e(?=[a-z])", "i"),
    (r"(?<=[a-z])i(?=[a-z])", "e"), (r"(?<=[a-z])o(?=[a-z])", "a"), (r"(?<=[a-z])a(?=[a-z])", "o"),
    (r"(?<=[a-z])u(?=[a-z])", "o"), (r"(?<=[a-z])o(?=[a-z])", "u"),
]  # fmt: skip

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Keys beside a key, and above and below it, the rows being set off by about half a key.
NEIGHBOURS = {
    key: "".join(
        other
        for y, others in enumerate(_ROWS)
        for x, other in enumerate(others)
        if other != key and abs(y - row) <= 1 and abs((x + y / 2) - (column + row / 2)) <= 1
    )
    for row, keys in enumerate(_ROWS)
    for column, key in enumerate(keys)
}

# Each both ways: who is billed Bob is asked for as Robert as well.
NICKNAMES = [
    ("robert", "bob"), ("robert", "bobby"), ("robert", "rob"), ("william", "bill"), ("william", "will"),
    ("james", "jim"), ("james", "jimmy"), ("michael", "mike"), ("richard", "dick"), ("richard", "rick"),
    ("thomas", "tom"), ("joseph", "joe"), ("daniel", "dan"), ("daniel", "danny"), ("christopher", "chris"),
    ("matthew", "matt"), ("benjamin", "ben"), ("samuel", "sam"), ("anthony", "tony"), ("edward", "ed"),
    ("edward", "eddie"), ("charles", "charlie"), ("charles", "chuck"), ("david", "dave"),
    ("steven", "steve"), ("stephen", "steve"), ("andrew", "andy"), ("kenneth", "ken"), ("donald", "don"),
    ("ronald", "ron"), ("timothy", "tim"), ("gregory", "greg"), ("jeffrey", "jeff"), ("nicholas", "nick"),
    ("alexander", "alex"), ("frederick", "fred"), ("walter", "walt"), ("lawrence", "larry"),
    ("elizabeth", "liz"), ("elizabeth", "beth"), ("katherine", "kate"), ("catherine", "cathy"),
    ("margaret", "maggie"), ("jennifer", "jen"), ("jessica", "jess"), ("susan", "sue"),
    ("deborah", "debbie"), ("barbara", "barb"), ("patricia", "pat"), ("rebecca", "becky"),
    ("victoria", "vicky"), ("christine", "chris"), ("judith", "judy"), ("dorothy", "dot"),
]  # fmt: skip


def type_plainly(name: str) -> str:
    """Return the name as most people type it: "Renée O’Connor Jr." → "renee o'connor jr"."""
    letters = unicodedata.normalize("NFKD", name.replace("’", "'")).lower()
    kept = "".join(char for char in letters if not unicodedata.combining(char) and char != ".")
    return " ".join(kept.split())


def _strike(typed: str, rng: Random, shortest: int = 3) -> int | None:
    """Return where an error strikes: the position of a letter in a word of `shortest` letters at least."""
    spots = [m.start() + at for m in re.finditer(rf"[a-z]{{{shortest},}}", typed) for at in range(len(m[0]))]
    if not spots:
        return None
    at = rng.choice(spots)
    begins = at == 0 or not typed[at - 1].isalpha()
    return at + 1 if begins and rng.random() < FIRST_LETTER_SPARED else at


def phonetic(typed: str, rng: Random) -> str | None:
    """Respell a part by what sounds alike."""
    fitting = [(places, to) for pattern, to in PHONETIC if (places := list(re.finditer(pattern, typed)))]
    if not fitting:
        return None
    places, to = rng.choice(fitting)
    place = rng.choice(places)
    return typed[: place.start()] + to + typed[place.end() :]


def doubling(typed: str, rng: Random) -> str | None:
    """Type a double letter once, or double a consonant inside a word."""
    doubles = [m.start() for m in re.finditer(r"([a-z])\1", typed)]
    if doubles and rng.random() < 0.6:
        at = rng.choice(doubles)
        return typed[:at] + typed[at + 1 :]
    singles = [m.start() for m in re.finditer(r"(?<=[aeiouy])([bcdfglmnprst])(?!\1)", typed)]
    if not singles:
        return None
    at = rng.choice(singles)
    return typed[:at] + typed[at] + typed[at:]


def omission(typed: str, rng: Random) -> str | None:
    """Leave a letter out."""
    at = _strike(typed, rng, shortest=4)
    return None if at is None else typed[:at] + typed[at + 1 :]


def transposition(typed: str, rng: Random) -> str | None:
    """Swap two neighbours of one word."""
    at = _strike(typed, rng)
    if at is None or not typed[at + 1 : at + 2].isalpha() or typed[at] == typed[at + 1]:
        return None
    return typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :]


def keyboard(typed: str, rng: Random) -> str | None:
    """Hit a key next to the right one."""
    at = _strike(typed, rng)
    return None if at is None else typed[:at] + rng.choice(NEIGHBOURS[typed[at]]) + typed[at + 1 :]


def insertion(typed: str, rng: Random) -> str | None:
    """Hit a key next to the right one as well."""
    at = _strike(typed, rng)
    return None if at is None else typed[: at + 1] + rng.choice(NEIGHBOURS[typed[at]]) + typed[at + 1 :]


def spacing(typed: str, rng: Random) -> str | None:
    """Join two words, or split a long one."""
    blanks = [at for at, char in enumerate(typed) if char == " "]
    if blanks and rng.random() < 0.7:
        at = rng.choice(blanks)
        return typed[:at] + typed[at + 1 :]
    inside = [m.start() + at for m in re.finditer(r"[a-z]{7,}", typed) for at in range(3, len(m[0]) - 2)]
    if not inside:
        return None
    at = rng.choice(inside)
    return f"{typed[:at]} {typed[at:]}"


def nickname(typed: str, rng: Random) -> str | None:
    """Put a first name's short form for the long one, or the long one for the short."""
    first, blank, rest = typed.partition(" ")
    others = [b if first == a else a for a, b in NICKNAMES if first in (a, b)]
    return f"{rng.choice(others)} {rest}" if blank and others else None


def order(typed: str, rng: Random) -> str | None:  # noqa: ARG001
    """Put the last word first."""
    rest, blank, last = typed.rpartition(" ")
    return f"{last} {rest}" if blank else None


def marks(typed: str, rng: Random) -> str | None:
    """Take a hyphen or apostrophe for a blank or nothing, or put an accent where none is."""
    places = [at for at, char in enumerate(typed) if char in "-'"]
    if places:
        at = rng.choice(places)
        return typed[:at] + rng.choice(("", " ")) + typed[at + 1 :]
    accents = {"a": "áäå", "e": "éèë", "i": "íï", "o": "öóø", "u": "üú", "n": "ñ", "c": "ç"}
    spots = [at for at, char in enumerate(typed) if char in accents and at > 0]
    if not spots:
        return None
    at = rng.choice(spots)
    return typed[:at] + rng.choice(accents[typed[at]]) + typed[at + 1 :]


Error = Callable[[str, Random], str | None]

WEIGHTS: dict[str, tuple[Error, int]] = {
    "phonetic": (phonetic, 30),
    "doubling": (doubling, 15),
    "omission": (omission, 12),
    "transposition": (transposition, 10),
    "keyboard": (keyboard, 10),
    "insertion": (insertion, 6),
    "spacing": (spacing, 6),
    "nickname": (nickname, 15),
    "order": (order, 3),
    "marks": (marks, 3),
}
_ONCE = {"spacing", "nickname", "order", "marks"}


def misspell(name: str, rng: Random) -> tuple[str, list[str]]:
    """Return a misspelling of a name, and the kinds of its errors in the order they happened."""
    plain = typed = type_plainly(name)
    count = rng.choices(list(SHARE_BY_ERRORS), list(SHARE_BY_ERRORS.values()))[0]
    count = min(count, max(1, sum(map(str.isalpha, plain)) // LETTERS_PER_ERROR))
    made: list[str] = []
    for _ in range(50):  # a draw that can't happen to this name, or undoes the last one, is drawn again
        kinds = [kind for kind in WEIGHTS if kind not in _ONCE.intersection(made)]
        kind = rng.choices(kinds, [WEIGHTS[each][1] for each in kinds])[0]
        changed = WEIGHTS[kind][0](typed, rng)
        if changed and changed not in (typed, plain):
            typed = changed
            made.append(kind)
            if len(made) == count:
                break
    return typed, made


def slip(prefix: str, rng: Random) -> str | None:
    """Return what is typed so far with one slip of the fingers, the first letter no safer than others."""
    letters = [at for at, char in enumerate(prefix) if char in NEIGHBOURS]
    for _ in range(20):
        at = rng.choice(letters) if letters else 0
        near = rng.choice(NEIGHBOURS.get(prefix[at], "e"))
        changed = rng.choice(
            (
                prefix[:at] + near + prefix[at + 1 :],
                prefix[:at] + prefix[at + 1 :],
                prefix[:at] + near + prefix[at:],
                prefix[:at] + prefix[at : at + 2][::-1] + prefix[at + 2 :],
            )
        ).strip()
        if changed != prefix:
            return changed
    return None


def miss_first_letter(prefix: str, rng: Random) -> str | None:
    """Return what is typed so far with its first letter taken from the key beside; None without a letter."""
    near = NEIGHBOURS.get(prefix[0])
    return rng.choice(near) + prefix[1:] if near else None
