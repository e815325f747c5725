from __future__ import annotations

import pytest

from marquee import names
from marquee.catalog.documents import Token
from marquee.search.expansion import MAX_EXPANSIONS, MIN_LIKENESS, expand, join_neighbours
from marquee.search.nicknames import find_forms
from marquee.search.similarity import NICKNAME_LIKENESS


def token(text: str, popularity: float = 0.5) -> Token:
    return Token(
        token=text, popularity=popularity, respelling=names.respell(text), sounds=" ".join(names.sounds(text))
    )


def tokens_for(word: str, *tokens: Token) -> list[str]:
    return [each.token for each in expand(word, tokens)]


def test_the_likeliest_token_comes_first() -> None:
    found = tokens_for("gylenhal", token("gilligan"), token("gyllenhaal"), token("glendale"))
    assert found[0] == "gyllenhaal"


def test_the_word_itself_is_wholly_alike() -> None:
    (found,) = expand("gyllenhaal", [token("gyllenhaal")])
    assert found.likeness == 1


def test_no_other_token_is_wholly_alike() -> None:
    (found,) = expand("smithh", [token("smith")])
    assert 0.9 < found.likeness < 1


def test_of_two_alike_the_popular_comes_first() -> None:
    assert tokens_for("anm", token("anb", 0.1), token("anp", 0.9)) == ["anp", "anb"]


def test_popularity_is_no_part_of_the_likeness() -> None:
    assert expand("jon", [token("john", 0.1)]) == expand("jon", [token("john", 0.9)])


def test_equals_are_ordered_by_their_letters() -> None:
    pair = token("anp"), token("anb")
    assert tokens_for("anm", *pair) == tokens_for("anm", *reversed(pair)) == ["anb", "anp"]


def test_what_is_not_alike_is_left_out() -> None:
    assert tokens_for("gyllenhaal", token("smith", 1.0), token("oyelowo", 1.0)) == []


def test_nothing_below_the_least_likeness() -> None:
    words = [token(word) for word in ("stone", "stine", "stein", "sting", "tony", "stanton", "nest", "sea")]
    found = expand("stone", words)
    assert 1 < len(found) < len(words)
    assert min(each.likeness for each in found) >= MIN_LIKENESS


def test_only_the_likeliest_are_kept() -> None:
    words = [token(f"gyllenhaal{number}") for number in range(MAX_EXPANSIONS + 1)]
    assert tokens_for("gyllenhaal", *words, token("gyllenhaal")).count("gyllenhaal") == 1
    assert len(expand("gyllenhaal", words)) == MAX_EXPANSIONS


def test_forms_of_a_first_name_are_there_unasked() -> None:
    likeness = {each.token: each.likeness for each in expand("bob", [])}
    assert likeness["robert"] == NICKNAME_LIKENESS


def test_a_form_that_is_a_token_is_there_once() -> None:
    found = [each for each in expand("jimmy", [token("james")]) if each.token == "james"]
    assert [each.likeness for each in found] == [NICKNAME_LIKENESS]


def test_the_word_itself_comes_before_its_forms() -> None:
    assert tokens_for("jimmy", token("jimmy")) == ["jimmy", "james"]


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["kenneth", "bra", "nagh"], ["kennethbra", "branagh"]),
        (["robert", "de", "niro"], ["robertde", "deniro"]),
        (["mc", "conaughey"], ["mcconaughey"]),
        (["samuel", "l", "jackson"], ["samuell", "ljackson"]),
        (["brad", "pitt"], []),
        (["j", "k", "simmons"], ["ksimmons"]),
        (["gyllenhaal"], []),
        ([], []),
    ],
)
def test_a_short_word_may_be_a_part_of_its_neighbour(words: list[str], joined: list[str]) -> None:
    assert join_neighbours(words) == joined


@pytest.mark.parametrize(
    ("short", "full"), [("bob", "robert"), ("jimmy", "james"), ("liz", "elizabeth"), ("matt", "matthew")]
)
def test_nicknames_and_full_names_stand_for_each_other(short: str, full: str) -> None:
    assert full in find_forms(short)
    assert short in find_forms(full)


@pytest.mark.parametrize("word", ["bob", "robert", "mary", "james", "liz"])
def test_forms_are_other_tokens(word: str) -> None:
    forms = find_forms(word)
    assert word not in forms
    assert {names.normalise(form) for form in forms} == forms
    assert not any(" " in form for form in forms)


@pytest.mark.parametrize("word", ["gyllenhaal", "50", "x", ""])
def test_what_is_no_first_name_has_no_forms(word: str) -> None:
    assert find_forms(word) == frozenset()
