from __future__ import annotations

import pytest

from marquee.search.answer import Suggestion
from marquee.search.suggest import Certainty, Completed, KnownTitle, rank_suggestions


def actor(name: str, popularity: float = 0.5, known_for: tuple[KnownTitle, ...] = ()) -> Completed:
    return Completed(
        nconst=f"nm{abs(hash(name)) % 10**7:07}", name=name, birth_year=None, death_year=None,
        known_for=known_for, popularity=popularity,
    )  # fmt: skip


def complete(key: str, *actors: Completed) -> list[Suggestion]:
    suggestions, _ = rank_suggestions(key, actors, 8)
    return suggestions


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
        ("1 2", "½ Pint", ((0, 1),)),
    ],
)
def test_what_matched_is_marked(typed: str, name: str, highlight: tuple[tuple[int, int], ...]) -> None:
    found = complete(typed.replace("'", ""), actor(name))
    assert [each.name for each in found] == [name]
    assert found[0].highlight == highlight


def test_the_popular_comes_first_among_those_that_begin_so() -> None:
    found = complete("jo", actor("Joan Unknown", 0.1), actor("John Famous", 0.9))
    assert [each.name for each in found] == ["John Famous", "Joan Unknown"]


def test_a_right_beginning_stands_above_a_mistyped_one() -> None:
    found = complete("marl", actor("Mark Famous", 0.9), actor("Marla Unknown", 0.5))
    assert found[0].name == "Marla Unknown"


def test_other_names_are_left_out() -> None:
    assert rank_suggestions("xyzzy", [actor("Jake Gyllenhaal")], 8) == ([], "open")
    assert rank_suggestions("jake gyllenhaal junior", [actor("Jake Gyllenhaal")], 8) == ([], "open")


@pytest.mark.parametrize(
    ("typed", "popularity", "certainty"),
    [
        ("jake", 0.5, "likely"),
        ("jake g", 0.49, "likely"),
        ("jake g", 0.5, "clear"),
        ("gyllen", 0.5, "clear"),
        ("jxxe gyl", 0.5, "open"),
        ("jake gil", 0.9, "likely"),
    ],
)
def test_whether_a_better_completion_may_exist(typed: str, popularity: float, certainty: Certainty) -> None:
    assert rank_suggestions(typed, [actor("Jake Gyllenhaal", popularity)], 8)[1] == certainty


def test_as_many_right_beginnings_as_asked_for_are_clear() -> None:
    actors = [actor("Jake Gyllenhaal", 0.1), actor("Jake Weber", 0.1)]
    assert rank_suggestions("jake", actors, 2)[1] == "clear"
    assert rank_suggestions("jake", actors, 3)[1] == "likely"


def test_the_first_known_for_title_is_the_headline() -> None:
    titles = (KnownTitle("Donnie Darko", 2001), KnownTitle("Zodiac", 2007))
    found = complete("jake", actor("Jake Gyllenhaal", known_for=titles))
    assert found[0].known_for == "Donnie Darko (2001)"
    undated = complete("jake", actor("Jake G", known_for=(KnownTitle("Enemy", None),)))
    assert undated[0].known_for == "Enemy"


def test_no_more_than_the_limit() -> None:
    assert len(rank_suggestions("a", [actor(f"Ann {n}") for n in range(20)], 3)[0]) == 3
