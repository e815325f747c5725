"""An operation of the API as a method of both clients: described once, sent by whoever has it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from marquee.client.call import Call, Item, Listing, T

P = ParamSpec("P")


class Waiting(Protocol):
    """A client that waits for answers."""

    def ask(self, call: Call[T], /) -> T:
        """Return the answer."""

    def list_all(self, listing: Listing[Item], /) -> Iterator[Item]:
        """Yield the items."""


class Awaiting(Protocol):
    """A client whose answers are awaited."""

    def ask(self, call: Call[T], /) -> Coroutine[Any, Any, T]:
        """Return the answer."""

    def list_all(self, listing: Listing[Item], /) -> AsyncIterator[Item]:
        """Yield the items."""


Client = TypeVar("Client")


class Operation(Generic[P, T]):
    """A method that makes a call."""

    def __init__(self, operation_id: str, describe: Callable[P, Call[T]]) -> None:
        self.operation_id = operation_id
        """What the OpenAPI document calls it."""
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type, /) -> Operation[P, T]: ...
    @overload
    def __get__(self, client: Waiting, owner: type, /) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type, /) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type, /) -> Any:
        """Return the method of a client."""
        if client is None:
            return self

        @functools.wraps(self.describe)
        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.ask(self.describe(*args, **kwargs))

        return ask


class Each(Generic[P, Item]):
    """A method that iterates over what takes several calls, made as they are needed."""

    def __init__(self, describe: Callable[P, Listing[Item]]) -> None:
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type, /) -> Each[P, Item]: ...
    @overload
    def __get__(self, client: Waiting, owner: type, /) -> Callable[P, Iterator[Item]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type, /) -> Callable[P, AsyncIterator[Item]]: ...
    def __get__(self, client: Any, owner: type, /) -> Any:
        """Return the method of a client."""
        if client is None:
            return self

        @functools.wraps(self.describe)
        def iterate(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.list_all(self.describe(*args, **kwargs))

        return iterate


def operation(operation_id: str) -> Callable[[Callable[P, Call[T]]], Operation[P, T]]:
    """Make an operation of what describes its call."""
    return lambda describe: Operation(operation_id, describe)
