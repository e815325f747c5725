"""The OpenAPI document: complete, true to itself, and changed on purpose only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from marquee import __version__
from marquee.api.app import create_app
from marquee.api.components import describe_fields
from marquee.api.guides import GUIDES
from marquee.api.headers import is_reconciliation
from marquee.api.problems import PROBLEM_TYPES, kinds
from marquee.api.schema import DATA_TAGS, TERMS, build, list_operations
from marquee.engine.cluster import Endpoint
from marquee.settings import read_settings

COMMITTED = Path(__file__).parents[2] / "openapi.json"
COMMAND = "python -m marquee.api.schema > openapi.json"
# What probes, Prometheus and those who click a problem's type ask; their paths are not the API's.
OPEN_PATHS = {"/health/live", "/health/ready", "/metrics", PROBLEM_TYPES + "{name}"}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def app() -> Litestar:
    settings, _ = read_settings({}, admin_token="admin")
    return create_app(settings, Endpoint(urls=("http://127.0.0.1:9",)))


@pytest.fixture(scope="module")
def document(app: Litestar) -> Json:
    return build(app)


@pytest.fixture(scope="module")
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def operations(document: Json) -> list[Json]:
    return list(list_operations(document))


def resolve(document: Json, node: Json) -> Json:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolve(document, found)


def list_media(document: Json, operation: Json) -> Iterator[tuple[str, Json]]:
    """Yield what is sent and answered, each with where it stands."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield f"{operation['operationId']}, body", media
    for status, response in operation["responses"].items():
        for media in resolve(document, response).get("content", {}).values():
            yield f"{operation['operationId']}, {status}", media


def test_the_committed_document_is_the_present_one(document: Json) -> None:
    changed = json.loads(COMMITTED.read_text()) != json.loads(json.dumps(document))
    assert not changed, f"the API's description has changed: is it meant to? `{COMMAND}` commits to it"


def test_the_documented_command_prints_it_sorted() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "marquee.api.schema"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == COMMITTED.read_text(), f"not as `{COMMAND}` writes it"
    assert list(json.loads(printed)) == sorted(json.loads(printed))


def test_it_is_served(client: TestClient[Litestar], document: Json) -> None:
    response = client.get("/schema/openapi.json")
    assert response.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    assert response.json() == json.loads(json.dumps(document))
    assert response.json()["info"]["version"] == __version__


def test_it_is_valid(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    found = OpenAPIV31SpecValidator(json.loads(json.dumps(document))).iter_errors()
    assert [(error.message, list(error.absolute_path)) for error in found] == []


def test_paths_are_versioned(document: Json) -> None:
    others = {path for path in document["paths"] if not path.startswith("/v1/")}
    # The W3C's protocol has its own versions and paths.
    assert {path for path in others if not is_reconciliation(path)} == OPEN_PATHS


def test_every_operation_is_described(document: Json, operations: list[Json]) -> None:
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for operation in operations:
        name = operation["operationId"]
        assert operation["summary"] and operation["description"], name
        assert set(operation["tags"]) <= tags, name
        for parameter in operation.get("parameters", []):
            assert parameter["description"] and parameter["schema"], (name, parameter["name"])
            assert "examples" in parameter and "example" not in parameter, (name, parameter["name"])


def test_every_property_is_described(document: Json) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, described in schema["properties"].items():
            assert described.get("description"), f"{name}.{field} needs a docstring under it"


def test_every_answer_has_a_description_headers_and_an_example(
    document: Json, operations: list[Json]
) -> None:
    for operation in operations:
        name = operation["operationId"]
        for status, response in operation["responses"].items():
            whole = resolve(document, response)
            assert whole["description"] and whole["headers"], (name, status)
        for where, media in list_media(document, operation):
            assert media["examples"], where


def test_every_example_is_true_to_its_schema(document: Json, operations: list[Json]) -> None:
    count = 0

    def check(where: str, schema: Json, value: Any) -> None:
        whole = {**schema, "components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        assert [error.message for error in validator.iter_errors(value)] == [], where

    for operation in operations:
        parameters = {each["name"]: each for each in operation.get("parameters", [])}
        described = [(f"{operation['operationId']}, {name}", each) for name, each in parameters.items()]
        for where, part in [*described, *list_media(document, operation)]:
            for name, example in part["examples"].items():
                check(f"{where}, {name}", part["schema"], resolve(document, example)["value"])
                count += 1
    for name, header in document["components"]["headers"].items():
        check(name, header["schema"], header["example"])
    assert count > 200


def test_who_may_do_what(operations: list[Json]) -> None:
    for operation in operations:
        (tag,) = operation["tags"]
        roles = {"admin": [{"token": ["admin"]}], "actors": [{}, {"token": ["read"]}]}
        roles["titles"] = roles["reconciliation"] = roles["actors"]
        if operation["operationId"] == "status":
            tag = "actors"
        assert operation.get("security") == roles.get(tag), operation["operationId"]
        if tag == "admin":
            assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])


def test_data_answers_document_their_headers(document: Json, operations: list[Json]) -> None:
    for operation in operations:
        if operation["tags"][0] in DATA_TAGS and operation["operationId"] not in TERMS:
            headers = operation["responses"]["200"]["headers"]
            assert set(headers) == {
                "Marquee-Generation", "Marquee-Data-Age", "Server-Timing", "ETag", "Cache-Control",
                "Warning", "Age",
            }  # fmt: skip
            assert ("304" in operation["responses"]) is ("requestBody" not in operation)
        for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")):
            if status in operation["responses"]:
                assert header in resolve(document, operation["responses"][status])["headers"]


def test_every_kind_of_problem_is_documented_and_has_a_guide(document: Json) -> None:
    assert set(GUIDES) == set(kinds()), "each kind of problem has a text in api/guides"
    # No endpoint answers it: it is of methods that a path does not have.
    assert set(document["components"]["examples"]) == set(kinds()) - {"method-not-allowed"}
    for name, example in document["components"]["examples"].items():
        assert example["value"]["type"] == PROBLEM_TYPES + name


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_every_type_of_problem_has_a_page(client: TestClient[Litestar], name: str) -> None:
    page = client.get(f"/problems/{name}", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"<code>/problems/{name}</code>" in page.text
    answer = client.get(f"/problems/{name}")
    assert answer.headers["content-type"] == "application/json"
    assert page.headers["vary"] == answer.headers["vary"] == "Accept"
    found = answer.json()
    assert found["type"] == found["example"]["type"] == f"/problems/{name}"
    assert found["status"] == found["example"]["status"]
    assert found["meaning"] and found["advice"]


def test_what_is_no_problem_has_no_page(client: TestClient[Litestar]) -> None:
    for name in ("none", "%3Cscript%3E", "not_found"):
        response = client.get(f"/problems/{name}", headers={"accept": "text/html"})
        assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
    assert client.get("/problems/conflict?x=1").status_code == 400


@pytest.mark.parametrize("path", ["/schema/none", "/schema/none.json", "/schema/docs/none"])
def test_beneath_the_documentation_unknown_paths_are_problems_too(
    client: TestClient[Litestar], path: str
) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/admin/pin", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/v1/admin/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/v1/admin/jobs/x", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/actors/search", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_every_method_of_a_path(client: TestClient[Litestar], path: str, methods: str) -> None:
    headers = {"authorization": "Bearer admin"}
    assert client.options(path, headers=headers).headers["allow"] == methods
    assert set(client.patch(path, headers=headers).headers["allow"].split(", ")) == set(methods.split(", "))


class _Described(msgspec.Struct):
    """A struct."""

    one: int
    """One
    thing."""
    two: int
    three: int = 3
    """Three."""


class _Inheriting(_Described):
    """Another."""

    three: int = 4
    four: int = 0
    """Four."""


def test_docstrings_under_fields_are_found() -> None:
    assert describe_fields(_Described) == {"one": "One thing.", "three": "Three."}
    assert describe_fields(_Inheriting) == {"one": "One thing.", "three": "Three.", "four": "Four."}
