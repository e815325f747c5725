"""Executable claims about ranking: a tiny corpus on the real engine, one claim a test, in exact order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine.cluster import Cluster
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest
from marquee.settings import Settings
from tests.conftest import remove_indexes, write_tsv

pytestmark = pytest.mark.anyio

# name, year of birth, votes of the one title each is known for
PEOPLE = [
    ("Jake Gyllenhaal", "1980", 900_000),
    ("Maggie Gyllenhaal", "1977", 500_000),
    ("Jake Gilligan", r"\N", 100),
    ("Scarlett Johansson", "1984", 2_000_000),
    ("Scarlet Johnson", r"\N", 20),
    ("Robert De Niro", "1943", 2_000_000),
    ("Robert Niro", r"\N", 10),
    ("Brad Pitt", "1963", 2_000_000),
    ("Chris Evans", "1981", 1_500_000),
    ("Chris Evans", "1966", 300),
    ("Michelle Williams", "1980", 700_000),
    ("Michelle Williams", "1979", 5_000),
    ("Renée Zellweger", "1969", 600_000),
    ("Stellan Skarsgård", "1951", 800_000),
    ("Mary-Louise Parker", "1964", 200_000),
    ("Sean Parker", r"\N", 50),
    ("Beyoncé", "1981", 90_000),
    ("Arnold Schwarzenegger", "1947", 2_500_000),
    ("Samuel L. Jackson", "1948", 3_000_000),
    ("J.K. Simmons", "1955", 1_500_000),
    ("Jimmy Simmons", r"\N", 40),
    ("James Stewart", "1908", 800_000),
    ("Jimmy Fallon", "1974", 300_000),
    ("Zhang Ziyi", "1979", 300_000),
    ("Victor Sjöström", "1879", 60_000),
    ("Robert Downey Jr.", "1965", 3_500_000),
    ("Robert Downey Sr.", "1936", 30_000),
    ("Kenneth Branagh", "1960", 900_000),
    ("Matthew McConaughey", "1969", 2_500_000),
    ("John Hurt", "1940", 1_500_000),
    ("John Hart", r"\N", 30),
    ("John Cusack", "1966", 1_400_000),
    ("John Goodman", "1952", 1_600_000),
    ("Jon Voight", "1938", 900_000),
    ("Joan Cusack", "1962", 700_000),
]

TITLES = (
    "Amber Bonfire Cathedral Daybreak Emerald Fortress Glacier Harvest Island Jungle Kingdom Labyrinth "
    "Mirage Nightfall Orchard Phantom Quarry Riverside Sandstorm Timber Undertow Vineyard Waterfall Xenon "
    "Yellowstone Zeppelin Avalanche Blizzard Canyon Driftwood Eclipse Firefly Gondola Horizon Ivory"
)


@pytest.fixture(scope="module")
async def lookup(
    cluster: Cluster, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lookup]:
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-relevance")
    folder = tmp_path_factory.mktemp("relevance")
    write_people(folder, [(*person, title) for person, title in zip(PEOPLE, TITLES.split(), strict=True)])
    await reindex(own, cluster, open_source(folder), SILENT)
    yield Lookup(cluster, own.index_prefix)
    await remove_indexes(cluster, own.index_prefix)


Person = tuple[str, str, int, str]
"""Name, year of birth, and the votes and name of the one title he is known for."""


def write_people(folder: Path, persons: Iterable[Person]) -> None:
    people, titles, principals, ratings = [], [], [], []
    for number, (name, born, votes, title) in enumerate(persons):
        nconst, tconst = f"nm{number:07}", f"tt{number:07}"
        people.append((nconst, name, born, r"\N", "actor", tconst))
        titles.append((tconst, "movie", title, title, "0", "2001", r"\N", r"\N", r"\N"))
        principals.append((tconst, "1", nconst, "actor", r"\N", r"\N"))
        ratings.append((tconst, "7.0", str(votes)))
    write_tsv(folder, "name.basics", people)
    write_tsv(folder, "title.basics", titles)
    write_tsv(folder, "title.principals", principals)
    write_tsv(folder, "title.ratings", ratings)


async def search(lookup: Lookup, q: str, count: int, **hints: object) -> list[str]:
    answer = await lookup.search(SearchRequest(q=q, **hints))  # type: ignore[arg-type]
    years = {True: "{0.name} {0.birth_year}", False: "{0.name}"}
    twice = {"Chris Evans", "Michelle Williams"}
    return [years[hit.name in twice].format(hit) for hit in answer.hits[:count]]


async def suggest(lookup: Lookup, q: str) -> list[str]:
    return [each.name for each in (await lookup.suggest(SuggestRequest(q=q))).suggestions]


async def test_a_misspelt_surname_finds_its_bearer_then_the_relative(lookup: Lookup) -> None:
    assert await search(lookup, "jake gylenhal", 2) == ["Jake Gyllenhaal", "Maggie Gyllenhaal"]


async def test_a_surname_alone_means_the_famous_bearer(lookup: Lookup) -> None:
    assert await search(lookup, "gyllenhaal", 2) == ["Jake Gyllenhaal", "Maggie Gyllenhaal"]


async def test_an_exact_but_obscure_name_stands_above_the_famous_near_one(lookup: Lookup) -> None:
    assert await search(lookup, "john hart", 2) == ["John Hart", "John Hurt"]


async def test_an_exact_name_is_not_taken_for_the_famous_one_further_away(lookup: Lookup) -> None:
    assert await search(lookup, "scarlet johnson", 2) == ["Scarlet Johnson"]


async def test_a_misspelling_of_the_famous_is_not_taken_for_the_obscure(lookup: Lookup) -> None:
    assert (await search(lookup, "scarlet johansen", 1)) == ["Scarlett Johansson"]


async def test_of_one_name_the_more_popular_comes_first(lookup: Lookup) -> None:
    assert await search(lookup, "chris evans", 2) == ["Chris Evans 1981", "Chris Evans 1966"]


async def test_the_year_of_birth_settles_which_bearer_is_meant(lookup: Lookup) -> None:
    assert await search(lookup, "chris evans", 2, born=1966) == ["Chris Evans 1966", "Chris Evans 1981"]


async def test_a_hint_finds_the_least_popular_of_a_hundred_and_fifty_bearers(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    """Of whom no page shows more than a hundred, the most popular ones."""
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-namesakes")
    titles = [*(f"Film {number}" for number in range(149)), "The Zeppelin Overture"]
    write_people(
        tmp_path,
        [("John Smith", str(1800 + n), 1_000_000 - 1_000 * n, title) for n, title in enumerate(titles)],
    )
    await reindex(own, cluster, open_source(tmp_path), SILENT)
    lookup = Lookup(cluster, own.index_prefix)
    for born, title in ((1949, ()), (None, ("The Zeppelin Overture (2001)",))):
        answer = await lookup.search(SearchRequest(q="john smith", born=born, born_tolerance=0, title=title))
        assert (answer.hits[0].birth_year, answer.ambiguous) == (1949, False)
    await remove_indexes(cluster, own.index_prefix)


async def test_a_title_settles_which_bearer_is_meant(lookup: Lookup) -> None:
    found = await search(lookup, "michelle williams", 2, title=("labyrinht",))
    assert found == ["Michelle Williams 1979", "Michelle Williams 1980"]


async def test_two_bearers_are_ambiguous_until_a_hint_settles_it(lookup: Lookup) -> None:
    assert (await lookup.search(SearchRequest(q="chris evans"))).ambiguous
    assert not (await lookup.search(SearchRequest(q="chris evans", born=1966))).ambiguous
    assert not (await lookup.search(SearchRequest(q="brad pitt"))).ambiguous


@pytest.mark.parametrize("q", ["deniro", "robert deniro", "deniro robert", "robertdeniro", "robert de nero"])
async def test_joined_and_split_words(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Robert De Niro"]


@pytest.mark.parametrize(
    ("q", "name"), [("bradpitt", "Brad Pitt"), ("bradpit", "Brad Pitt"), ("zhangziyi", "Zhang Ziyi")]
)
async def test_a_name_without_its_blank(lookup: Lookup, q: str, name: str) -> None:
    assert await search(lookup, q, 1) == [name]


@pytest.mark.parametrize("q", ["kenneth bra nagh", "ken neth branagh", "kenneth brannagh"])
async def test_a_blank_too_many(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Kenneth Branagh"]


async def test_a_name_with_other_blanks_is_the_very_name(lookup: Lookup) -> None:
    (hit,) = (await lookup.search(SearchRequest(q="kenneth bra nagh"))).hits
    assert hit.match.kind == "exact"


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("samuel l jackson", "Samuel L. Jackson"),
        ("samuel jackson", "Samuel L. Jackson"),
        ("samuel l. jakson", "Samuel L. Jackson"),
        ("jk simmons", "J.K. Simmons"),
        ("j k simmons", "J.K. Simmons"),
        ("simmons jk", "J.K. Simmons"),
    ],
)
async def test_initials(lookup: Lookup, q: str, name: str) -> None:
    assert await search(lookup, q, 1) == [name]


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("bob de niro", "Robert De Niro"),
        ("bob downey jr", "Robert Downey Jr."),
        ("jimmy stewart", "James Stewart"),
        ("jimmy stuart", "James Stewart"),
        ("matt mcconaughey", "Matthew McConaughey"),
    ],
)
async def test_other_forms_of_first_names(lookup: Lookup, q: str, name: str) -> None:
    assert await search(lookup, q, 1) == [name]


async def test_a_form_of_a_first_name_is_that_form_where_somebody_bears_it(lookup: Lookup) -> None:
    assert await search(lookup, "jimmy", 2) == ["Jimmy Fallon", "Jimmy Simmons"]


@pytest.mark.parametrize("q", ["zhang ziyi", "ziyi zhang", "Zhang, Ziyi"])
async def test_the_surname_may_come_first(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Zhang Ziyi"]


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("robert downey jr", "Robert Downey Jr."),
        ("robert downey sr", "Robert Downey Sr."),
        ("robert downy jr.", "Robert Downey Jr."),
        ("robert downey junior", "Robert Downey Jr."),
    ],
)
async def test_suffixes_tell_bearers_apart(lookup: Lookup, q: str, name: str) -> None:
    assert await search(lookup, q, 1) == [name]


async def test_without_a_suffix_the_famous_bearer_comes_first(lookup: Lookup) -> None:
    assert await search(lookup, "robert downey", 2) == ["Robert Downey Jr.", "Robert Downey Sr."]


@pytest.mark.parametrize(
    "q", ["mary louise parker", "marylouise parker", "mary-louise parker", "louise parker"]
)
async def test_hyphens_do_not_matter(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Mary-Louise Parker"]


@pytest.mark.parametrize("q", ["stellan skarsgard", "Stellan Skarsgård", "STELLAN SKARSGA\u030aRD"])
async def test_accents_and_case_do_not_matter(lookup: Lookup, q: str) -> None:
    answer = await lookup.search(SearchRequest(q=q))
    assert (answer.hits[0].name, answer.hits[0].match.kind) == ("Stellan Skarsgård", "exact")
    assert answer.hits[0].score >= 0.99
    assert answer.did_you_mean is None


@pytest.mark.parametrize("q", ["sjostrom", "Sjöström", "sjo\u0308stro\u0308m", "sjostrum"])
async def test_a_surname_alone_in_any_spelling(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Victor Sjöström"]


@pytest.mark.parametrize("q", ["beyonce knowls", "beyonsay", "beyonce"])
async def test_a_stage_name_of_one_word(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Beyoncé"]


@pytest.mark.parametrize(
    "q", ["arnold shwarzeneger", "arnold swartzeneger", "schwartzenegger", "shwarzenager"]
)
async def test_many_ways_to_miss_a_hard_name(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Arnold Schwarzenegger"]


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("jilenhal", "Jake Gyllenhaal"),
        ("mcconahay", "Matthew McConaughey"),
        ("maconahey", "Matthew McConaughey"),
        ("shwarzeneger", "Arnold Schwarzenegger"),
        ("brannah", "Kenneth Branagh"),
    ],
)
async def test_a_hard_surname_is_found_by_its_sound(lookup: Lookup, q: str, name: str) -> None:
    assert await search(lookup, q, 1) == [name]


async def test_bearers_of_one_guess_do_not_hide_the_next_guess(lookup: Lookup) -> None:
    found = await search(lookup, "jhon", 4)
    assert found == ["John Goodman", "John Hurt", "Jon Voight", "Joan Cusack"]


async def test_bearers_of_a_common_first_name_do_not_hide_the_surname(lookup: Lookup) -> None:
    assert await search(lookup, "john gylenhal", 2) == ["Jake Gyllenhaal", "Maggie Gyllenhaal"]


async def test_a_wrong_first_letter_is_a_typo_like_any_other(lookup: Lookup) -> None:
    assert await search(lookup, "zake gyllenhaal", 1) == ["Jake Gyllenhaal"]


async def test_ranks_fall(lookup: Lookup) -> None:
    answer = await lookup.search(SearchRequest(q="jake gylenhal", explain=True))
    ranks = [hit.explanation.rank for hit in answer.hits if hit.explanation]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == len(answer.hits)


async def test_scores_fall(lookup: Lookup) -> None:
    scores = [hit.score for hit in (await lookup.search(SearchRequest(q="jhon"))).hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1


async def test_bearers_of_one_name_share_its_score(lookup: Lookup) -> None:
    famous, other = (await lookup.search(SearchRequest(q="michelle williams"))).hits
    assert famous.score == other.score


async def test_typing_on_keeps_the_person(lookup: Lookup) -> None:
    for end in range(6, len("jake gyllenhaal") + 1):
        assert (await suggest(lookup, "jake gyllenhaal"[:end]))[0] == "Jake Gyllenhaal"


@pytest.mark.parametrize(
    "q", ["jake gyl", "gyllenhaal ja", "jakegyl", "jake gylen", "jkae gyl", "ake gyllen"]
)
async def test_a_name_completes_from_any_token_typos_tolerated(lookup: Lookup, q: str) -> None:
    assert (await suggest(lookup, q))[0] == "Jake Gyllenhaal"


async def test_one_letter_means_the_popular(lookup: Lookup) -> None:
    assert (await suggest(lookup, "s"))[0] == "Samuel L. Jackson"
