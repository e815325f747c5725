"""The OpenAPI document: what the framework makes of the handlers, completed from what it does not know.

Structs are described by `api/components`. Headers, links, security and the examples of `examples.json` are
added by rules that hold for all endpoints.

`python -m marquee.api.schema > openapi.json` prints it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, get_args

import msgspec
from litestar import Litestar, Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import SecurityScheme, Tag

from marquee.api.components import describe_structs
from marquee.api.problems import MEDIA_TYPE
from marquee.api.reply import SCRIPT

Json = dict[str, Any]


DESCRIPTION = """Typo-tolerant search and autocomplete for actors and titles.

Errors are `application/problem+json` (RFC 9457): decide by `type`, whose page says what to do. An unknown
path is answered 404, a method that a path does not have 405 with `Allow`. HEAD is answered wherever GET is.

What stands below `/v1` keeps its promise: parameters, fields, problem types and what they mean stay. Fields,
endpoints, optional parameters and problem types may be added: read over what you do not know."""
TAGS = [
    Tag(
        "actors",
        "People: search, completion, many names at once, profiles. Reading takes no token, or one of the "
        "role `read` where `MARQUEE_PUBLIC` is off.",
    ),
    Tag(
        "reconciliation",
        "The W3C Reconciliation API, as OpenRefine asks it: 0.2 at `/reconcile`, the draft of 1.0 at "
        "`/reconcile/v1`. Every page may read it. Tokens as for actors; the description takes none.",
    ),
    Tag("titles", "Films, series and other titles: search, details, cast. Tokens as for actors."),
    Tag(
        "admin",
        "Reindexes, generations, the pin, the audit log, the workers: all of it takes a token of the role "
        "`admin`.",
    ),
    Tag(
        "health", "For probes, Prometheus and people; open to all, but for the status: tokens as for actors."
    ),
    Tag("problems", "What the `type` of a problem points to; open to all."),
]
TOKEN = SecurityScheme(
    type="http",
    scheme="bearer",
    description="A token of the role `read` or `admin`, from `MARQUEE_TOKENS_FILE`, or the one of "
    "`MARQUEE_ADMIN_TOKEN`. An endpoint names the role it takes; an admin may read as well.",
)


def _header(description: str, example: Any, *, required: bool = True) -> Json:
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "required": required, "schema": {"type": kind}, "example": example}


HEADERS = {
    "Marquee-Generation": _header("The generation the answer comes from.", "v1-20261122t030512"),
    "Marquee-Data-Age": _header(
        "Seconds since the data were last known to match what is published; absent for data that do not age.",
        3600,
        required=False,
    ),
    "Server-Timing": _header(
        "Milliseconds the answer took, by stage.",
        "queue;dur=0.00, cache;dur=0.01, engine;dur=3.10, rerank;dur=0.80, encode;dur=0.05, total;dur=4.20",
    ),
    "ETag": _header(
        "Names the answer: send it back as `If-None-Match`. Absent from one that is stale.",
        'W/"v1-20261122t030512-1c291ca3"',
        required=False,
    ),
    "Warning": _header(
        "Says that the answer is stale: the engine is away.",
        '110 marquee "the search engine is away: answered from the cache"',
        required=False,
    ),
    "Age": _header("Of a stale answer: seconds since it was made.", 42, required=False),
    "Cache-Control": _header(
        "Whether and for how many seconds the answer may be kept.", "public, max-age=60"
    ),
    "Retry-After": _header("Seconds to wait before the next try.", 5),
    "WWW-Authenticate": _header("How to authenticate.", "Bearer"),
    "Location": _header("Where the job is to be watched.", "/v1/admin/jobs/20261124t102501-1f3a9c"),
}
_OF_DATA = (
    "Marquee-Generation",
    "Marquee-Data-Age",
    "Server-Timing",
    "ETag",
    "Cache-Control",
    "Warning",
    "Age",
)
_OF_STATUS = {
    "401": ("WWW-Authenticate",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}

DATA_TAGS = {"actors", "titles", "reconciliation"}
"""What the questions of apps are tagged with: their answers are data of a generation."""
TERMS = {
    "reconcileService", "reconcileSuggestProperty", "reconcileSuggestType", "reconcilePropose",
    "reconcileDraftService", "reconcileDraftSuggestProperty", "reconcileDraftSuggestType",
    "reconcileDraftPropose",
}  # fmt: skip
"""But for these, which answer the same from any."""

IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer from before: 304 where it would be the same.",
    "schema": {"type": "string"},
}

NOT_MODIFIED: Json = {"description": "The answer is the one whose `ETag` was sent; it has no body."}

# From an answer to the next request: operation, then its parameters. Only what every such answer has.
LINKS: dict[str, dict[str, dict[str, str]]] = {
    "getActor": {"getCredits": {"nconst": "$response.body#/actor/nconst"}},
    "getTitle": {"getCast": {"tconst": "$response.body#/title/tconst"}},
    "requestJob": {
        "getJob": {"job_id": "$response.body#/id"},
        "followJob": {"job_id": "$response.body#/id"},
        "cancelJob": {"job_id": "$response.body#/id"},
    },
    "pin": {"activateGeneration": {"generation": "$response.body#/generation"}},
}


def build(app: Litestar) -> Json:
    """Return the whole document of an application."""
    document: Json = json.loads(json.dumps(app.openapi_schema.to_schema()))
    components: Json = document["components"]
    components |= {
        "schemas": describe_structs(_list_structs(app)),
        "headers": HEADERS,
        "examples": {},
        "responses": {},
    }
    examples = json.loads((files("marquee.api") / "examples.json").read_text())
    for operation in list_operations(document):
        is_data = not DATA_TAGS.isdisjoint(operation["tags"]) and operation["operationId"] not in TERMS
        if is_data and "requestBody" not in operation:
            operation.setdefault("parameters", []).append(IF_NONE_MATCH.copy())
            operation["responses"]["304"] = NOT_MODIFIED.copy()
        _tidy(operation)
        if any(each["name"] == "callback" for each in operation.get("parameters", [])):
            operation["responses"]["200"]["content"][SCRIPT] = {"schema": {"type": "string"}}
        for status, response in operation["responses"].items():
            _add_headers(response, status, is_data=is_data)
        if operation["operationId"] == "requestJob":
            operation["responses"]["202"]["headers"]["Location"] = _refer("headers", "Location")
        _add_links(operation)
        for key, example in examples[operation["operationId"]].items():
            _add_example(operation, key, example)
        _share_problems(operation["responses"], components)
    return document


def list_operations(document: Json) -> Iterator[Json]:
    """Yield the operations of a document."""
    for methods in document["paths"].values():
        yield from methods.values()


def _list_structs(app: Litestar) -> set[type[msgspec.Struct]]:
    """Return what the endpoints are sent and answer."""
    handlers = [each for route in app.routes for each in getattr(route, "route_handlers", [])]
    found: set[Any] = {getattr(each.operation_class, "body", None) for each in handlers}
    for each in handlers:
        for spec in (each.responses or {}).values():
            found |= _open_up(spec.data_container)
    return {each for each in found if isinstance(each, type) and issubclass(each, msgspec.Struct)}


def _open_up(kind: Any) -> set[Any]:
    """Return the types that a union or a container is made of."""
    parts = get_args(kind)
    return set[Any]().union(*map(_open_up, parts)) if parts else {kind}


def _tidy(operation: Json) -> None:
    """Take out what the framework says too much: flags that are off, nulls that no URL and no header has."""
    operation.pop("deprecated")
    for parameter in operation.get("parameters", []):
        for name in ("deprecated", "allowEmptyValue", "allowReserved"):
            parameter.pop(name, None)
        schema = parameter["schema"]
        schema.pop("description", None)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                (only,) = [each for each in schema.pop(name) if each != {"type": "null"}]
                schema |= only


def _add_headers(response: Json, status: str, *, is_data: bool) -> None:
    names = _OF_DATA if is_data and status in ("200", "304") else ("Cache-Control",)
    response["headers"] = {name: _refer("headers", name) for name in (*names, *_OF_STATUS.get(status, ()))}


def _add_links(operation: Json) -> None:
    links = {
        name: {"operationId": name, "parameters": parameters}
        for name, parameters in LINKS.get(operation["operationId"], {}).items()
    }
    if links:
        success = min(operation["responses"])
        operation["responses"][success]["links"] = links


def _add_example(operation: Json, key: str, example: Json) -> None:
    """Put an example where its parts belong: parameters, body and answer have it under the same key."""
    summary = example["summary"]
    for parameter in operation.get("parameters", []):
        value = example.get("parameters", {}).get(parameter["name"])
        if value is not None:
            parameter.setdefault("examples", {})[key] = {"summary": summary, "value": value}
    if "body" in example:
        (sent,) = operation["requestBody"]["content"].values()
        sent.setdefault("examples", {})[key] = {"summary": summary, "value": example["body"]}
    if "answer" in example:
        answers = operation["responses"][str(example["status"])]["content"]
        answered = answers.get(SCRIPT) if "callback" in example.get("parameters", {}) else None
        answered = answered or next(iter(answers.values()))
        answered.setdefault("examples", {})[key] = {"summary": summary, "value": example["answer"]}


def _refer(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _share_problems(responses: Json, components: Json) -> None:
    """Keep problems, and the answers they come in, where all operations can refer to them."""
    for status, response in responses.items():
        problems = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples")
        if not problems:
            continue
        for name, example in problems.items():
            components["examples"][name] = {"summary": example["summary"], "value": example["value"]}
            problems[name] = _refer("examples", name)
        name = "-or-".join(problems)
        if components["responses"].setdefault(name, response) == response:
            responses[status] = _refer("responses", name)


class DocumentPlugin(OpenAPIRenderPlugin):
    """Serves the document, which is made when it is first asked for."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._encoded = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:  # noqa: ARG002
        """Return the document as JSON."""
        if not self._encoded:
            self._encoded = msgspec.json.encode(build(request.app))
        return self._encoded


def main() -> None:
    """Print the document, sorted, so that two of them can be compared line by line."""
    from marquee.api.app import create_app
    from marquee.engine.cluster import Endpoint
    from marquee.settings import read_settings

    # No engine is asked, and no setting changes the document.
    app = create_app(read_settings({})[0], Endpoint(urls=("http://127.0.0.1:9",)))
    sys.stdout.write(json.dumps(build(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
