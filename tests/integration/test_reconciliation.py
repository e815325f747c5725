"""The W3C Reconciliation API: what OpenRefine asks, request by request, and the specification's schemas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest

from marquee.api.reconciliation.manifest import build_draft, build_manifest
from marquee.catalog.sources import open_source
from marquee.engine.cluster import Cluster, Endpoint
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.conftest import remove_indexes, run_service, write_tsv

pytestmark = pytest.mark.anyio

SPECIFICATION = Path(__file__).parents[1] / "contract" / "reconciliation"
NONE = r"\N"
OLD, DIRECTOR, MARIE, JAKE, BOLD = "nm0000001", "nm0000002", "nm0000003", "nm0000004", "nm0000005"
PEOPLE = [
    (OLD, "John Smith", "1930", "2010", "actor", "tt0000001"),
    (DIRECTOR, "John Smith", "1980", NONE, "director,actor", "tt0000002"),
    (MARIE, "Marie-Hélène Dupré", "1975", NONE, "actress,producer", "tt0000001,tt0000002"),
    (JAKE, "Jake Gyllenhaal", "1980", NONE, "actor", "tt0246578"),
    (BOLD, "<b>Bo</b> & Sons", NONE, NONE, "actor", NONE),
]
TITLES = [("tt0000001", "The First Film", "1960"), ("tt0000002", "The Second Film", "2005"),
          ("tt0246578", "Donnie Darko", "2001")]  # fmt: skip
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def own(
    cluster: Cluster, settings: Settings, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Settings]:
    """Settings of a catalogue with two of one name, who are told apart by all that a row may say."""
    folder = tmp_path_factory.mktemp("people")
    own = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-reconciliation")
    write_tsv(folder, "name.basics", PEOPLE)
    titles = [(tconst, "movie", name, name, "0", year, NONE, "90", NONE) for tconst, name, year in TITLES]
    write_tsv(folder, "title.basics", titles)
    billed = [("tt0000001", str(n), each[0], "actor", NONE, NONE) for n, each in enumerate(PEOPLE, start=1)]
    write_tsv(folder, "title.principals", billed)
    write_tsv(folder, "title.ratings", [("tt0246578", "8.0", "800000")])
    await reindex(own, cluster, open_source(folder), SILENT)
    yield own
    await remove_indexes(cluster, own.index_prefix)


@pytest.fixture(scope="module")
def url(own: Settings, endpoint: Endpoint) -> Iterator[str]:
    with run_service(own, endpoint) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


def check(version: str, name: str, value: Any) -> None:
    """Check against a schema of the specification."""
    files = {path: json.loads(path.read_text()) for path in (SPECIFICATION / version).glob("*.json")}
    files[SPECIFICATION] = json.loads((SPECIFICATION / "swagger-2.0.json").read_text())
    for each in files.values():
        each.pop("$schema", None)  # which names no draft
    registry = jsonschema_rs.Registry([(each["$id"], each) for each in files.values()])
    schema = files[SPECIFICATION / version / f"{name}.json"]
    validator = jsonschema_rs.Draft7Validator(schema, registry=registry, validate_formats=True)
    assert [error.message for error in validator.iter_errors(value)] == [], (version, name)


def ask(client: httpx.Client, **queries: Json) -> Json:
    """Post a batch as OpenRefine does, and check question and answer against the specification."""
    check("0.2", "reconciliation-query-batch", queries)
    sent = {"queries": json.dumps(queries, separators=(",", ":"))}
    response = client.post("/reconcile", data=sent, headers={"Content-Type": FORM})
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    check("0.2", "reconciliation-result-batch", answer)
    assert list(answer) == list(queries)
    return answer


def ask_one(client: httpx.Client, query: str, **properties: Any) -> list[Json]:
    sent: Json = {"query": query}
    if properties:
        sent["properties"] = [{"pid": pid, "v": value} for pid, value in properties.items()]
    found: list[Json] = ask(client, q0=sent)["q0"]["result"]
    return found


def match_draft(client: httpx.Client, *conditions: Json, **query: Any) -> list[Json]:
    """Post a query of 1.0, and check question and answer against the specification."""
    batch = {"queries": [{"conditions": list(conditions), **query}]}
    check("1.0-draft", "reconciliation-query-batch", batch)
    response = client.post("/reconcile/v1/match", json=batch)
    assert response.status_code == 200, response.text
    check("1.0-draft", "reconciliation-result-batch", response.json())
    (result,) = response.json()["results"]
    candidates: list[Json] = result["candidates"]
    return candidates


def name_is(name: Any, **more: Any) -> Json:
    return {"matchType": "name", "propertyValue": name, **more}


def property_is(name: str, value: Any, **more: Any) -> Json:
    return {"matchType": "property", "propertyId": name, "propertyValue": value, **more}


def ids(candidates: list[Json]) -> list[str]:
    return [each["id"] for each in candidates]


def refuse(response: httpx.Response, status: int, part: str) -> Json:
    """Check that it is a problem that names a part of what was sent, and that every page may read it."""
    problem: Json = response.json()
    assert (response.status_code, problem["status"]) == (status, status), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "*"
    assert part in problem["detail"], problem
    return problem


# What OpenRefine does, in its order


def test_what_openrefine_asks(client: httpx.Client, url: str) -> None:
    """Add the service, guess the type, pick a property, reconcile, look at one, search, add columns."""
    page = {"Origin": "http://127.0.0.1:3333", "Accept": "application/json, text/javascript, */*; q=0.01"}

    def look(address: str, **parameters: Any) -> httpx.Response:
        response = client.get(address, params=parameters or None, headers=page)
        assert response.status_code == 200, response.text
        assert response.headers["access-control-allow-origin"] == "*"
        return response

    # recon-manager.js
    manifest = look("/reconcile").json()
    check("0.2", "manifest", manifest)
    assert manifest["versions"] == ["0.2"]
    # GuessTypesOfColumnCommand.java
    guessed = ask(client, q0={"query": "John Smith", "limit": 3}, q1={"query": "???", "limit": 3})
    types = [kind["id"] for each in guessed.values() for one in each["result"] for kind in one["type"]]
    assert set(types) == {"person"} == {each["id"] for each in manifest["defaultTypes"]}
    # standard-service-panel.js, suggest-4_3a.js
    sent = {"spell": "always", "exact": "false", "scoring": "schema", "prefixed": "true", "type": "person"}
    service = manifest["suggest"]["property"]
    suggested = look(service["service_url"] + service["service_path"], prefix="bir", **sent).json()
    check("0.2", "suggest-properties-response", suggested)
    assert [each["id"] for each in suggested["result"]] == ["birth_year"]
    service = manifest["suggest"]["type"]
    suggested = look(service["service_url"] + service["service_path"], prefix="per", **sent).json()
    check("0.2", "suggest-types-response", suggested)
    assert [each["id"] for each in suggested["result"]] == ["person"]
    # StandardReconConfig.java; a cell that was itself reconciled is sent as an entity
    film = {"id": "Q1", "name": "The First Film"}
    row = {"type": "person", "type_strict": "should", "limit": 6}
    found = ask(
        client,
        q0={"query": "jhon smith", **row, "properties": [{"pid": "birth_year", "v": 1980}]},
        q1={"query": "John Smith", **row, "properties": [{"pid": "known_for", "v": film}]},
        q2={"query": "John Smith", **row},
    )  # fmt: skip
    matched = {name: [one["id"] for one in each["result"] if one["match"]] for name, each in found.items()}
    assert matched == {"q0": [DIRECTOR], "q1": [OLD], "q2": []}
    assert all({"id", "name", "type", "score", "match"} <= set(one) for one in found["q0"]["result"])
    # recon-renderer.js: what a candidate links to, and the frame over which the mouse rests
    assert manifest["view"]["url"].replace("{{id}}", OLD) == f"{url}/?person={OLD}"
    preview = look(manifest["preview"]["url"].replace("{{id}}", DIRECTOR))
    assert preview.headers["content-type"] == "text/html; charset=utf-8"
    assert "John Smith" in preview.text and "born 1980" in preview.text and "The Second Film" in preview.text
    service = manifest["suggest"]["entity"]
    suggested = look(
        service["service_url"] + service["service_path"], prefix="john sm", spell="always"
    ).json()
    check("0.2", "suggest-entities-response", suggested)
    assert set(ids(suggested["result"])) == {OLD, DIRECTOR}
    # add-column-by-reconciliation.js
    service = manifest["extend"]["propose_properties"]
    proposed = look(service["service_url"] + service["service_path"] + "?type=person").json()
    check("0.2", "data-extension-property-proposal", proposed)
    assert [each["id"] for each in proposed["properties"]] == [
        "birth_year", "death_year", "profession", "known_for",
    ]  # fmt: skip
    # ReconciledDataExtensionJob.java; what somebody typed into a setting comes as text
    asked = {
        "ids": [OLD, MARIE],
        "properties": [{"id": "birth_year"}, {"id": "death_year"}, {"id": "profession"},
                       {"id": "known_for", "settings": {"limit": "1"}}],
    }  # fmt: skip
    check("0.2", "data-extension-query", asked)
    response = client.post("/reconcile", data={"extend": json.dumps(asked)}, headers={"Content-Type": FORM})
    check("0.2", "data-extension-response", response.json())
    assert response.json() == {
        "meta": [
            {"id": "birth_year", "name": "Birth year"}, {"id": "death_year", "name": "Death year"},
            {"id": "profession", "name": "Profession"}, {"id": "known_for", "name": "Known for"},
        ],
        "rows": {
            OLD: {"birth_year": [{"int": 1930}], "death_year": [{"int": 2010}],
                  "profession": [{"str": "actor"}], "known_for": [{"str": "The First Film"}]},
            MARIE: {"birth_year": [{"int": 1975}], "death_year": [],
                    "profession": [{"str": "actress"}, {"str": "producer"}],
                    "known_for": [{"str": "The First Film"}]},
        },
    }  # fmt: skip


def test_an_older_openrefine_asks_by_scripts(client: httpx.Client) -> None:
    for path, parameters in (
        ("/reconcile", {}),
        ("/reconcile/suggest/entity", {"prefix": "marie"}),
        ("/reconcile/suggest/property", {"prefix": "pro"}),
        ("/reconcile/suggest/type", {"prefix": ""}),
        ("/reconcile/extend/propose", {"type": "person"}),
        ("/reconcile", {"queries": '{"q0":{"query":"Marie-Helene Dupre"}}'}),
        ("/reconcile", {"extend": json.dumps({"ids": [MARIE], "properties": [{"id": "birth_year"}]})}),
    ):
        asked = {**parameters, "callback": "jQuery3_17", "_": "1700000000000"}
        twice = [client.get(path, params=asked) for _ in range(2)]  # the second from memory
        plain = client.get(path, params=parameters).json()
        for response in twice:
            assert response.headers["content-type"] == "text/javascript"
            assert response.text.startswith("/**/jQuery3_17(") and response.text.endswith(");")
            assert json.loads(response.text.removeprefix("/**/jQuery3_17(")[:-2]) == plain
    for bad in ("alert(1)//", "a b", "a.", "x" * 101, "<script>"):
        refuse(client.get("/reconcile", params={"callback": bad}), 400, "callback")


# Whom a row means


@pytest.mark.parametrize(
    ("properties", "meant"),
    [
        ({}, None),
        ({"birth_year": 1980}, DIRECTOR),
        ({"birth_year": 1981.0}, DIRECTOR),  # a year may be off by one, and a number of a table is a float
        ({"birth_year": "1980-12-19T00:00:00Z"}, DIRECTOR),
        ({"birth_year": "c. 1930"}, OLD),
        ({"birth_year": "unknown"}, None),
        ({"birth_year": 1890}, None),
        ({"death_year": "2010"}, OLD),
        ({"profession": "Film Director"}, DIRECTOR),
        ({"profession": "actor"}, None),  # both are
        ({"profession": "astronaut"}, None),
        ({"known_for": "the frist film"}, OLD),
        ({"known_for": "The Second Film (2005)"}, DIRECTOR),
        ({"known_for": "tt0000002"}, DIRECTOR),
        ({"known_for": ["Nothing", "The First Film"], "profession": ["actress", "writer"]}, OLD),
        ({"birth_year": 1980, "death_year": 2010}, DIRECTOR),  # whose death nobody knows of
        ({"birth_year": 1930, "profession": "director"}, None),  # of each, one thing is false
    ],
)
def test_what_a_row_says_tells_two_of_a_name_apart(
    client: httpx.Client, properties: Json, meant: str | None
) -> None:
    candidates = ask_one(client, "John Smith", **properties)
    assert set(ids(candidates)) >= {OLD, DIRECTOR}
    assert [each["id"] for each in candidates if each["match"]] == ([meant] if meant else [])
    assert [each["score"] for each in candidates] == sorted(
        (each["score"] for each in candidates), reverse=True
    )
    if meant:
        assert candidates[0]["id"] == meant
        assert candidates[0]["score"] > candidates[1]["score"]


def test_who_contradicts_the_row_is_no_match(client: httpx.Client) -> None:
    assert ask_one(client, "Jake Gyllenhaal")[0]["match"]
    (candidate, *_) = ask_one(client, "Jake Gyllenhaal", birth_year=1950)
    assert (candidate["id"], candidate["match"]) == (JAKE, False)
    assert candidate["score"] <= 50
    assert {"id": "birth_year", "name": "Birth year as asked for", "value": False} in candidate["features"]


def test_a_part_of_a_name_is_no_match(client: httpx.Client) -> None:
    for part in ("jake", "gyllenhaal"):
        (candidate, *_) = ask_one(client, part)
        assert (candidate["id"], candidate["match"]) == (JAKE, False)


def test_what_is_no_name_costs_its_batch_nothing(client: httpx.Client) -> None:
    answer = ask(
        client,
        good={"query": "Jake Gyllenhal"},
        signs={"query": "–– ?!"},
        long={"query": "notes " * 100},
        control={"query": "Jake\u0000 Gyllenhaal\u0007"},
        nothing={"properties": [{"pid": "birth_year", "v": 1980}]},
    )
    assert ids(answer["good"]["result"])[0] == JAKE == ids(answer["control"]["result"])[0]
    assert [answer[name]["result"] for name in ("signs", "long", "nothing")] == [[], [], []]


def test_an_id_is_its_person(client: httpx.Client) -> None:
    (candidate,) = ask_one(client, JAKE)
    assert (candidate["id"], candidate["score"], candidate["match"]) == (JAKE, 100, True)
    assert ask_one(client, "nm7777777") == []
    path = "/reconcile/suggest/entity"
    assert ids(client.get(path, params={"prefix": JAKE}).json()["result"]) == [JAKE]
    assert ids(client.get("/reconcile/v1/suggest/entity", params={"prefix": JAKE}).json()["result"]) == [JAKE]


def test_types(client: httpx.Client) -> None:
    def count(**more: Any) -> int:
        return len(ask(client, q={"query": "Jake Gyllenhaal", "limit": 1, **more})["q"]["result"])

    assert (
        count(type="person")
        == count(type=["person", "city"])
        == count(type=["city"], type_strict="should")
        == 1
    )
    assert count(type="city") == count(type=["person", "city"], type_strict="all") == 0


def test_a_limit_is_kept(client: httpx.Client) -> None:
    assert len(ask(client, q={"query": "John Smith", "limit": 1})["q"]["result"]) == 1
    assert len(ask(client, q={"query": "John Smith", "limit": 10_000})["q"]["result"]) >= 2


def test_a_suggestion_tells_who_it_is_and_pages_go_on(client: httpx.Client) -> None:
    for path, skip in (("/reconcile/suggest/entity", "cursor"), ("/reconcile/v1/suggest/entity", "offset")):
        first, second, none = (
            client.get(path, params={"prefix": "john", "limit": 1, skip: n}).json()["result"]
            for n in (0, 1, 50)
        )
        assert {first[0]["id"], second[0]["id"]} == {OLD, DIRECTOR}
        assert none == client.get(path, params={"prefix": ""}).json()["result"] == []
        told = {each["id"]: each["description"] for each in (*first, *second)}
        assert told[OLD] == "1930-2010 · actor · The First Film (1960)"
        assert first[0]["notable"] == [{"id": "person", "name": "Person"}]


# 1.0


def test_the_draft_describes_itself(client: httpx.Client, url: str) -> None:
    manifest = client.get("/reconcile/v1").json()
    check("1.0-draft", "manifest", manifest)
    assert manifest["standardizedScore"] is True
    assert manifest["view"]["url"] == f"{url}/?person={{id}}"
    for kind, part in (("property", "properties"), ("type", "types"), ("entity", "entities")):
        assert manifest["suggest"][kind]
        suggested = client.get(f"/reconcile/v1/suggest/{kind}", params={"prefix": "per"}).json()
        check("1.0-draft", f"suggest-{part}-response", suggested)
    proposed = client.get("/reconcile/v1/extend/propose", params={"type": "person", "limit": 2}).json()
    check("1.0-draft", "data-extension-property-proposal", proposed)
    assert [each["id"] for each in proposed["properties"]] == ["birth_year", "death_year"]
    assert client.get("/reconcile/v1/extend/propose", params={"type": "city"}).json()["properties"] == []
    assert client.get("/reconcile/v1/preview", params={"id": JAKE}).text.count("Jake Gyllenhaal") == 2


def test_conditions(client: httpx.Client) -> None:
    smith = name_is("John Smith", lang="en")
    (first, *_) = match_draft(
        client, smith, property_is("birth_year", 1980), lang="en", limit=2, type="person"
    )
    assert (first["id"], first["match"]) == (DIRECTOR, True)
    assert all(each["name"] for each in first["features"])
    # Any of the names of one person; whoever was asked for by id comes first.
    assert ids(match_draft(client, name_is(["Someone Else", "Jake Gyllenhal"])))[0] == JAKE
    both = match_draft(client, {"matchType": "id", "propertyValue": [MARIE, "nm7777777"]}, smith)
    assert both[0]["id"] == MARIE and {OLD, DIRECTOR} <= set(ids(both))
    # Who does not have what is required is no candidate.
    assert ids(match_draft(client, smith, property_is("profession", "director", required=True))) == [DIRECTOR]
    assert ids(match_draft(client, smith, property_is("death_year", 2010, required=True))) == [OLD]
    assert match_draft(client, smith, property_is("birth_year", 1850, required=True)) == []
    titles = ["The First Film", "The Second Film"]
    every = property_is("known_for", titles, matchQuantifier="all", required=True)
    assert match_draft(client, smith, every) == []
    assert ids(match_draft(client, name_is("Marie Helene Dupre"), every)) == [MARIE]
    none = property_is("known_for", "The First Film", matchQuantifier="none", required=True)
    assert ids(match_draft(client, smith, none))[0] == DIRECTOR
    assert OLD not in ids(match_draft(client, smith, none))
    assert match_draft(client, smith, type="city") == []
    assert match_draft(client, property_is("birth_year", 1980)) == []


def test_more_about_people_in_the_draft(client: httpx.Client) -> None:
    asked = {
        "ids": [DIRECTOR, "nobody", DIRECTOR],
        "properties": [{"id": "profession", "settings": {"limit": 1}}],
    }
    check("1.0-draft", "data-extension-query", asked)
    answer = client.post("/reconcile/v1/extend", json=asked).json()
    check("1.0-draft", "data-extension-response", answer)
    row = {"id": DIRECTOR, "properties": [{"id": "profession", "values": [{"str": "director"}]}]}
    empty = {"id": "nobody", "properties": [{"id": "profession", "values": []}]}
    assert answer == {"meta": [{"id": "profession", "name": "Profession"}], "rows": [row, empty, row]}


# What is refused, and how


@pytest.mark.parametrize("path", sorted(SPECIFICATION.glob("*/invalid/*.json")), ids=lambda path: path.stem)
def test_what_the_specification_calls_invalid_is_refused(client: httpx.Client, path: Path) -> None:
    text = path.read_text()
    if path.parts[-3] == "0.2":
        response = client.post("/reconcile", data={"queries": text})
    else:
        response = client.post(
            "/reconcile/v1/match", content=text, headers={"Content-Type": "application/json"}
        )
    refuse(response, 400, "")


@pytest.mark.parametrize(
    ("queries", "part"),
    [
        ("", "queries: is not JSON"),
        ("[]", "queries: expected `object`"),
        ('{"q0":', "queries: is not JSON"),
        ('{"q0":{"query":""}}', "queries.q0.query: is empty"),
        ('{"q0":{"query":"x","limit":0}}', "queries.q0.limit: expected `int` >= 1"),
        ('{"q0":{"query":"x","properties":[{"pid":"shoe_size","v":1}]}}', "queries.q0.properties[0].pid"),
        ('{"q0":{"query":"x","properties":[{"pid":"birth_year","v":null}]}}', "queries.q0.properties[0].v"),
        ('{"q0":[]}', "queries.q0: expected `object`"),
        ('{"q0":' + "[" * 10_000, "queries: is nested too deeply"),
        ('{"q0":{"query":"x","type_strict":"sometimes"}}', "type_strict"),
    ],
)
def test_what_is_wrong_in_a_batch_is_named(client: httpx.Client, queries: str, part: str) -> None:
    refuse(client.post("/reconcile", data={"queries": queries}), 400, part)
    refuse(client.get("/reconcile", params={"queries": queries}), 400, part)


def test_a_description_that_asks_for_a_token_is_true_to_the_specification() -> None:
    for version, build in (("0.2", build_manifest), ("1.0-draft", build_draft)):
        for source in ("imdb", "sample"):
            manifest = build("https://marquee.example", source, is_public=False)
            check(version, "manifest", json.loads(msgspec.json.encode(manifest)))


def test_what_else_is_refused(client: httpx.Client) -> None:
    batch = {"queries": json.dumps({f"q{n}": {"query": "x"} for n in range(51)})}
    refuse(client.post("/reconcile", data=batch), 413, "51 queries")
    names = {"queries": [{"conditions": [name_is(["x"] * 101)]}]}
    refuse(client.post("/reconcile/v1/match", json=names), 413, "101 names")
    extension = {"ids": ["nm0000001"] * 101, "properties": []}
    refuse(client.post("/reconcile", data={"extend": json.dumps(extension)}), 413, "101 ids")
    refuse(client.post("/reconcile/v1/extend", json=extension), 413, "101 ids")
    refuse(client.post("/reconcile", data={"queries": "x" * (1 << 20)}), 413, "")
    many = {"query": "x", "properties": [{"pid": "known_for", "v": ["x"] * 10}] * 2}
    batch = {"queries": json.dumps({f"q{n}": many for n in range(26)})}
    refuse(client.post("/reconcile", data=batch), 413, "520 values")
    many["properties"] = [{"pid": "known_for", "v": ["x"] * 11}]
    refuse(client.post("/reconcile", data={"queries": json.dumps({"q0": many})}), 400, "11 values")
    many["properties"] = [{"pid": "known_for", "v": []}] * 21
    refuse(
        client.post("/reconcile", data={"queries": json.dumps({"q0": many})}), 400, "queries.q0.properties"
    )
    refuse(client.post("/reconcile", json={}), 415, "x-www-form-urlencoded")
    refuse(client.post("/reconcile/v1/match", data={"queries": "{}"}), 415, "application/json")
    refuse(client.post("/reconcile", content=b"", headers={"Content-Type": FORM}), 400, "one of the two")
    refuse(client.post("/reconcile", data={"queries": "{}", "extend": "{}"}), 400, "one of the two")
    refuse(client.post("/reconcile", content=b"queries=%ff", headers={"Content-Type": FORM}), 400, "UTF-8")
    for settings, part in (({"limit": "many"}, "limit"), ({"limit": -1}, "limit"), ({"size": 1}, "'size'")):
        asked = {"ids": [OLD], "properties": [{"id": "profession", "settings": settings}]}
        refuse(client.post("/reconcile", data={"extend": json.dumps(asked)}), 400, part)
        refuse(client.post("/reconcile/v1/extend", json=asked), 400, part)
    refuse(client.post("/reconcile/v1/extend", json={"ids": [], "properties": [{"id": "x"}]}), 400, "'x'")
    deep = '{"ids":[],"properties":' + "[" * 10_000
    refuse(client.post("/reconcile", data={"extend": deep}), 400, "extend")
    as_json = {"Content-Type": "application/json"}
    refuse(client.post("/reconcile/v1/match", content='{"queries":' + "[" * 10_000, headers=as_json), 400, "")
    refuse(client.post("/reconcile/v1/match", content="[" * 10_000, headers=as_json), 400, "")
    for condition, part in (
        (property_is("shoe_size", 1), "propertyId"),
        ({"matchType": "property", "propertyValue": 1}, "propertyId: is missing"),
        (name_is("x", matchQualifier="skos:exactMatch"), "matchQualifier"),
        (name_is("x", matchQuantifier="none"), "matchQuantifier"),
    ):
        sent = {"queries": [{"conditions": [condition]}]}
        refuse(client.post("/reconcile/v1/match", json=sent), 400, part)
    refuse(client.get("/reconcile/v1", params={"x": "1"}), 400, "x")
    refuse(client.get("/reconcile/suggest/entity"), 400, "prefix: is missing")
    refuse(client.get("/reconcile/suggest/entity", params={"prefix": "x", "cursor": -1}), 400, "cursor")
    refuse(client.get("/reconcile/preview", params={"id": "x"}), 400, "id")
    refuse(client.get("/reconcile/preview", params={"id": "nm7777777"}), 404, "nm7777777")


# As any answer


def test_answers_are_kept_and_named_like_all_others(client: httpx.Client, url: str) -> None:
    path = "/reconcile?queries=" + json.dumps({"q0": {"query": "marie helene dupree"}})
    first, second = client.get(path), client.get(path)
    assert first.content == second.content
    assert second.headers["marquee-generation"].startswith("v1-")
    assert "engine;dur=0.00" in second.headers["server-timing"]
    known = client.get(path, headers={"If-None-Match": second.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    other = client.get(path.replace("q0", "q1"))
    assert list(other.json()) == ["q1"], "the names of the queries are a part of the answer"
    counted = httpx.get(f"{url}/metrics").text
    for endpoint in ("reconcile", "reconcile-suggest", "reconcile-extend", "reconcile-preview"):
        assert f'marquee_answers_total{{endpoint="{endpoint}"' in counted


def test_behind_a_proxy_and_closed_to_who_has_no_token(own: Settings, endpoint: Endpoint) -> None:
    environ = {
        "MARQUEE_PUBLIC": "false",
        "MARQUEE_ADMIN_TOKEN": "secret",
        "MARQUEE_TRUSTED_PROXIES": "127.0.0.1",
    }
    proxied = {"Host": "people.example", "X-Forwarded-Proto": "https"}
    allowed = {"Authorization": "Bearer secret"}
    path = '/reconcile?queries={"q0":{"query":"Jake Gyllenhaal"}}'
    with run_service(own, endpoint, environ) as url, httpx.Client(base_url=url, headers=proxied) as client:
        manifest = client.get("/reconcile").json()
        assert manifest["authentication"]["name"] == "Authorization"
        assert manifest["view"]["url"] == "https://people.example/?person={{id}}"
        for headers, status in (({}, 401), (allowed, 200), ({}, 401), (allowed, 200)):  # the last from memory
            response = client.get(path, headers=headers)
            assert response.status_code == status
        assert response.headers["cache-control"] == "private, max-age=60"


def test_a_preview_is_a_page_that_others_may_frame_and_runs_nothing(client: httpx.Client) -> None:
    response = client.get("/reconcile/preview", params={"id": BOLD})
    assert "&lt;b&gt;Bo&lt;/b&gt; &amp; Sons" in response.text and "<b>" not in response.text
    policy = response.headers["content-security-policy"]
    assert "frame-ancestors *" in policy and "default-src 'none'" in policy and "unsafe" not in policy
    assert "x-frame-options" not in response.headers
    assert client.get("/").headers["x-frame-options"] == "DENY"
    known = {"If-None-Match": response.headers["etag"]}
    again = client.get("/reconcile/preview", params={"id": BOLD}, headers=known)
    assert again.status_code == 304
    # A cache takes what it says in the place of what the page said.
    assert not {"content-security-policy", "x-frame-options"} & set(again.headers)
