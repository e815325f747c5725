from __future__ import annotations

import pytest

from marquee.catalog.documents import Actor, KnownFor
from marquee.search.alignment import align
from marquee.search.rank import Hints, Ranked, is_ambiguous, is_settled, propose, rank_actors


def actor(name: str, popularity: float = 0.5, nconst: str = "nm0000001", born: int | None = None) -> Actor:
    return Actor(
        nconst=nconst, name=name, birth_year=born, death_year=None, professions=("actor",),
        known_for=(KnownFor("tt0246578", "Donnie Darko", 2001),) if born == 1980 else (),
        popularity=popularity, credits_count=1,
    )  # fmt: skip


def rank(query: str, *actors: Actor, hints: Hints | None = None) -> list[Ranked]:
    return rank_actors(query, [(each, ()) for each in actors], hints or Hints())


def names_for(query: str, *actors: Actor, hints: Hints | None = None) -> list[str]:
    ranked = rank_actors(query, [(each, ("fuzzy",)) for each in actors], hints or Hints())
    return [each.actor.name for each in ranked]


@pytest.mark.parametrize(
    ("title", "key"),
    [("Donnie Darko", "donnie darko"), ("Zodiac (2007)", "zodiac"), ("(500) Days", "500 days")],
)
def test_a_title_is_meant_with_its_year_or_without(title: str, key: str) -> None:
    assert Hints.read(None, 1, [title]).titles == (key,)


def test_a_title_without_letters_is_no_hint() -> None:
    assert not Hints.read(None, 1, ["???", ""]).are_given
    assert Hints.read(1980, 1, []).are_given


def test_the_nearer_spelling_comes_first() -> None:
    assert (
        names_for("jake gylenhal", actor("Jake Gilligan"), actor("Jake Gyllenhaal"))[0] == "Jake Gyllenhaal"
    )


def test_an_exact_name_beats_a_more_popular_near_one_of_small_lead() -> None:
    assert names_for("john hart", actor("John Hurt", 0.7), actor("John Hart", 0.5))[0] == "John Hart"


def test_of_one_name_the_popular_bearer_comes_first() -> None:
    ranked = rank_actors(
        "chris evans",
        [(actor("Chris Evans", 0.2, "nm0000001"), ()), (actor("Chris Evans", 0.9, "nm0000002"), ())],
        Hints(),
    )
    assert [each.actor.nconst for each in ranked] == ["nm0000002", "nm0000001"]
    assert ranked[0].score == ranked[1].score >= 0.99
    assert is_ambiguous(ranked)


def test_equal_in_everything_is_ordered_by_id() -> None:
    twins = [(actor("Ann Lee", 0.5, "nm0000002"), ()), (actor("Ann Lee", 0.5, "nm0000001"), ())]
    assert [each.actor.nconst for each in rank_actors("ann lee", twins, Hints())] == [
        "nm0000001",
        "nm0000002",
    ]


@pytest.mark.parametrize("hints", [Hints(born=1981), Hints(titles=("doni darko",))])
def test_a_hint_settles_who_is_meant(hints: Hints) -> None:
    twins = [(actor("Ann Lee", 0.9, "nm0000001", 1920), ()), (actor("Ann Lee", 0.1, "nm0000002", 1980), ())]
    ranked = rank_actors("ann lee", twins, hints)
    assert ranked[0].actor.nconst == "nm0000002"
    assert not is_ambiguous(ranked)


def test_the_order_of_words_does_not_matter() -> None:
    ranked = rank_actors("gyllenhaal jake", [(actor("Jake Gyllenhaal"), ())], Hints())
    assert (
        ranked[0].score == rank_actors("jake gyllenhaal", [(actor("Jake Gyllenhaal"), ())], Hints())[0].score
    )
    assert ranked[0].match.kind == "exact"
    assert ranked[0].match.matched == ("gyllenhaal", "jake")


@pytest.mark.parametrize(
    ("query", "name", "kind", "edits"),
    [
        ("jake gyllenhaal", "Jake Gyllenhaal", "exact", 0),
        ("jakegyllenhaal", "Jake Gyllenhaal", "exact", 0),
        ("gyllenhaal", "Jake Gyllenhaal", "partial", 0),
        ("jake gylenhal", "Jake Gyllenhaal", "fuzzy", 2),
        ("jake gyl", "Jake Gyllenhaal", "prefix", 7),
        ("jake jilenhal", "Jake Gyllenhaal", "phonetic", 4),
        ("jkae gyllenhaal", "Jake Gyllenhaal", "fuzzy", 1),
    ],
)
def test_how_it_matched(query: str, name: str, kind: str, edits: int) -> None:
    match = rank_actors(query, [(actor(name), ())], Hints())[0].match
    assert (match.kind, match.edits) == (kind, edits)


def test_every_part_of_the_rank_is_explained() -> None:
    parts = rank_actors(
        "ann lee", [(actor("Ann Lee", 0.5, born=1980), ("exact", "grams"))], Hints(born=1980)
    )[0].explanation
    assert parts.rank == pytest.approx(parts.name + parts.exact + parts.popularity + parts.born + parts.title)
    assert (parts.name, parts.born, parts.routes) == (1.0, 0.3, ("exact", "grams"))


def test_each_token_of_a_name_is_taken_once() -> None:
    assert align(["ann", "ann"], ["ann", "lee"])[1] != ("ann", "ann", 1.0)
    assert align(["a", "b", "c"], ["b"]) == [("a", "", 0.0), ("b", "b", 1.0), ("c", "", 0.0)]


def test_did_you_mean_only_where_something_was_mistyped_and_something_is_near() -> None:
    def proposal(query: str) -> str | None:
        return propose(rank_actors(query, [(actor("Jake Gyllenhaal"), ())], Hints()))

    assert proposal("jake gylenhal") == "Jake Gyllenhaal"
    assert proposal("jake gyllenhaal") is None
    assert proposal("gyllenhaal") is None
    assert proposal("zzz xxx") is None
    assert propose([]) is None


def test_a_name_of_symbols_is_never_meant() -> None:
    assert rank_actors("jake", [(actor("★"), ())], Hints())[0].score == 0


def test_bearers_of_one_name_stand_together() -> None:
    ranked = rank(
        "john hart",
        actor("John Hart", 0.5, "nm0000001"),
        actor("John Hurt", 0.9, "nm0000002"),
        actor("John Hart", 0.0, "nm0000003"),
    )
    assert [each.actor.nconst for each in ranked] == ["nm0000001", "nm0000003", "nm0000002"]


def test_a_name_stands_where_its_best_bearer_does() -> None:
    found = names_for(
        "jake gylenhal",
        actor("Jake Gyllenhal", 0.0, "nm0000001"),
        actor("Jake Gyllenhaal", 0.0, "nm0000002"),
        actor("Jake Gyllenhaal", 1.0, "nm0000003"),
    )
    assert found == ["Jake Gyllenhaal", "Jake Gyllenhaal", "Jake Gyllenhal"]


def test_spellings_of_one_key_are_one_name() -> None:
    ranked = rank("zoe lee", actor("Zoë Lee", 0.9, "nm0000001"), actor("Zoe Lee", 0.1, "nm0000002"))
    assert ranked[0].score == ranked[1].score


def test_namesakes_do_not_take_from_the_score() -> None:
    alone = rank("ann lee", actor("Ann Lee", 0.9))
    together = rank("ann lee", *(actor("Ann Lee", 0.9, f"nm000000{number}") for number in range(5)))
    assert {each.score for each in together} == {alone[0].score}


def test_another_name_takes_from_the_score() -> None:
    alone = rank("jon lee", actor("Jan Lee", 0.5))
    both = rank("jon lee", actor("Jan Lee", 0.5), actor("Jun Lee", 0.5))
    assert both[0].score < alone[0].score


def test_scores_are_shares_of_one() -> None:
    ranked = rank("jon lee", *(actor(f"J{letter}n Lee") for letter in "aeiou"))
    assert len({each.key for each in ranked}) == 5
    assert 0 < sum(each.score for each in ranked) <= 1.0005  # each is rounded to four digits


def test_scores_never_rise_though_some_bearers_come_last() -> None:
    bearers = [actor(f"John {letter * 4}", 0.9, f"nm000000{at}") for at, letter in enumerate("abcde")]
    scores = [each.score for each in rank("jonh", *bearers, actor("Jonah Hill", 0.1), actor("Joan Doe", 0.2))]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1


def test_bearers_of_a_guess_beyond_two_names_come_last() -> None:
    johns = [actor(f"John {letter * 4}", 0.9, f"nm000000{at}") for at, letter in enumerate("abc")]
    found = names_for("jonh", *johns, actor("Joan Doe", 0.2))
    assert found == ["John aaaa", "John bbbb", "Joan Doe", "John cccc"]


def test_namesakes_among_the_bearers_of_a_guess_are_one_name() -> None:
    found = names_for(
        "jonh",
        actor("John Hurt", 0.9, "nm0000001"),
        actor("John Hurt", 0.8, "nm0000002"),
        actor("John Doe", 0.7, "nm0000003"),
        actor("Joan Doe", 0.2, "nm0000004"),
    )
    assert found == ["John Hurt", "John Hurt", "John Doe", "Joan Doe"]


def test_all_bearers_of_the_very_token_stand_together() -> None:
    johns = [actor(f"John {letter * 4}", 0.5, f"nm000000{at}") for at, letter in enumerate("abcde")]
    found = names_for("john", *johns, actor("Jon Voight", 0.5))
    assert found == [*(each.name for each in johns), "Jon Voight"]


@pytest.mark.parametrize(
    ("query", "name", "popularity", "settled"),
    [
        ("jake gyllenhaal", "Jake Gyllenhaal", 0.0, True),
        ("jake gylenhaal", "Jake Gyllenhaal", 1.0, True),
        ("jake gylenhal", "Jake Gyllenhaal", 0.3, False),
        ("gyllenhaal", "Jake Gyllenhaal", 0.9, True),
        ("gyllenhaal", "Jake Gyllenhaal", 0.1, False),
        ("chen", "Cher", 0.9, False),
    ],
)
def test_what_settles_a_search(query: str, name: str, popularity: float, settled: bool) -> None:
    assert is_settled(query, rank(query, actor(name, popularity)), Hints()) is settled


def test_nothing_found_settles_nothing() -> None:
    assert not is_settled("jake gyllenhaal", [], Hints())


@pytest.mark.parametrize(
    ("hints", "settled"),
    [
        (Hints(born=1980), True),
        (Hints(born=1950), False),
        (Hints(titles=("donnie darko",)), True),
        (Hints(titles=("jaws",)), False),
        (Hints(born=1980, titles=("donnie darko",)), True),
        (Hints(born=1980, titles=("jaws",)), False),
    ],
)
def test_a_hint_that_does_not_fit_leaves_a_search_unsettled(hints: Hints, settled: bool) -> None:
    found = rank("ann lee", actor("Ann Lee", 0.9, born=1980), hints=hints)
    assert is_settled("ann lee", found, hints) is settled
