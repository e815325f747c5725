"""From a request struct to its OpenAPI parameters or body, so that the struct is their only description."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, Reference, RequestBody, Schema
from msgspec import Meta

from marquee.errors import NotFoundError, RequestError

# A request has a dozen parameters at most; more are an attack or a mistake.
MAX_PARAMETERS = 50

COMPONENTS = "#/components/schemas/"
"""Where a document keeps the schemas of structs, by their names."""

SLUG = "^[a-z0-9-]{1,64}$"
"""What the ids of our own making look like."""

HEAD_EXTENSION = "marquee.head"
"""Key in the `extensions` of a scope: what is answered as GET was asked as HEAD, and nobody reads a body."""


def list_methods(methods: Iterable[str]) -> str:
    """Return the value of `Allow` for the methods of a route; HEAD is answered wherever GET is."""
    allowed = {*methods}
    if "GET" in allowed:
        allowed.add("HEAD")
    return ", ".join(sorted(allowed))


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest of something."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50


def query_pairs(scope: Any) -> list[tuple[str, str]]:
    """Return the pairs of a scope's query string, empty values included.

    Raises:
        RequestError: the query string holds too many pairs, or bytes that are no UTF-8.
    """
    text = scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except UnicodeDecodeError as error:
        raise RequestError({"query string": "is not UTF-8, percent-encoded"}) from error
    except ValueError as error:
        raise RequestError({"query string": f"holds more than {MAX_PARAMETERS} parameters"}) from error


def check_slug(what: str, text: str) -> str:
    """Return an id of our own making as it stood in a request.

    Raises:
        NotFoundError: none of ours looks like that.
    """
    if not re.fullmatch(SLUG, text):
        raise NotFoundError(f"there is no {what} of this id")
    return text


async def json_body(request: Request[Any, Any, Any]) -> bytes:
    """Return the body; raises HTTPException (415) where it is said to be something else than JSON."""
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415, detail="the body must be application/json")
    return await read_bytes(request)


async def read_bytes(request: Request[Any, Any, Any]) -> bytes:
    """Return the body, whatever it is; raises HTTPException (400) where the client left before its end."""
    try:
        return await request.body()
    except InternalServerException as error:  # which would be logged as a bug of ours
        raise HTTPException(status_code=400, detail="the body ends too early") from error


def operation_for(struct: type[msgspec.Struct]) -> type[Operation]:
    """Return an OpenAPI operation class that documents the fields of `struct` as query parameters."""
    described = [_describe(field) for field in msgspec.structs.fields(struct)]

    @dataclass
    class QueryOperation(Operation):
        def __post_init__(self) -> None:
            parameters: list[Parameter | Reference] = [*(self.parameters or []), *described]
            self.parameters = parameters

    return QueryOperation


def operation_taking(
    struct: type[msgspec.Struct], *, required: bool = True, media_type: str = "application/json"
) -> type[Operation]:
    """Return an OpenAPI operation class that documents `struct`, its `body`, as the body."""

    @dataclass
    class BodyOperation(Operation):
        body: ClassVar[type[msgspec.Struct]] = struct

        def __post_init__(self) -> None:
            schema = Reference(ref=f"{COMPONENTS}{struct.__name__}")
            self.request_body = RequestBody(
                content={media_type: OpenAPIMediaType(schema=schema)}, required=required
            )

    return BodyOperation


def _describe(field: msgspec.structs.FieldInfo) -> Parameter:
    schema = msgspec.json.schema(field.type)
    description = schema.pop("description", None)
    if not field.required:
        schema["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
    return Parameter(
        name=field.name,
        param_in="query",
        required=field.required,
        description=description,
        schema=_to_schema(schema),
    )


_NAMES = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "anyOf": "any_of",
    "contentMediaType": "content_media_type",
}


def _to_schema(schema: dict[str, Any]) -> Schema:
    """Turn the JSON schema of a parameter into the framework's own form of it."""
    values = {_NAMES.get(key, key): value for key, value in schema.items()}
    if "items" in values:
        values["items"] = _to_schema(values["items"])
    if "any_of" in values:
        values["any_of"] = [_to_schema(each) for each in values["any_of"]]
    return Schema(**values)
