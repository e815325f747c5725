from __future__ import annotations

import pytest

from marquee.catalog.documents import Actor, KnownFor
from marquee.search.alignment import align
from marquee.search.rank import Hints, is_ambiguous, propose, rank_actors


def actor(name: str, popularity: float = 0.5, nconst: str = "nm0000001", born: int | None = None) -> Actor:
    return Actor(
        nconst=nconst, name=name, birth_year=born, death_year=None, professions=("actor",),
        known_for=(KnownFor("tt0246578", "Donnie Darko", 2001),) if born == 1980 else (),
        popularity=popularity, credits_count=1,
    )  # fmt: skip


def names_for(query: str, *actors: Actor, hints: Hints | None = None) -> list[str]:
    ranked = rank_actors(query, [(each, ("fuzzy",)) for each in actors], hints or Hints())
    return [each.actor.name for each in ranked]


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
    assert ranked[0].score == ranked[1].score == 0.999
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
