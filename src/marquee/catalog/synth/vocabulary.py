"""Words to make people and titles of: Faker's lists (MIT), skewed the way real names are.

A list becomes a table of slots in which a frequent word has many and a rare one few, so that drawing a word
is one look-up for a whole column. What no list has is the long tail of rare surnames; those are put together
from the halves of two.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, TypeVar

import msgspec
import polars as pl

T = TypeVar("T")

# Shares of people, in thousandths, roughly as names look in the film industry IMDb covers.
_LOCALES = {
    "en_US": 420, "en_GB": 110, "en_IN": 90, "es_ES": 60, "fr_FR": 60, "de_DE": 55, "it_IT": 50, "es_MX": 45,
    "pt_BR": 40, "tr_TR": 15, "nl_NL": 12, "sv_SE": 12, "cs_CZ": 7, "hu_HU": 7, "da_DK": 6, "fi_FI": 5,
    "ru_RU": 3, "zh_CN": 2, "hi_IN": 1,
}  # fmt: skip
_FIRST_SLOTS = 4096
_LAST_SLOTS = 8192
_LOCALE_SLOTS = 1000


class Vocabulary(msgspec.Struct, frozen=True):
    """Slot tables; a word is drawn by looking up a random slot."""

    locales: pl.Series
    """Index of a locale."""
    first_names: tuple[pl.Series, pl.Series]
    """Female and male; `_FIRST_SLOTS` for each locale."""
    last_names: pl.Series
    """`_LAST_SLOTS` for each locale."""
    heads: pl.Series
    """First halves of surnames."""
    tails: pl.Series
    """Second halves of surnames."""
    words: pl.Series
    """English words in title case."""
    foreign_words: pl.Series
    """French and German words in title case."""


def load_vocabulary() -> Vocabulary:
    """Return the vocabulary; loads Faker's lists, about 0.3 s, which is why nothing does it at import."""
    people = [_provider(f"person.{locale}") for locale in _LOCALES]
    surnames = [name for provider in people[:15] for name in provider.last_names if len(name) > 3]
    return Vocabulary(
        locales=pl.Series(_slots(dict(enumerate(_LOCALES.values())), _LOCALE_SLOTS)),
        first_names=(
            pl.Series([n for p in people for n in _slots(_weights(p.first_names_female), _FIRST_SLOTS)]),
            pl.Series([n for p in people for n in _slots(_weights(p.first_names_male), _FIRST_SLOTS)]),
        ),
        last_names=pl.Series([n for p in people for n in _slots(_weights(p.last_names), _LAST_SLOTS)]),
        heads=pl.Series([name[: (len(name) + 1) // 2] for name in surnames]),
        tails=pl.Series([name[(len(name) + 1) // 2 :].lower() for name in surnames]),
        words=_title_words("en_US"),
        foreign_words=_title_words("fr_FR", "de_DE"),
    )


def person_names(index: pl.Series, vocabulary: Vocabulary, seed: int) -> pl.Series:
    """Return a name for each number: two words; some accented, hyphenated, with an initial, or one."""

    def draw(slots: pl.Series, turn: int, offset: pl.Expr | None = None, size: int = 0) -> pl.Expr:
        slot = random(pl.col("i"), seed, turn) % (size or len(slots))
        return pl.lit(slots).gather(slot if offset is None else offset * size + slot)

    locale = pl.col("locale")
    female, male = vocabulary.first_names
    frame = pl.DataFrame({"i": index.cast(pl.UInt64)}).with_columns(
        draw(vocabulary.locales, 1).cast(pl.UInt64).alias("locale"),
        (random(pl.col("i"), seed, 2) % 1000).alias("style"),
    )
    is_male = is_male_person(pl.col("i"), seed)
    frame = frame.with_columns(
        pl.when(is_male)
        .then(draw(male, 4, locale, _FIRST_SLOTS))
        .otherwise(draw(female, 4, locale, _FIRST_SLOTS))
        .alias("first"),
        draw(male, 5, locale, _FIRST_SLOTS).alias("second"),
        pl.when(random(pl.col("i"), seed, 6) % 4 == 0)
        .then(draw(vocabulary.heads, 7) + draw(vocabulary.tails, 8))
        .otherwise(draw(vocabulary.last_names, 9, locale, _LAST_SLOTS))
        .alias("last"),
        draw(vocabulary.last_names, 10, locale, _LAST_SLOTS).alias("other"),
    )
    first, second, last, style = pl.col("first"), pl.col("second"), pl.col("last"), pl.col("style")
    return frame.select(
        pl.when(style < 15).then(first)
        .when(style < 40).then(pl.format("{}-{} {}", first, second, last))
        .when(style < 80).then(pl.format("{} {}-{}", first, last, pl.col("other")))
        .when(style < 120).then(pl.format("{} {}. {}", first, second.str.slice(0, 1), last))
        .when(style < 170).then(pl.format("{} {} {}", first, second, last))
        .when(style < 180).then(pl.format("{} {} Jr.", first, last))
        .when(style < 183).then(pl.format('{} "{}" {}', first, second, last))
        .otherwise(pl.format("{} {}", first, last))
        .alias("name")
    )["name"]  # fmt: skip


def is_male_person(index: pl.Expr, seed: int) -> pl.Expr:
    """Return whether the person with a number is a man: decides first name and profession."""
    return random(index, seed, 3) % 5 < 3


def title_names(index: pl.Series, words: pl.Series, seed: int) -> pl.Series:
    """Return a title for each number, of one to four words."""

    def word(turn: int) -> pl.Expr:
        return pl.lit(words).gather(random(pl.col("i"), seed, turn) % len(words))

    style = random(pl.col("i"), seed, 20) % 10
    return pl.DataFrame({"i": index.cast(pl.UInt64)}).select(
        pl.when(style < 2).then(word(21))
        .when(style < 5).then(pl.format("{} {}", word(21), word(22)))
        .when(style < 7).then(pl.format("The {} {}", word(21), word(22)))
        .when(style < 9).then(pl.format("{} of the {}", word(21), word(22)))
        .otherwise(pl.format("{} {} & {}", word(21), word(22), word(23)))
        .alias("title")
    )["title"]  # fmt: skip


def random(index: pl.Expr, seed: int, turn: int) -> pl.Expr:
    """Return a random 64-bit number for each index, always the same for the same seed and turn."""
    # splitmix64, and not Polars' hash, so that another version of Polars makes the same files
    start = (seed * 1009 + turn) * 0xD1342543DE82EF95 % 2**64
    mixed = index.cast(pl.UInt64) * _u64(0x9E3779B97F4A7C15) + _u64(start)
    mixed = mixed.xor(mixed // _u64(2**30)) * _u64(0xBF58476D1CE4E5B9)
    mixed = mixed.xor(mixed // _u64(2**27)) * _u64(0x94D049BB133111EB)
    return mixed.xor(mixed // _u64(2**31))


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)


def uniform(index: pl.Expr, seed: int, turn: int) -> pl.Expr:
    """Return a random number from 0 to 1 for each index."""
    return (random(index, seed, turn) // 2048).cast(pl.Float64) / 2**53


def _provider(name: str) -> Any:
    return importlib.import_module(f"faker.providers.{name}").Provider


def _weights(names: Mapping[str, float] | Iterable[str]) -> dict[str, float]:
    """Return frequencies; lists without any, mostly alphabetical, get skewed ones in an arbitrary order."""
    if isinstance(names, Mapping):
        return dict(names)
    shuffled = sorted(set(names), key=lambda name: (hash_text(name), name))
    return {name: 1 / (rank + 5) for rank, name in enumerate(shuffled)}


def hash_text(text: str) -> int:
    """Return a number for a text, the same in every process (unlike `hash`)."""
    value = 0
    for char in text:
        value = (value * 1_000_003 + ord(char)) % 2**61
    return value % 1_000_033


def _slots(weights: Mapping[T, float], size: int) -> list[T]:
    """Return each word in proportion to its weight, `size` in all; the rarest may not appear."""
    total = sum(weights.values())
    slots: list[T] = []
    for word, reached in zip(weights, accumulate(weights.values()), strict=True):
        slots.extend([word] * (round(reached / total * size) - len(slots)))
    return slots


def _title_words(*locales: str) -> pl.Series:
    words = [word for locale in locales for word in _provider(f"lorem.{locale}").word_list if len(word) > 2]
    return pl.Series(sorted({word[:1].upper() + word[1:] for word in words}))
