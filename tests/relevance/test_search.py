"""Executable claims about ranking: a tiny corpus on the real engine, one claim a test, in exact order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest
from marquee.settings import Settings
from tests.conftest import write_tsv

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
]

TITLES = (
    "Amber Bonfire Cathedral Daybreak Emerald Fortress Glacier Harvest Island Jungle Kingdom Labyrinth "
    "Mirage Nightfall Orchard Phantom Quarry Riverside"
)


@pytest.fixture(scope="module")
async def lookup(
    cluster: Cluster, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lookup]:
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-relevance")
    folder = tmp_path_factory.mktemp("relevance")
    write_people(folder)
    await reindex(own, cluster, open_source(folder), SILENT)
    yield Lookup(cluster, own.index_prefix)
    for each in await generations.list_generations(cluster, own.index_prefix):
        await generations.delete(cluster, own.index_prefix, each.id)


def write_people(folder: Path) -> None:
    people, titles, principals, ratings = [], [], [], []
    for number, (name, born, votes) in enumerate(PEOPLE):
        nconst, tconst = f"nm{number:07}", f"tt{number:07}"
        people.append((nconst, name, born, r"\N", "actor", tconst))
        title = TITLES.split()[number]
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
    assert (await search(lookup, "scarlet johnson", 2)) == ["Scarlet Johnson", "Scarlett Johansson"]


async def test_a_misspelling_of_the_famous_is_not_taken_for_the_obscure(lookup: Lookup) -> None:
    assert (await search(lookup, "scarlet johansen", 1)) == ["Scarlett Johansson"]


async def test_of_one_name_the_more_popular_comes_first(lookup: Lookup) -> None:
    assert await search(lookup, "chris evans", 2) == ["Chris Evans 1981", "Chris Evans 1966"]


async def test_the_year_of_birth_settles_which_bearer_is_meant(lookup: Lookup) -> None:
    assert await search(lookup, "chris evans", 2, born=1966) == ["Chris Evans 1966", "Chris Evans 1981"]


async def test_a_title_settles_which_bearer_is_meant(lookup: Lookup) -> None:
    found = await search(lookup, "michelle williams", 2, title=("labyrinht",))
    assert found == ["Michelle Williams 1979", "Michelle Williams 1980"]


async def test_two_bearers_are_ambiguous_until_a_hint_settles_it(lookup: Lookup) -> None:
    assert (await lookup.search(SearchRequest(q="chris evans"))).ambiguous
    assert not (await lookup.search(SearchRequest(q="chris evans", born=1966))).ambiguous
    assert not (await lookup.search(SearchRequest(q="brad pitt"))).ambiguous


@pytest.mark.parametrize("q", ["robert deniro", "deniro robert", "robertdeniro", "robert de nero"])
async def test_joined_and_split_words(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Robert De Niro"]


async def test_a_name_without_its_blank(lookup: Lookup) -> None:
    assert await search(lookup, "bradpitt", 1) == ["Brad Pitt"]


@pytest.mark.parametrize(
    "q", ["mary louise parker", "marylouise parker", "mary-louise parker", "louise parker"]
)
async def test_hyphens_do_not_matter(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Mary-Louise Parker"]


@pytest.mark.parametrize("q", ["stellan skarsgard", "Stellan Skarsgård", "STELLAN SKARSGA\u030aRD"])
async def test_accents_and_case_do_not_matter(lookup: Lookup, q: str) -> None:
    answer = await lookup.search(SearchRequest(q=q))
    assert (answer.hits[0].name, answer.hits[0].score) == ("Stellan Skarsgård", 1.0)
    assert answer.did_you_mean is None


@pytest.mark.parametrize("q", ["beyonce knowls", "beyonsay", "beyonce"])
async def test_a_stage_name_of_one_word(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Beyoncé"]


@pytest.mark.parametrize(
    "q", ["arnold shwarzeneger", "arnold swartzeneger", "schwartzenegger", "shwarzenager"]
)
async def test_many_ways_to_miss_a_hard_name(lookup: Lookup, q: str) -> None:
    assert await search(lookup, q, 1) == ["Arnold Schwarzenegger"]


async def test_a_wrong_first_letter_is_a_typo_like_any_other(lookup: Lookup) -> None:
    assert await search(lookup, "zake gyllenhaal", 1) == ["Jake Gyllenhaal"]


async def test_scores_fall(lookup: Lookup) -> None:
    answer = await lookup.search(SearchRequest(q="jake gylenhal", explain=True))
    ranks = [hit.explanation.rank for hit in answer.hits if hit.explanation]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == len(answer.hits)


async def test_typing_on_keeps_the_person(lookup: Lookup) -> None:
    for end in range(6, len("jake gyllenhaal") + 1):
        assert (await suggest(lookup, "jake gyllenhaal"[:end]))[0] == "Jake Gyllenhaal"


@pytest.mark.parametrize(
    "q", ["jake gyl", "gyllenhaal ja", "jakegyl", "jake gylen", "jkae gyl", "ake gyllen"]
)
async def test_a_name_completes_from_any_token_typos_tolerated(lookup: Lookup, q: str) -> None:
    assert (await suggest(lookup, q))[0] == "Jake Gyllenhaal"


async def test_one_letter_means_the_popular(lookup: Lookup) -> None:
    assert (await suggest(lookup, "s"))[0] == "Scarlett Johansson"
