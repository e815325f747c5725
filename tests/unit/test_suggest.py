from __future__ import annotations

import pytest

from marquee.catalog.documents import Actor, KnownFor
from marquee.search.suggest import rank_suggestions


def actor(name: str, popularity: float = 0.5, known_for: tuple[KnownFor, ...] = ()) -> Actor:
    return Actor(
        nconst=f"nm{abs(hash(name)) % 10**7:07}", name=name, birth_year=None, death_year=None,
        professions=(), known_for=known_for, popularity=popularity, credits_count=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "name", "highlight"),
    [
        ("jake gyl", "Jake Gyllenhaal", ((0, 4), (5, 8))),
        ("jak", "Jake Gyllenhaal", ((0, 3),)),
        ("gyl ja", "Jake Gyllenhaal", ((0, 2), (5, 8))),
        ("gylen", "Jake Gyllenhaal", ((5, 11),)),
        ("deni", "Robert De Niro", ((7, 9), (10, 12))),
        ("skarsga", "Stellan Skarsgård", ((8, 15),)),
        ("weis", "Rachel Weiß", ((7, 11),)),
        ("o'br", "Conan O'Brien", ((6, 10),)),
    ],
)
def test_what_matched_is_marked(typed: str, name: str, highlight: tuple[tuple[int, int], ...]) -> None:
    key = typed.replace("'", "")
    found = rank_suggestions(key, [actor(name)], 8)
    assert [each.name for each in found] == [name]
    assert found[0].highlight == highlight


def test_the_popular_comes_first_among_those_that_begin_so() -> None:
    found = rank_suggestions("jo", [actor("Joan Unknown", 0.1), actor("John Famous", 0.9)], 8)
    assert [each.name for each in found] == ["John Famous", "Joan Unknown"]


def test_a_right_beginning_stands_above_a_mistyped_one() -> None:
    found = rank_suggestions("marl", [actor("Mark Famous", 0.9), actor("Marla Unknown", 0.5)], 8)
    assert found[0].name == "Marla Unknown"


def test_other_names_are_left_out() -> None:
    assert rank_suggestions("xyzzy", [actor("Jake Gyllenhaal")], 8) == []
    assert rank_suggestions("jake gyllenhaal junior", [actor("Jake Gyllenhaal")], 8) == []


def test_the_first_known_for_title_is_the_headline() -> None:
    titles = (KnownFor("tt0246578", "Donnie Darko", 2001), KnownFor("tt0443706", "Zodiac", 2007))
    found = rank_suggestions("jake", [actor("Jake Gyllenhaal", known_for=titles)], 8)
    assert found[0].known_for == "Donnie Darko (2001)"
    undated = rank_suggestions("jake", [actor("Jake G", known_for=(KnownFor("tt1", "Enemy", None),))], 8)
    assert undated[0].known_for == "Enemy"


def test_no_more_than_the_limit() -> None:
    assert len(rank_suggestions("a", [actor(f"Ann {n}") for n in range(20)], 3)) == 3
