"""What holds of every name: on the sample, for people chosen by chance, the same ones each run."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import random
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from importlib import resources
from typing import NamedTuple, TypeVar

import pytest

from marquee import names
from marquee.engine.cluster import Cluster
from marquee.errors import EngineUnavailableError, RequestError
from marquee.search.answer import Hit
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest, parse
from marquee.settings import Settings

pytestmark = pytest.mark.anyio

SAMPLED = 300
TYPED = 80
"""People whose names are typed letter by letter."""
AT_ONCE = 8
NEAREST = 50
"""The longest page."""

Result = TypeVar("Result")
Item = TypeVar("Item")


class Person(NamedTuple):
    nconst: str
    name: str


def read_people() -> list[Person]:
    """Return the sample's actors who can be searched for."""
    packed = (resources.files("marquee.catalog") / "sample" / "name.basics.tsv.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        Person(row["nconst"], row["primaryName"])
        for row in rows
        if {"actor", "actress"} & set(row["primaryProfession"].split(","))
        and names.normalise(row["primaryName"])
    ]


PEOPLE = read_people()
CHOSEN = random.Random(5).sample(PEOPLE, SAMPLED)
TRIES = 4
ABSENT = 100
"""The place of a person who is not among the hits."""
BEARERS = Counter(names.normalise(each.name) for each in PEOPLE)
SHARED_NAMES = sorted(key for key, bearers in BEARERS.items() if bearers > 1)


@pytest.fixture
def lookup(cluster: Cluster, settings: Settings, sample: str) -> Lookup:
    return Lookup(cluster, settings.index_prefix)


async def for_each(items: Iterable[Item], ask: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """Ask about every item, a few at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask_in_turn(item: Item) -> Result:
        async with turns:
            for _ in range(TRIES - 1):
                # Within 2 s; a machine that starts a cluster beside it may need longer for the first ones.
                with contextlib.suppress(EngineUnavailableError):
                    return await ask(item)
            return await ask(item)

    return await asyncio.gather(*map(ask_in_turn, items))


async def search(lookup: Lookup, q: str, limit: int = 10, offset: int = 0) -> list[Hit]:
    return (await lookup.search(SearchRequest(q=q, limit=limit, offset=offset))).hits


async def find_first(lookup: Lookup, q: str) -> str | None:
    hits = await search(lookup, q, limit=1)
    return hits[0].nconst if hits else None


def mistype(name: str) -> str:
    """Return the name with a letter left out, another one doubled and two swapped."""
    randomness = random.Random(name)
    key = names.normalise(name)
    at = randomness.randrange(len(key))
    missing = key[:at] + key[at + 1 :]
    at = randomness.randrange(len(missing)) if missing else 0
    doubled = missing[: at + 1] + missing[at : at + 1] + missing[at + 1 :]
    at = randomness.randrange(max(1, len(doubled) - 1))
    swapped = doubled[:at] + doubled[at + 1 : at + 2] + doubled[at : at + 1] + doubled[at + 2 :]
    return swapped if names.normalise(swapped) else key


async def test_an_exact_name_stands_above_fuzzy_ones_of_equal_popularity(lookup: Lookup) -> None:
    async def find_overtaken(person: Person) -> list[str]:
        hits = await search(lookup, person.name, NEAREST)
        return [
            f"{person.name}: {fuzzy.name}"
            for place, exact in enumerate(hits)
            if exact.match.kind == "exact"
            for fuzzy in hits[:place]
            if fuzzy.match.edits and fuzzy.popularity <= exact.popularity
        ]

    assert [each for found in await for_each(CHOSEN, find_overtaken) for each in found] == []


async def test_an_exact_name_is_found(lookup: Lookup) -> None:
    async def is_found(person: Person) -> bool:
        return any(hit.nconst == person.nconst for hit in await search(lookup, person.name, NEAREST))

    found = await for_each(CHOSEN, is_found)
    assert [person.name for person, is_there in zip(CHOSEN, found, strict=True) if not is_there] == []


async def test_a_right_letter_more_does_not_drop_the_first_suggestion(lookup: Lookup) -> None:
    async def suggest(asked: tuple[Person, str]) -> bool:
        suggestions = (await lookup.suggest(SuggestRequest(q=asked[1]))).suggestions
        return bool(suggestions) and suggestions[0].nconst == asked[0].nconst

    prefixes = [
        (person, person.name[:end])
        for person in CHOSEN[:TYPED]
        for end in range(1, len(person.name) + 1)
        if names.normalise(person.name[:end])
    ]
    first = await for_each(prefixes, suggest)
    steps, dropped = 0, []
    for (person, typed), is_first, (other, longer), stays in zip(
        prefixes, first, prefixes[1:], first[1:], strict=False
    ):
        if is_first and person == other:
            steps += 1
            if not stays:
                dropped.append(f"{person.name}: {typed!r} → {longer!r}")
    assert steps > 300
    assert len(dropped) <= 0.005 * steps, f"{len(dropped)} of {steps}: {dropped}"


def strip_accents(name: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", name) if not unicodedata.combining(char))


VARIANTS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "without accents": strip_accents,
    "key": names.normalise,
    "punctuation": lambda name: "“" + name.replace(" ", " - ") + "”!",
    "more blanks": lambda name: "  " + name.replace(" ", " \t ") + " ",
    "words reversed": lambda name: " ".join(reversed(name.split())),
    "surname first": lambda name: ", ".join(reversed(name.rsplit(" ", 1))),
}


@pytest.mark.parametrize("variant", VARIANTS)
async def test_how_a_name_is_written_does_not_change_who_is_first(lookup: Lookup, variant: str) -> None:
    chosen = CHOSEN[::3]
    plain = await for_each([each.name for each in chosen], lambda q: find_first(lookup, q))
    varied = await for_each(
        [VARIANTS[variant](each.name) for each in chosen], lambda q: find_first(lookup, q)
    )
    changed = [
        f"{person.name}: {before} → {after}"
        for person, before, after in zip(chosen, plain, varied, strict=True)
        if before != after
    ]
    assert changed == []


async def test_without_blanks_a_bearer_of_the_very_name_is_first(lookup: Lookup) -> None:
    async def find_joined(q: str) -> str:
        return names.normalise((await search(lookup, q, 1))[0].name).replace(" ", "")

    joined = [names.normalise(each.name).replace(" ", "") for each in CHOSEN[::3]]
    assert await for_each(joined, find_joined) == joined


async def test_the_more_popular_bearer_of_a_name_comes_first(lookup: Lookup) -> None:
    async def find_bearers(key: str) -> list[float]:
        return [
            hit.popularity for hit in await search(lookup, key, NEAREST) if names.normalise(hit.name) == key
        ]

    keys = random.Random(6).sample(SHARED_NAMES, 100)
    found = await for_each(keys, find_bearers)
    assert all(len(popularity) == BEARERS[key] for key, popularity in zip(keys, found, strict=True))
    assert found == [sorted(popularity, reverse=True) for popularity in found]


async def test_scores_fall(lookup: Lookup) -> None:
    async def find_scores(q: str) -> list[float]:
        return [hit.score for hit in await search(lookup, q, NEAREST)]

    queries = [mistype(each.name) for each in CHOSEN[:60]]
    queries += [each.name.split()[-1] for each in CHOSEN[:60]]
    found = await for_each(queries, find_scores)
    rising = [q for q, scores in zip(queries, found, strict=True) if scores != sorted(scores, reverse=True)]
    assert rising == []


async def test_answers_are_the_same_from_run_to_run(lookup: Lookup) -> None:
    queries = [mistype(each.name) for each in CHOSEN[:60]]
    first = await for_each(queries, lambda q: search(lookup, q, NEAREST))
    assert await for_each(queries, lambda q: search(lookup, q, NEAREST)) == first


async def test_answers_do_not_depend_on_what_was_asked_before(
    lookup: Lookup, cluster: Cluster, settings: Settings
) -> None:
    queries = [mistype(each.name) for each in CHOSEN[:60]]
    warm = await for_each(queries, lambda q: search(lookup, q, NEAREST))
    cold = Lookup(cluster, settings.index_prefix)
    assert await for_each(queries[::-1], lambda q: search(cold, q, NEAREST)) == warm[::-1]


async def test_pages_are_parts_of_the_whole(lookup: Lookup) -> None:
    async def is_whole(q: str) -> bool:
        whole = await search(lookup, q, NEAREST) + await search(lookup, q, NEAREST, NEAREST)
        pages = [await search(lookup, q, 20, offset) for offset in range(0, 100, 20)]
        return whole == [hit for page in pages for hit in page]

    queries = [mistype(each.name) for each in CHOSEN[:20]] + [each.name.split()[0] for each in CHOSEN[:10]]
    whole = await for_each(queries, is_whole)
    assert [q for q, is_same in zip(queries, whole, strict=True) if not is_same] == []


ODD = {
    "one letter": "j",
    "200 letters": "x" * 200,
    "200 signs of many letters": "㌖" * 200,
    "60 words": " ".join(f"w{number}" for number in range(60))[:200],
    "60 letters": " ".join("abcdefghijklmnopqrstuvwxyz" * 3)[:119],
    "particles": "de la",
    "digits": "50",
    "a digit": "7",
    "a mute letter": "h",
    "emoji and letters": "🎬 jake 😀",
    "right to left": "عمر الشريف",
    "right-to-left mark": "\u202ejake gyllenhaal\u202c",
    "combining marks": "j" + "\u0301" * 100 + "ake",
    "zero-width": "ja\u200bke\u200d gyl\ufefflenhaal",
    "query syntax": 'name:* OR "',
    "regular expression": "/.*/ ~ [a TO z] {1,} \\",
    "JSON": '{"query": {"match_all": {}}}',
    "twenty times": ("jake " * 20).strip(),
    "Han": "周星驰",
    "surrogates beyond the basic plane": "𝔍𝔞𝔨𝔢",
    "null and controls between": "jake\tgyllenhaal\n",
}


@pytest.mark.parametrize("odd", ODD)
async def test_odd_input_is_searched_for(lookup: Lookup, odd: str) -> None:
    request = parse(SearchRequest, [("q", ODD[odd])])
    assert (await lookup.search(request)).query == ODD[odd]


@pytest.mark.parametrize("odd", ODD)
async def test_odd_input_is_completed(lookup: Lookup, odd: str) -> None:
    request = parse(SuggestRequest, [("q", ODD[odd])])
    assert (await lookup.suggest(request)).query == ODD[odd]


@pytest.mark.parametrize("q", ["", " ", "🎬", "...", "x" * 201, "\u0301", "ja\x00ke", "\ud800"])
def test_what_cannot_be_searched_for_is_refused(q: str) -> None:
    with pytest.raises(RequestError):
        parse(SearchRequest, [("q", q)])


@pytest.mark.parametrize("odd", ["zero-width", "right-to-left mark", "null and controls between"])
async def test_invisible_signs_do_not_change_who_is_first(lookup: Lookup, odd: str) -> None:
    assert await find_first(lookup, ODD[odd]) == await find_first(lookup, "jake gyllenhaal")


async def test_a_right_letter_more_keeps_the_place_or_betters_it(lookup: Lookup) -> None:
    async def find_place(asked: tuple[Person, str]) -> int:
        hits = await search(lookup, asked[1], NEAREST)
        return next((at for at, hit in enumerate(hits, 1) if hit.nconst == asked[0].nconst), ABSENT)

    prefixes = [
        (person, person.name[:end])
        for person in CHOSEN[:150]
        for end in range(len(person.name) * 3 // 4, len(person.name) + 1)
        if names.normalise(person.name[:end])
    ]
    places = await for_each(prefixes, find_place)
    steps, worse = 0, []
    for (person, typed), place, (other, longer), later in zip(
        prefixes, places, prefixes[1:], places[1:], strict=False
    ):
        if person == other:
            steps += 1
            if later > place:
                worse.append(f"{person.name}: {typed!r} {place} → {longer!r} {later}")
    assert steps > 400
    assert len(worse) <= 0.005 * steps, f"{len(worse)} of {steps}: {worse}"
