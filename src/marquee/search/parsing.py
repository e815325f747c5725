"""From a query string or a JSON body to a struct, with every fault named for who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec

from marquee.errors import RequestError

AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)


def read_pairs(kind: type[AnyStruct], pairs: Iterable[tuple[str, str]]) -> AnyStruct:
    """Build any struct from the pairs of a query string.

    Raises:
        RequestError: names every parameter that is missing, unknown, repeated or out of range.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    fields = _fields_of(kind)
    values: dict[str, Any] = {}
    errors = {name: "is not a parameter of this endpoint" for name in given if name not in fields}
    for name, field in fields.items():
        if name not in given:
            if field.required:
                errors[name] = "is missing"
            continue
        is_list = isinstance(field.default, tuple)
        if not is_list and len(given[name]) > 1:
            errors[name] = "is given more than once"
            continue
        raw = given[name] if is_list else given[name][0]
        try:
            values[name] = msgspec.convert(raw, field.type, strict=False)
        except msgspec.ValidationError as error:
            errors[name] = describe_violation(error)
        else:
            if _is_too_lax(values[name], raw):
                errors[name] = "expected `int`"
    if errors:
        raise RequestError(errors)
    return kind(**values)


def read_body(kind: type[AnyStruct], body: bytes) -> AnyStruct:
    """Build any struct from a JSON body.

    Raises:
        RequestError: names the part that is unusable.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        part = re.search(r" - at `\$\.?(.+)`$", str(error))
        raise RequestError({part[1] if part else "body": describe_violation(error)}) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError({"body": f"is not JSON: {error}"}) from error
    except RecursionError as error:
        raise RequestError({"body": "is nested too deeply"}) from error


def describe_violation(error: msgspec.ValidationError) -> str:
    """Turn msgspec's message into one for who wrote the request: "expected `int` <= 50"."""
    text = re.sub(r" - at `\$.*`$", "", str(error))
    return text[0].lower() + text[1:]


@cache
def _fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    # once per kind: it evaluates the annotations, half a millisecond
    return {field.name: field for field in msgspec.structs.fields(kind)}


def _is_too_lax(value: Any, raw: Any) -> bool:
    """Say whether msgspec read more into a text than we do: "1e1" is no integer, and "null" is not none."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value is None or (is_integer and not re.fullmatch("-?[0-9]+", raw))
