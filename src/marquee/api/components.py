"""The schemas of structs, from msgspec, which encodes them, and from the docstrings under their fields."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from marquee.api.operation import COMPONENTS

Structs = set[type[msgspec.Struct]]


def describe_structs(structs: Structs) -> dict[str, Any]:
    """Return the schemas of structs and of those inside them, by name."""
    _, schemas = msgspec.json.schema_components(structs, ref_template=COMPONENTS + "{name}")
    for struct in _descend(structs):
        _complete(schemas[struct.__name__], struct)
    return schemas


def describe_fields(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstrings under a struct's fields, its bases' included; Python itself keeps none."""
    found: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        if issubclass(each, msgspec.Struct) and each is not msgspec.Struct:
            found |= _read_module(each.__module__).get(each.__name__, {})
    return found


def _descend(structs: Structs) -> Structs:
    """Return the structs and all those inside them."""
    found: Structs = set()
    left: list[Any] = list(msgspec.inspect.multi_type_info(structs))
    while left:
        each = left.pop()
        if isinstance(each, msgspec.inspect.StructType):
            if each.cls not in found:
                found.add(each.cls)
                left += [field.type for field in each.fields]
        else:
            left += [
                getattr(each, name) for name in ("type", "item_type", "value_type") if hasattr(each, name)
            ]
            left += [*getattr(each, "types", ()), *getattr(each, "item_types", ())]
    return found


def _complete(schema: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    docs = describe_fields(struct)
    for name, field in schema["properties"].items():
        if name in docs:
            field.setdefault("description", docs[name])
    config = struct.__struct_config__
    if config.forbid_unknown_fields:
        return  # what is sent: a field that has a default may be left out
    schema["required"] = [
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if field.required or not (config.omit_defaults or field.default is msgspec.UNSET)
    ]
    for field in schema["properties"].values():
        field.pop("default", None)


@cache
def _read_module(name: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {node.name: _read_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _read_class(node: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
