"""The service as its users meet it: a process of its own, over HTTP, on the real engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from marquee.engine.cluster import Endpoint
from marquee.search.cursor import Cursor, encode_cursor
from marquee.settings import Settings
from tests.conftest import run_service
from tests.proxy import Proxy

MISSPELT = [
    ("jake gylenhal", "Jake Gyllenhaal"),
    ("arnold shwarzeneger", "Arnold Schwarzenegger"),
    ("scarlet johansen", "Scarlett Johansson"),
    ("rene zelweger", "Renée Zellweger"),
    ("bradpitt", "Brad Pitt"),
    ("deniro robert", "Robert De Niro"),
    ("mathew mcconahey", "Matthew McConaughey"),
    ("JAKE GYLLENHAAL", "Jake Gyllenhaal"),
    ("keanu reaves", "Keanu Reeves"),
]


@pytest.fixture(scope="module")
def client(service_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service_url, timeout=10) as client:
        yield client


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["type"] == f"/problems/{kind}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


@pytest.mark.parametrize(("query", "name"), MISSPELT)
def test_the_person_meant_comes_first(client: httpx.Client, query: str, name: str) -> None:
    answer = client.get("/v1/actors/search", params={"q": query}).json()
    assert answer["hits"][0]["name"] == name


def test_the_search_answer_has_the_contracts_fields(client: httpx.Client, sample: str) -> None:
    response = client.get("/v1/actors/search", params={"q": "jake gylenhal", "limit": 2})
    answer = response.json()
    assert list(answer) == ["query", "generation", "stale", "took_ms", "did_you_mean", "ambiguous", "hits"]
    assert answer["query"] == "jake gylenhal"
    assert answer["generation"] == sample == response.headers["marquee-generation"]
    assert (answer["stale"], answer["ambiguous"]) == (False, False)
    assert answer["did_you_mean"] == "Jake Gyllenhaal"
    assert len(answer["hits"]) == 2
    hit = answer["hits"][0]
    assert list(hit) == [
        "nconst", "name", "score", "birth_year", "death_year", "professions", "known_for", "popularity",
        "match",
    ]  # fmt: skip
    assert 0.5 < hit["score"] < 1
    assert list(hit["known_for"][0]) == ["tconst", "title", "year"]
    assert hit["match"] == {"kind": "fuzzy", "edits": 2, "matched": ["jake", "gyllenhaal"]}
    for header in ("server-timing", "etag", "cache-control"):
        assert response.headers[header]
    assert "marquee-data-age" not in response.headers, "the sample does not age"


def test_explain_shows_what_the_rank_is_made_of(client: httpx.Client) -> None:
    hit = client.get("/v1/actors/search", params={"q": "jake gylenhal", "explain": "true"}).json()["hits"][0]
    parts = hit["explanation"]
    total = sum(parts[name] for name in ("name", "exact", "popularity", "born", "title"))
    assert parts["rank"] == pytest.approx(total, abs=1e-3)
    assert parts["routes"] == ["tokens"]


def test_pages_of_a_search_follow_one_another(client: httpx.Client) -> None:
    def ids(offset: int, limit: int) -> list[str]:
        params: dict[str, Any] = {"q": "john", "offset": offset, "limit": limit}
        return [hit["nconst"] for hit in client.get("/v1/actors/search", params=params).json()["hits"]]

    assert ids(0, 20) == ids(0, 10) + ids(10, 10)
    assert ids(0, 20) == ids(0, 20)


def test_min_score_cuts(client: httpx.Client) -> None:
    params: dict[str, Any] = {"q": "jake gylenhal", "min_score": 0.9}
    hits = client.get("/v1/actors/search", params=params).json()["hits"]
    assert [hit["name"] for hit in hits] == ["Jake Gyllenhaal"]


def test_nobody_of_that_profession(client: httpx.Client, sample: str) -> None:
    answer = client.get("/v1/actors/search", params={"q": "jake", "profession": "astronaut"}).json()
    assert (answer["hits"], answer["did_you_mean"]) == ([], None)
    assert answer["generation"] == sample, "an answer without hits knows its generation, too"


def test_suggest(client: httpx.Client, sample: str) -> None:
    answer = client.get("/v1/actors/suggest", params={"q": "jake gyl", "limit": 3}).json()
    assert list(answer) == ["query", "generation", "stale", "suggestions"]
    first = answer["suggestions"][0]
    assert list(first) == ["nconst", "name", "birth_year", "death_year", "known_for", "highlight"]
    assert (first["name"], first["highlight"]) == ("Jake Gyllenhaal", [[0, 4], [5, 8]])


@pytest.mark.parametrize("typed", ["j", "jake gylen", "gyllenh", "gyllenhaal ja", "Jake  G", "jakegyl"])
def test_suggestions_while_typing(client: httpx.Client, typed: str) -> None:
    names = [
        each["name"] for each in client.get("/v1/actors/suggest", params={"q": typed}).json()["suggestions"]
    ]
    assert len(names) <= 8
    assert names
    if len(typed) > 1:
        assert any(name.startswith("Jake G") or "Gyllenhaal" in name for name in names)


def test_a_profile_and_a_title(client: httpx.Client, sample: str) -> None:
    hit = client.get("/v1/actors/search", params={"q": "jake gyllenhaal"}).json()["hits"][0]
    profile = client.get(f"/v1/actors/{hit['nconst']}").json()
    assert profile["generation"] == sample
    assert list(profile["actor"]) == [
        "nconst", "name", "birth_year", "death_year", "professions", "known_for", "popularity",
        "credits_count",
    ]  # fmt: skip
    assert profile["actor"]["credits_count"] > 10
    known = profile["actor"]["known_for"][0]
    title = client.get(f"/v1/titles/{known['tconst']}").json()["title"]
    assert (title["title"], title["year"]) == (known["title"], known["year"])
    assert list(title) == [
        "tconst", "title", "original_title", "title_type", "year", "end_year", "runtime_minutes", "genres",
        "rating", "votes",
    ]  # fmt: skip


def test_status(client: httpx.Client, sample: str) -> None:
    status = client.get("/v1/status").json()
    assert status["generation"] == sample
    assert status["counts"] == {"actors": 28_079, "titles": 35_250}
    assert (status["fresh"], status["degraded"], status["data_age_s"]) == (True, False, None)
    assert status["source"]["kind"] == "sample"
    assert status["engine"]["status"] in ("green", "yellow")
    assert "Peter Rust" in status["attribution"]


def test_health(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json()["status"] == "ready"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/actors/search", "q"),
        ("/v1/actors/search?q=" + "x" * 201, "q"),
        ("/v1/actors/search?q=" + "x" * 10_000, "q"),
        ("/v1/actors/search?q=jake%00", "q"),
        ("/v1/actors/search?q=jake%ff", "query string"),
        ("/v1/actors/search?q=a" + "&title=x" * 60, "query string"),
        ("/v1/actors/search?q=a&born=99999", "born"),
        ("/v1/actors/nm0350453%0a", "nconst"),
        ("/v1/actors/search?q=a&limit=0", "limit"),
        ("/v1/actors/search?q=a&limit=-1", "limit"),
        ("/v1/actors/search?q=a&limit=51", "limit"),
        ("/v1/actors/search?q=a&limit=1000000000", "limit"),
        ("/v1/actors/search?q=a&offset=95", "offset"),
        ("/v1/actors/search?q=a&limt=5", "limt"),
        ("/v1/actors/suggest?q=a&offset=5", "offset"),
        ("/v1/actors/nm123", "nconst"),
        ("/v1/actors/tt0246578", "nconst"),
        ("/v1/actors/nm0350453?x=1", "x"),
        ("/v1/titles/nm0350453", "tconst"),
        ("/v1/status?x=1", "x"),
    ],
)
def test_a_wrong_parameter_is_named(client: httpx.Client, path: str, parameter: str) -> None:
    found = problem(client.get(path), 400, "bad-request")
    assert [each["parameter"] for each in found["errors"]] == [parameter]


@pytest.mark.parametrize("q", ["", "%20%20", "%3F%21", "%F0%9F%8E%AC", "%E2%80%8B"])
@pytest.mark.parametrize("question", ["search", "suggest"])
def test_nothing_to_search_for(client: httpx.Client, question: str, q: str) -> None:
    problem(client.get(f"/v1/actors/{question}?q={q}"), 400, "empty-query")


@pytest.mark.parametrize(
    "q",
    [
        "a", "de la", "50", 'name:* OR "', "مريم", "x " * 90, "Zo\u0308e\u0301\u0301", "jake\u200bgyl",
        "jake " * 20, "' OR 1=1 --", "\ttom\n", "\U0002b49a" * 200,
    ],
)  # fmt: skip
def test_odd_queries_are_answered(client: httpx.Client, q: str) -> None:
    for question in ("search", "suggest"):
        assert client.get(f"/v1/actors/{question}", params={"q": q}).status_code == 200


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in ("/", "/health/live", "/v1/actors/search?q=jake", "/v1/actors/nm1"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_a_url_of_40_kilobytes(client: httpx.Client) -> None:
    problem(client.get("/v1/actors/search?q=" + "x" * 40_000), 414, "request-uri-too-long")


def test_unknown_ids_and_paths_and_methods(client: httpx.Client) -> None:
    assert "nm99999999" in problem(client.get("/v1/actors/nm99999999"), 404, "not-found")["detail"]
    problem(client.get("/v1/titles/tt99999999"), 404, "not-found")
    problem(client.get("/v1/nothing"), 404, "not-found")
    assert "GET" in client.post("/v1/status").headers["allow"]
    problem(client.post("/v1/status"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "x%00",
        "a" * 300,
        "demo.html/x",
        "swagger-ui",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "%2fetc/passwd",
    ],
)
def test_a_file_that_is_none(client: httpx.Client, path: str) -> None:
    assert problem(client.get(f"/static/{path}"), 404, "not-found")["detail"] == "there is no such file"
    problem(client.post(f"/static/{path}"), 405, "method-not-allowed")


def test_the_api_describes_itself(client: httpx.Client) -> None:
    schema = client.get("/schema/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    search = schema["paths"]["/v1/actors/search"]["get"]
    assert {each["name"] for each in search["parameters"]} == {
        "q", "limit", "offset", "profession", "born", "born_tolerance", "title", "min_score", "explain",
        "If-None-Match",
    }  # fmt: skip
    limit = next(each for each in search["parameters"] if each["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 50)
    assert {"200", "400", "503"} <= set(search["responses"])


def test_the_pages_come_from_this_service_alone(client: httpx.Client) -> None:
    for path in ("/", "/schema"):
        page = client.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert "://" not in page.text.replace("http://www.w3.org", "")
        for part in page.text.split('"'):
            if part.startswith("/static/"):
                assert client.get(part).status_code == 200


def test_an_engine_that_goes_and_comes_back(settings: Settings, endpoint: Endpoint, sample: str) -> None:
    parts = urlsplit(endpoint.urls[0])
    assert parts.hostname
    assert parts.port
    proxy = Proxy((parts.hostname, parts.port))
    behind = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    with run_service(settings, behind) as url, httpx.Client(base_url=url, timeout=10) as client:
        assert client.get("/v1/actors/search?q=jake").status_code == 200
        proxy.take_away()
        for path in (
            "/v1/actors/search?q=somebody",
            "/v1/actors/suggest?q=jake",
            "/v1/actors/nm90000001",
            "/v1/titles/tt90000001",
            "/health/ready",
        ):
            response = client.get(path)
            problem(response, 503, "engine-unavailable")
            assert int(response.headers["retry-after"]) > 0
        assert client.get("/health/live").status_code == 200
        status = client.get("/v1/status").json()
        assert (status["degraded"], status["engine"]["status"]) == (True, "unreachable")
        proxy.is_up = True
        deadline = time.monotonic() + 30
        while client.get("/v1/actors/search?q=somebody").status_code != 200:
            assert time.monotonic() < deadline, "the service did not recover by itself"
            time.sleep(0.1)
    proxy.close()


def test_a_service_without_data_says_so(settings: Settings, endpoint: Endpoint) -> None:
    empty = msgspec.structs.replace(settings, index_prefix=f"{settings.index_prefix}-empty")
    with run_service(empty, endpoint) as url, httpx.Client(base_url=url, timeout=10) as client:
        for path in ("/v1/actors/search?q=jake", "/v1/actors/nm90000001", "/health/ready"):
            problem(client.get(path), 503, "not-ready")
        status = client.get("/v1/status").json()
        assert (status["generation"], status["degraded"], status["fresh"]) == (None, True, False)


def test_a_filmography_comes_page_by_page(client: httpx.Client, sample: str) -> None:
    nconst = client.get("/v1/actors/search?q=samuel+l+jackson").json()["hits"][0]["nconst"]
    whole = client.get(f"/v1/actors/{nconst}/credits").json()
    assert list(whole) == ["generation", "credits", "next_cursor"]
    assert list(whole["credits"][0]) == ["tconst", "title", "year", "title_type", "category", "characters"]
    assert len(whole["credits"]) == 50
    years = [credit["year"] for credit in whole["credits"]]
    assert years == sorted(years, reverse=True)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 20}
    while True:
        page = client.get(f"/v1/actors/{nconst}/credits", params=params).json()
        seen += [credit["tconst"] for credit in page["credits"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    profile = client.get(f"/v1/actors/{nconst}").json()["actor"]
    assert len(seen) == len(set(seen)) == profile["credits_count"] > 60
    assert seen[:50] == [credit["tconst"] for credit in whole["credits"]]


@pytest.mark.parametrize("cursor", ["x", "", "djEtMjAyNjExMjN0MDE1NzI4LjA=x", "🎬", "A" * 500])
def test_a_cursor_that_is_none(client: httpx.Client, cursor: str) -> None:
    found = problem(
        client.get("/v1/actors/nm90000001/credits", params={"cursor": cursor}), 400, "bad-request"
    )
    assert found["errors"][0]["parameter"] == "cursor"


def test_a_cursor_of_a_generation_that_is_gone(client: httpx.Client) -> None:
    cursor = encode_cursor(Cursor("v1-20200101t000000", 50))
    found = problem(
        client.get("/v1/actors/nm90000001/credits", params={"cursor": cursor}), 400, "bad-request"
    )
    assert "begin again" in found["detail"]


def test_a_cast_in_billing_order(client: httpx.Client, sample: str) -> None:
    tconst = client.get("/v1/titles/search?q=doni+darko").json()["hits"][0]["tconst"]
    cast = client.get(f"/v1/titles/{tconst}/cast").json()
    assert list(cast) == ["generation", "cast"]
    assert list(cast["cast"][0]) == ["nconst", "name", "category", "characters", "ordering"]
    assert "Jake Gyllenhaal" in [entry["name"] for entry in cast["cast"]]
    orderings = [entry["ordering"] for entry in cast["cast"]]
    assert orderings == sorted(orderings)
    problem(client.get("/v1/titles/tt99999999/cast"), 404, "not-found")
    problem(client.get("/v1/actors/nm99999999/credits"), 404, "not-found")


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("doni darko", "Donnie Darko"),
        ("Donnie Darko", "Donnie Darko"),
        ("termnator salvation", "Terminator Salvation"),
        ("brokback mountan", "Brokeback Mountain"),
        ("casablanka", "Casablanca"),
        ("the wizzard of oz", "The Wizard of Oz"),
        ("pulp fict", "Pulp Fiction"),
    ],
)
def test_titles_by_misspelt_name(client: httpx.Client, query: str, title: str) -> None:
    answer = client.get("/v1/titles/search", params={"q": query, "limit": 3}).json()
    assert list(answer) == ["query", "generation", "stale", "hits"]
    assert answer["hits"][0]["title"] == title
    assert 0.5 <= answer["hits"][0]["score"] <= 1


def match(client: httpx.Client, *queries: dict[str, Any], **options: Any) -> dict[str, Any]:
    response = client.post("/v1/actors/match", json={"queries": list(queries), **options})
    assert response.status_code == 200
    results: dict[str, Any] = response.json()["results"]
    return results


def test_the_match_answer_has_the_contracts_fields(client: httpx.Client, sample: str) -> None:
    response = client.post("/v1/actors/match", json={"queries": [{"id": "a", "name": "jake gylenhal"}]})
    answer = response.json()
    assert list(answer) == ["generation", "results"]
    assert answer["generation"] == sample
    assert list(answer["results"]["a"]) == ["match", "ambiguous", "candidates"]
    hit = client.get("/v1/actors/search", params={"q": "jake gylenhal", "limit": 1}).json()["hits"][0]
    assert answer["results"]["a"]["match"] == answer["results"]["a"]["candidates"][0] == hit


def test_a_hundred_names_are_matched_as_one_by_one(client: httpx.Client) -> None:
    names = [query for query, _ in MISSPELT] * 12
    results = match(client, *({"id": str(at), "name": name} for at, name in enumerate(names[:100])))
    assert [results[str(at)]["match"]["name"] for at in range(100)] == [name for _, name in MISSPELT * 12][
        :100
    ]


def test_nobody_is_matched_below_the_threshold(client: httpx.Client) -> None:
    results = match(client, {"id": "a", "name": "xqzvw kjhgf"}, {"id": "b", "name": "jake gylenhal"})
    assert results["a"]["match"] is None
    assert results["b"]["match"]["name"] == "Jake Gyllenhaal"


def test_the_threshold_and_the_number_of_candidates_can_be_set(client: httpx.Client) -> None:
    results = match(client, {"id": "a", "name": "jake gylenhal"}, min_score=1.0, candidates=2)
    assert results["a"]["match"] is None
    assert len(results["a"]["candidates"]) == 2


def test_a_title_tells_namesakes_apart(client: httpx.Client) -> None:
    found = match(client, {"id": "a", "name": "michelle williams"}, candidates=20)["a"]["candidates"]
    namesakes = [hit for hit in found if hit["name"] == found[0]["name"] and hit["known_for"]]
    for hit in namesakes:
        title = hit["known_for"][0]["title"]
        results = match(
            client,
            {"id": "one", "name": "michelle williams", "title": title},
            {"id": "list", "name": "michelle williams", "title": ["No Such Film At All", title]},
        )
        assert results["one"]["match"]["nconst"] == results["list"]["match"]["nconst"] == hit["nconst"]


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"queries": []}, "queries"),
        ({"queries": [{"id": str(at), "name": "x"} for at in range(101)]}, "queries"),
        ({"queries": [{"id": "a", "name": "x"}, {"id": "a", "name": "y"}]}, "queries[1].id"),
        ({"queries": [{"id": "a", "name": "🙂"}]}, "queries[0].name"),
        ({"queries": [{"id": "a", "name": "x" * 201}]}, "queries[0].name"),
        ({"queries": [{"id": "a", "name": "x\u0000"}]}, "queries[0].name"),
        ({"queries": [{"id": "a", "name": "x", "born": "1980"}]}, "queries[0].born"),
        ({"queries": [{"id": "a", "name": "x", "birth": 1980}]}, "queries[0]"),
        ({"queries": [{"name": "x"}]}, "queries[0]"),
        ({"queries": [{"id": "a", "name": "x"}], "min_score": 2}, "min_score"),
        ({}, "body"),
        ([], "body"),
    ],
)
def test_an_unusable_match_names_what_is_wrong(client: httpx.Client, body: Any, parameter: str) -> None:
    errors = problem(client.post("/v1/actors/match", json=body), 400, "bad-request")["errors"]
    assert [error["parameter"].split("[...]")[0] for error in errors] == [parameter]


def test_a_match_that_is_no_json_is_refused(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    problem(client.post("/v1/actors/match", content=b'{"queries', headers=headers), 400, "bad-request")
    problem(client.post("/v1/actors/match", content=b"x"), 415, "unsupported-media-type")
    problem(client.post("/v1/actors/match?x=1", json={"queries": []}), 400, "bad-request")
    long = b'{"queries": "' + b"x" * (1 << 20) + b'"}'
    problem(client.post("/v1/actors/match", content=long, headers=headers), 413, "request-entity-too-large")


def test_the_schema_describes_the_body_of_a_match(client: httpx.Client) -> None:
    schema = client.get("/schema/openapi.json").json()
    body = schema["paths"]["/v1/actors/match"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/MatchRequest"}
    schemas = schema["components"]["schemas"]
    assert schemas["MatchRequest"]["properties"]["queries"]["maxItems"] == 100
    assert set(schemas["MatchQuery"]["properties"]) == {"id", "name", "born", "born_tolerance", "title"}


def test_an_explanation_says_in_words_why_the_first_beat_the_second(client: httpx.Client) -> None:
    params = {"q": "jake gylenhal", "explain": "true", "limit": "2"}
    first, second = client.get("/v1/actors/search", params=params).json()["hits"]
    reasons = first["explanation"]["reasons"]
    assert reasons[0] == "“jake” as typed"
    assert reasons[1] == "“gylenhal” is 2 letters from “gyllenhaal”, and sounds like it"
    assert reasons[-1].startswith(f"above {second['name']}: the name (+")
