"""The Python client against the API's document: what the one can do, the other has."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

from marquee.client import AsyncClient, Client, MatchQuery
from marquee.client.call import Call
from marquee.client.operation import Each, Operation, Watch
from marquee.client.tolerance import tolerate

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
FOR_OTHERS = {"metrics": "Prometheus reads it", "getProblem": "a page for people"}
"""No methods of a client; nor has it any for the tag `reconciliation`, which is another protocol."""
PUBLIC = sorted(
    name
    for name, (_, _, operation) in OPERATIONS.items()
    if name not in FOR_OTHERS and "reconciliation" not in operation["tags"]
)
METHODS: dict[str, Operation[..., Any] | Watch[...]] = {
    method.operation_id: method
    for _, method in inspect.getmembers(Client)
    if isinstance(method, Operation | Watch)
}
ARGUMENTS: dict[str, Any] = {
    "nconst": "nm0350453", "tconst": "tt0246578", "job_id": "k1", "generation_id": "v1-20261122t030512",
    "queries": [MatchQuery(id="1", name="x", title=("a", "b"))], "q": "x", "idempotency_key": "once",
    "profession": ["actor"], "title": ["a", "b"], "explain": True, "cursor": "abc", "reason": "why",
}  # fmt: skip
NAMES = {"generation_id": "generation", "idempotency_key": "Idempotency-Key"}
"""What the document calls an argument, where it calls it otherwise."""


def describe(name: str) -> tuple[Call[Any], list[str]]:
    """The call of a method with an argument for each of its parameters, and what they are called."""
    method = METHODS[name]
    parameters = list(inspect.signature(method.describe).parameters.values())
    given = {each.name: ARGUMENTS.get(each.name, 1) for each in parameters}
    if name == "requestJob":
        given |= {"source": "sample", "force": False, "dry_run": False}
    elif name == "activateGeneration":
        given |= {"force": False}
    positional = [given.pop(each.name) for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    described = method.describe(*positional, **given)
    return described if isinstance(described, Call) else described.call, [each.name for each in parameters]


def test_every_operation_has_a_method_and_every_method_an_operation() -> None:
    assert sorted(METHODS) == PUBLIC
    assert set(FOR_OTHERS) <= set(OPERATIONS)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_call_is_what_the_document_asks_for(name: str) -> None:
    path, method, operation = OPERATIONS[name]
    call, arguments = describe(name)
    assert call.method == method.upper()
    url = urlsplit(call.path)
    template = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    assert re.fullmatch(template, unquote(url.path)), url.path
    declared = {each["name"]: each for each in operation.get("parameters", [])}
    asked = [NAMES.get(each, each) for each in arguments]
    # What a cache sends is none of the caller's business.
    assert {each for each in declared if each != "If-None-Match"} <= set(asked), "a parameter has no argument"
    sent = {key for key, _ in parse_qsl(url.query)}
    assert sent == {key for key, each in declared.items() if each["in"] == "query"}
    if "requestBody" in operation:
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
        assert call.body is not None
        assert set(json.loads(call.body)) == set(schema["properties"])
        assert call.headers["Content-Type"] == "application/json"
    else:
        assert call.body is None
    assert call.is_repeatable == (method == "get" or name in ("matchActors", "requestJob"))


@pytest.mark.parametrize("name", PUBLIC)
def test_an_answer_is_read_as_what_the_document_promises(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    call, _ = describe(name)
    (success,) = [response for status, response in operation["responses"].items() if status[0] == "2"]
    if "content" not in success:
        assert call.answer is type(None)
        return
    ((media_type, content),) = success["content"].items()
    if media_type == "text/event-stream":
        assert call.headers["Accept"] == media_type
        return
    assert content["schema"]["$ref"].rpartition("/")[2] == call.answer.__name__
    for example in content["examples"].values():
        decoded = msgspec.convert(example["value"], tolerate(call.answer))
        assert isinstance(decoded, call.answer)


def test_both_clients_have_the_same_methods() -> None:
    def list_methods(client: type) -> dict[str, Any]:
        found = inspect.getmembers(client)
        return {name: each for name, each in found if isinstance(each, Operation | Watch | Each)}

    assert list_methods(Client) == list_methods(AsyncClient)
    with Client() as client:
        assert inspect.signature(client.search).parameters["q"].annotation == "str"
        assert client.search.__doc__ and "typos tolerated" in client.search.__doc__
    assert all(each.__doc__ for each in list_methods(Client).values())


def test_iterators_take_what_their_calls_take() -> None:
    def list_arguments(method: Any) -> set[str]:
        return set(inspect.signature(method.describe).parameters)

    assert list_arguments(Client.each_hit) == list_arguments(Client.search) - {"limit", "offset"}
    assert list_arguments(Client.match_each) == list_arguments(Client.match)
    assert list_arguments(Client.each_credit) == {"nconst", "page_size"}


def test_names_are_asked_once_and_queries_as_they_are() -> None:
    call = Client.match.describe(["a", "b", "a", MatchQuery(id="c", name="a")])
    assert call.body is not None
    assert [(each["id"], each["name"]) for each in json.loads(call.body)["queries"]] == [
        ("a", "a"), ("b", "b"), ("c", "a")
    ]  # fmt: skip
    alone = Client.match.describe("jake")
    assert alone.body is not None
    assert [each["name"] for each in json.loads(alone.body)["queries"]] == ["jake"]


# What it costs to import


def list_loaded(program: str) -> set[str]:
    """The top-level modules that are loaded when a program has run."""
    told = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    ended = subprocess.run(
        [sys.executable, "-c", program + told], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())


HEAVY = {"litestar", "elasticsearch", "elastic_transport", "polars", "rapidfuzz", "redis", "uvicorn"}


def test_importing_it_loads_next_to_nothing() -> None:
    assert list_loaded("import marquee.client").isdisjoint(HEAVY | {"httpx", "msgspec", "rich"})


def test_using_all_of_it_loads_nothing_of_the_service() -> None:
    program = """
from marquee.client import *
import marquee.client
from marquee.client.tolerance import tolerate
from marquee.client.operation import Operation
with Client("http://127.0.0.1:9", retries=0) as client:
    for name in dir(Client):
        if isinstance(getattr(Client, name), Operation):
            try:
                getattr(client, name)(*["x"] * (name in NEEDING))
            except ClientError:
                pass
            else:
                raise SystemExit(name)
"""
    needing = [
        name
        for name, each in inspect.getmembers(Client)
        if isinstance(each, Operation)
        and any(one.default is one.empty for one in inspect.signature(each.describe).parameters.values())
    ]
    assert list_loaded(f"NEEDING = {needing!r}{program}").isdisjoint(HEAVY)


def test_unknown_names_are_told() -> None:
    import marquee.client

    with pytest.raises(AttributeError, match="Clients"):
        _ = marquee.client.Clients
    assert set(dir(marquee.client)) == set(marquee.client.__all__)
    assert all(hasattr(marquee.client, name) for name in marquee.client.__all__)


def test_words_become_texts_and_all_else_keeps_its_type() -> None:
    from marquee.reindex.job import Job
    from marquee.search.answer import Match

    loose = tolerate(Match)
    assert issubclass(loose, Match)
    kinds = {each.name: each.type for each in msgspec.structs.fields(loose)}
    assert kinds["kind"] is str
    assert get_args(kinds["matched"]) == (str, ...)
    assert tolerate(Job) is tolerate(Job)
