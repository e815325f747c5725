"""The Reconciliation API without an engine: who is meant, what the service says of itself, who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from marquee.api.reconciliation.manifest import build_draft, build_manifest
from marquee.api.reconciliation.terms import PROPERTIES, propose, suggest_terms
from marquee.catalog.documents import Actor, KnownFor
from marquee.search.rank import Hints, rank_actors
from marquee.search.reconciliation import Claim, EntityQuery, Quantifier, agrees, describe, judge
from tests.unit.test_access import ADMIN, Open, ask, bearer
from tests.unit.test_access import serve as _serve
from tests.unit.test_headers import EVIL, cors_of

serve = _serve

BASE = "https://marquee.example"


def person(nconst: str, name: str = "John Smith", **values: Any) -> Actor:
    known: dict[str, Any] = {
        "professions": ("actor",),
        "known_for": (),
        "popularity": 0.5,
        "credits_count": 1,
    }
    return Actor(nconst=nconst, name=name, **known | values)


def claim(name: Any, *values: str, quantifier: Quantifier = "any", required: bool = False) -> Claim:
    return Claim(property=name, values=values, quantifier=quantifier, required=required)


FILM, PLAY = KnownFor("tt0000001", "The First Film", 1960), KnownFor("tt0000002", "A Play", None)
ACTOR = person("nm0000001", birth_year=1930, professions=("actor", "visual_effects"), known_for=(FILM, PLAY))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (claim("birth_year", "1931"), True),
        (claim("birth_year", "1932"), False),
        (claim("birth_year", "19300"), None),
        (claim("birth_year", "1950", "1930"), True),
        (claim("birth_year", "1950", "soon"), None),
        (claim("birth_year", "1950", "1930", quantifier="all"), False),
        (claim("birth_year", "1930", "soon", quantifier="all"), None),
        (claim("birth_year", "1930", "1931", quantifier="all"), True),
        (claim("birth_year", "1930", quantifier="none"), False),
        (claim("birth_year", "1950", quantifier="none"), True),
        (claim("death_year", "1990"), None),
        (claim("profession", "Visual Effects"), True),
        (claim("profession", "visual_effects"), True),
        (claim("profession", "actress"), True),
        (claim("profession", "screenwriter"), False),
        (claim("profession", "astronaut"), None),
        (claim("known_for", "first film, the"), None),
        (claim("known_for", "The First Flim (1960)"), True),
        (claim("known_for", "tt0000002"), True),
        (claim("known_for", "(1960)"), None),
        (claim("known_for", "Another", quantifier="none"), None),
        (claim("known_for"), None),
    ],
)
def test_what_a_row_says_is_true_false_or_not_known(said: Claim, expected: bool | None) -> None:
    assert agrees(ACTOR, said) is expected


def find(query: EntityQuery, *people: Actor) -> list[tuple[str, float, bool]]:
    ranked = [rank_actors(each.lower(), ((one, ()) for one in people), query.hints) for each in query.names]
    return [(each.actor.nconst, each.score, each.is_match) for each in judge(query, ranked, ())]


def test_a_match_is_likely_whole_and_alone() -> None:
    query = EntityQuery(names=("John Smith",), limit=5)
    ((_, score, is_match),) = find(query, ACTOR)
    assert score > 0.95 and is_match
    # Another of the name: nobody can say which of them is meant.
    twins = find(query, ACTOR, person("nm0000002", popularity=0.9))
    assert [(score > 0.95, is_match) for _, score, is_match in twins] == [(True, False)] * 2
    # Spelt so that it may be many names; and half a name.
    assert not find(EntityQuery(names=("Jon Smyt",), limit=5), ACTOR, person("nm3", "Jan Smith"))[0][2]
    assert not find(EntityQuery(names=("Smith",), limit=5), ACTOR)[0][2]


def test_each_doubt_halves_the_score() -> None:
    def score(*claims: Claim) -> float:
        return find(EntityQuery(names=("John Smith",), claims=claims, limit=5), ACTOR)[0][1]

    certain = score()
    wrong = claim("birth_year", "1950")
    assert score(wrong) == pytest.approx(certain / 2, abs=1e-3)
    assert score(wrong, claim("profession", "writer")) == pytest.approx(certain / 4, abs=1e-3)
    assert score(claim("death_year", "1990")) == certain, "that nobody knows is no doubt"


def test_several_names_of_one_person_are_one_person() -> None:
    query = EntityQuery(names=("Jon Smith", "John Smith"), limit=5)
    ((nconst, score, is_match),) = find(query, ACTOR)
    assert (nconst, is_match) == ("nm0000001", True)
    assert score == find(EntityQuery(names=("John Smith",), limit=5), ACTOR)[0][1], "the better of the two"


def test_ids_come_first_and_only_one_alone_is_a_match() -> None:
    one, other = person("nm0000001"), person("nm0000002")
    query = EntityQuery(names=("John Smith",), ids=("nm0000002",), limit=5)
    ranked = rank_actors("john smith", [(one, ()), (other, ())], Hints())
    found = judge(query, [ranked], [other])
    assert [(each.actor.nconst, each.is_match) for each in found] == [
        ("nm0000002", True),
        ("nm0000001", False),
    ]
    assert [each.is_match for each in judge(query, [], [one, other])] == [False, False]


def test_a_person_in_a_line() -> None:
    assert describe(ACTOR) == "born 1930 · actor, visual effects · The First Film (1960)"
    assert describe(person("nm1", death_year=2000, professions=(), known_for=(PLAY,))) == "died 2000 · A Play"
    assert describe(person("nm1", professions=())) == ""


# What the service says of itself


def test_ids_of_imdb_lead_to_imdb_and_others_to_the_service() -> None:
    imdb = build_manifest(BASE, "imdb", is_public=True)
    assert imdb.identifierSpace == "https://www.imdb.com/name/"
    assert imdb.view.url == "https://www.imdb.com/name/{{id}}/"
    assert build_draft(BASE, "imdb", is_public=True).view.url == "https://www.imdb.com/name/{id}/"
    for source in ("sample", "folder", None):
        own = build_manifest(BASE, source, is_public=True)
        assert own.identifierSpace == f"{BASE}/?person="
        assert own.view.url == f"{BASE}/?person={{{{id}}}}"


def test_terms_are_suggested_by_the_beginnings_of_their_words() -> None:
    def suggest(prefix: str) -> list[str]:
        return [each.id for each in suggest_terms(PROPERTIES, prefix)]

    assert suggest("YEAR") == ["birth_year", "death_year"]
    assert suggest("birth_y") == suggest(" birth y") == ["birth_year"]
    assert suggest("") == ["birth_year", "death_year", "profession", "known_for"]
    assert suggest("ear") == []
    assert [each.id for each in propose("person", 1).properties] == ["birth_year"]
    assert propose("city", None).properties == []


# Who is let in


def test_the_description_says_that_a_token_is_needed_and_needs_none(serve: Open) -> None:
    client = serve(public=False, admin_token=ADMIN)
    for path in ("/reconcile", "/reconcile/v1"):
        assert client.get(path).json()["authentication"] == {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Bearer` and a token of the role `read`",
        }
        assert "authentication" not in serve().get(path).json()
    for method, path in (
        ("POST", "/reconcile"),
        ("GET", "/reconcile?extend={}"),
        ("GET", "/reconcile/suggest/property?prefix="),
        ("GET", "/reconcile/extend/propose"),
        ("POST", "/reconcile/v1/match"),
        ("POST", "/reconcile/v1/extend"),
        ("GET", "/reconcile/v1/suggest/type?prefix="),
        ("GET", "/reconcile/v1/preview?id=nm0000001"),
    ):
        assert client.request(method, path).status_code == 401, path
        assert client.request(method, path, headers=bearer(ADMIN)).status_code != 401, path


def test_the_description_counts_as_a_request(serve: Open) -> None:
    client = serve(rate_limit="3/minute")
    assert ask(client, 4, "/reconcile") == [200, 200, 200, 429]
    assert ask(client, 1, "/reconcile/v1") == ask(client, 1, "/reconcile/suggest/type?prefix=") == [429]


@pytest.mark.parametrize("origins", [(), ("https://shop.example",)])
@pytest.mark.parametrize("path", ["/reconcile", "/reconcile/suggest/entity?prefix=x", "/reconcile/v1/match"])
def test_every_page_may_read_it_whatever_else_is_closed(
    serve: Open, origins: tuple[str, ...], path: str
) -> None:
    client = serve(cors_origins=origins)
    for response in (
        client.get(path, headers={"Origin": EVIL}),
        client.options(path, headers={"Origin": EVIL}),
    ):
        assert cors_of(response)["allow-origin"] == "*"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "allow-credentials" not in cors_of(response)
    assert {"authorization", "content-type"} <= set(
        cors_of(client.options(path))["allow-headers"].split(", ")
    )
    assert "allow-origin" not in cors_of(client.get("/reconciled", headers={"Origin": EVIL}))


def test_addresses_are_those_by_which_it_was_asked(serve: Open) -> None:
    manifest = serve().get("/reconcile", headers={"Host": "people.example:8443"}).json()
    assert manifest["preview"]["url"] == "http://people.example:8443/reconcile/preview?id={{id}}"
    assert manifest["suggest"]["entity"]["service_url"] == "http://people.example:8443/reconcile"
