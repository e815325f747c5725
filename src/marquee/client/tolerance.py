"""Answers of a newer service: fields that are unknown here are passed over, and so must unknown words be.

Within `/v1` a word may be added to an enumeration at any time. The structs of the service name the words they
know, as a service must; a client reads any.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Hashable
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from marquee.client.rendering import RENDERINGS

T = TypeVar("T")


def tolerate(kind: type[T]) -> type[T]:
    """Return what an answer is decoded as: the type itself, or one that takes any word and renders as HTML.

    Constraints are dropped as well: a higher limit is none of the client's business.
    """
    return cast("type[T]", _loosen(cast("Hashable", kind)))


@functools.cache
def _loosen(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _derive(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _loosen(parts[0])
    if origin is Literal:
        return str
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_loosen, parts))
    if origin is not None and parts:
        return origin[tuple(each if each is ... else _loosen(each) for each in parts)]
    return hint


def _derive(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    hints = get_type_hints(struct, include_extras=True)
    changed: list[Any] = [
        (each.name, loose, _default_of(each))
        for each in msgspec.structs.fields(struct)
        if (loose := _loosen(hints[each.name])) != hints[each.name]
    ]
    rendering = RENDERINGS.get(struct)
    if not changed and rendering is None:
        return struct
    config = struct.__struct_config__
    # Pickled by what it is derived from: nobody finds a class that is made here by its name.
    namespace: dict[str, Any] = {
        "__doc__": struct.__doc__,
        "__reduce__": functools.partialmethod(_reduce, struct),
    }
    if rendering is not None:
        namespace["_repr_html_"] = rendering
    return msgspec.defstruct(
        struct.__name__,
        changed,
        bases=(struct,),
        namespace=namespace,
        module=struct.__module__,
        frozen=config.frozen,
        kw_only=True,
        omit_defaults=config.omit_defaults,
    )


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return msgspec.field(default=field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.field()


def _reduce(answer: msgspec.Struct, struct: type[msgspec.Struct]) -> tuple[Any, ...]:
    return _rebuild, (struct, {name: getattr(answer, name) for name in answer.__struct_fields__})


def _rebuild(struct: type[msgspec.Struct], values: dict[str, Any]) -> msgspec.Struct:
    return tolerate(struct)(**values)
