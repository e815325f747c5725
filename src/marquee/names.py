"""Normalisation and keys of a name: the same functions at index and at query time.

A name becomes a *key* (lower-case ASCII tokens), and each token of the key has *grams* (shared letters),
*sounds* (shared pronunciation), a *respelling* (one letter for what is heard as one) and its *skeleton* (all
vowels alike). Two spellings of a token meet in at least one of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii
from doublemetaphone import doublemetaphone

# Written inside one word: O'Brien, D’Angelo, Tunç's ʻokina. Dropped, so that "obrien" meets "O'Brien".
_APOSTROPHES = dict.fromkeys(map(ord, "'`´‘’‛ʹʻʼʽˈ′＇"))
_SEPARATORS = re.compile(r"[^a-z0-9]+")
# One letter for what English readers hear as one, upper case where there is none (S "sh", C "ch"). In order:
# what begins a name, consonants, vowels, what is silent at the end, doubled letters.
_RESPELLINGS = [
    (re.compile(pattern), letters)
    for pattern, letters in (
        ("^ma?[ck](?=[^aeiouyh]|$)", "mak"), ("^mc", "mak"), ("^[kgp]n", "n"), ("^wr|^rh", "r"), ("^ps", "s"),
        ("^wh", "w"), ("sch|sh", "S"), ("tsch|tch|ch", "C"), ("ph", "f"), ("(?<=[aeiouy])ght", "t"),
        ("(?<=[aeiouy])gh", ""), ("gh", "g"), ("th", "t"), ("dh", "d"), ("kh", "k"), ("bh", "b"),
        ("[jz]h", "j"), ("ck|cq|qu|q", "k"), ("x", "ks"), ("tz|ts|cz", "s"), ("dge?(?=[eiy])|dj", "j"),
        ("sc(?=[eiy])", "s"), ("c(?=[eiy])", "s"), ("c", "k"), ("z", "s"), ("w", "v"),
        ("(?<=[^aeiouy])h|h(?=[^aeiouy]|$)", ""), ("eaux?$|ault$|aux?$", "o"),
        ("(?<=[aeiouy])([sr])e$", r"\1"),
        ("ee|ea|ie|ei(?=[^g])|ey|i|y", "i"), ("oo|ou|ue|u", "u"), ("aw|au|oa|oe|o", "o"), ("ai|ae|e", "e"),
        ("(?<=.)e$", ""), (r"(.)\1+", r"\1"),
    )
]  # fmt: skip
_VOWELS = re.compile("[aeiou]+")
_ASCII_WORDS = re.compile("[a-z0-9'`]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")


def normalise(name: str) -> str:
    """Return the key of a name: lower-case ASCII tokens joined by one blank, "" where nothing is searchable.

    "Zoë Kravitz" → "zoe kravitz", "Jean-Luc Godard" → "jean luc godard", "Conan O'Brien" → "conan obrien",
    "J.K. Simmons" → "j k simmons", "周星驰" → "zhou xing chi". Idempotent.
    """
    if name.isascii():
        return _SEPARATORS.sub(" ", name.lower().replace("'", "").replace("`", "")).strip()
    # Before as well: NFKC makes a blank and an accent of "´".
    composed = unicodedata.normalize("NFKC", name.translate(_APOSTROPHES)).translate(_APOSTROPHES)
    return _SEPARATORS.sub(" ", "".join(map(_transliterate, composed)).lower()).strip()


@lru_cache(maxsize=4096)
def _transliterate(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category == "Cf":  # zero-width joiners, direction marks: not even a separator
        return ""
    if category[0] not in "LMN":  # anyascii would spell an emoji out (":slight_smile:")
        return " "
    latin = anyascii(char).translate(_APOSTROPHES)
    return f" {latin} " if _HAN.match(char) else latin


def grams(token: str) -> list[str]:
    """Return the distinct trigrams of a token, its ends marked: "jake" → ["_ja", "jak", "ake", "ke_"]."""
    marked = f"_{token}_"
    return list(dict.fromkeys(marked[i : i + 3] for i in range(len(marked) - 2)))


def sounds(token: str) -> list[str]:
    """Return the one or two double-metaphone codes of a token, [] for one without a code (digits).

    "gyllenhaal" and "jilenhal" share "JLNL".
    """
    return [code for code in dict.fromkeys(doublemetaphone(token)) if code]


def respell(token: str) -> str:
    """Return how a token would be written by ear: "gyllenhaal" and "jilenhal" → "gilenal" and "jilenal".

    Beside the spelling and double metaphone, which drops the vowels, it finds more of the misspellings that
    people typed: see the weights in `marquee.search.similarity`.
    """
    for pattern, letters in _RESPELLINGS:
        token = pattern.sub(letters, token)
    return token


def skeleton(respelling: str) -> str:
    """Return a respelling with all vowels alike: "gilenal" → "galanal"."""
    return _VOWELS.sub("a", respelling)


class Located(NamedTuple):
    """A token of a key, and where its letters stand in the name, in UTF-16 units, as JavaScript counts.

    A letter that is spelt with two in the key ("ß" → "ss") has two equal places.
    """

    token: str
    starts: Sequence[int]
    ends: Sequence[int]


def locate(name: str) -> list[Located]:
    """Return the tokens of `normalise(name)`, each with where its letters stand in `name`."""
    tokens: list[Located] = []
    if name.isascii():  # as nearly all are, in a thirtieth of the time
        for word in _ASCII_WORDS.finditer(name.lower()):
            text, (start, end) = word[0], word.span()
            if "'" not in text and "`" not in text:
                tokens.append(Located(text, range(start, end), range(start + 1, end + 1)))
            elif kept := [(at, letter) for at, letter in enumerate(text, start) if letter not in "'`"]:
                places = [at for at, _ in kept]
                tokens.append(Located("".join([each for _, each in kept]), places, [at + 1 for at in places]))
        return tokens
    letters, starts, ends = "", list[int](), list[int]()
    offset = 0
    for char in name:
        width = 1 if ord(char) < 0x10000 else 2
        composed = unicodedata.normalize("NFKC", char.translate(_APOSTROPHES)).translate(_APOSTROPHES)
        for letter in "".join(map(_transliterate, composed)).lower():
            if _SEPARATORS.match(letter):
                if letters:
                    tokens.append(Located(letters, starts, ends))
                letters, starts, ends = "", [], []
            else:
                letters += letter
                starts.append(offset)
                ends.append(offset + width)
        offset += width
    if letters:
        tokens.append(Located(letters, starts, ends))
    return tokens
