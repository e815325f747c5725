from __future__ import annotations

from marquee.catalog.documents import Actor, KnownFor
from marquee.search.explanation import explain
from marquee.search.rank import Hints, rank_actors


def actor(name: str, popularity: float, nconst: str = "nm0000001") -> Actor:
    return Actor(
        nconst=nconst,
        name=name,
        birth_year=1943,
        death_year=None,
        professions=("actor",),
        known_for=(KnownFor("tt0075314", "Taxi Driver", 1976),),
        popularity=popularity,
        credits_count=1,
    )


def explain_first(query: str, *actors: Actor, hints: Hints | None = None) -> tuple[str, ...]:
    ranked = rank_actors(query, [(each, ("exact",)) for each in actors], hints or Hints())
    return explain(query, ranked[0], ranked[1] if len(ranked) > 1 else None)


def test_each_word_is_explained() -> None:
    assert explain_first("bob de nero", actor("Robert De Niro", 0.9))[:3] == (
        "“bob” is another form of “robert”",
        "“de” as typed",
        "“nero” is 1 letter from “niro”, and sounds like it",
    )


def test_a_word_that_stands_for_nothing_is_told() -> None:
    assert "“knowles” stands for no part of the name" in explain_first(
        "beyonce knowles", actor("Beyoncé", 0.9)
    )


def test_a_joined_word_is_told_as_it_was_typed() -> None:
    assert explain_first("bradpitt", actor("Brad Pitt", 0.9))[0] == "“bradpitt” as typed"


def test_the_parts_are_told() -> None:
    reasons = explain_first(
        "robert de niro", actor("Robert De Niro", 0.5), hints=Hints(born=1943, titles=("taxi driver",))
    )
    assert reasons[3:] == (
        "the name fits to 1.00",
        "the query is the whole name: +0.05",
        "popularity 0.50: +0.07",
        "born 1943, as asked: +0.30",
        "known for a title that was asked for: +0.30",
    )


def test_the_order_of_two_names_is_told() -> None:
    reasons = explain_first(
        "john fielder", actor("John Fielder", 0.0), actor("John Fiedler", 1.0, "nm0000002")
    )
    assert reasons[-1].startswith("above John Fiedler: the name (+0.")
    assert reasons[-1].endswith("being the very words (+0.05), in spite of popularity (-0.14)")


def test_a_famous_near_namesake_above_an_exact_name_is_told() -> None:
    reasons = explain_first("tom hankss", actor("Tom Hanks", 1.0), actor("Tom Hankss", 0.0, "nm0000002"))
    assert reasons[-1] == (
        "above Tom Hankss: popularity (+0.14), in spite of the name (-0.04) and being the very words (-0.05)"
    )


def test_equals_are_told() -> None:
    reasons = explain_first("ann lee", actor("Ann Lee", 0.5), actor("Ann Lee", 0.5, "nm0000002"))
    assert reasons[-1] == "above Ann Lee: equal, in the order of names and ids"
