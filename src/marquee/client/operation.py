"""An operation of the API as a method of both clients: described once, sent by whoever has it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, Protocol, overload

from marquee.client.call import Call, Item, Listing, T
from marquee.client.following import Following
from marquee.reindex.job import Job

P = ParamSpec("P")


class Waiting(Protocol):
    """A client that waits for answers."""

    def ask(self, call: Call[T], /) -> T:
        """Return the answer."""

    def list_all(self, listing: Listing[Item], /) -> Iterator[Item]:
        """Yield the items."""

    def follow(self, following: Following, /) -> Iterator[Job]:
        """Yield the job whenever it changes."""


class Awaiting(Protocol):
    """A client whose answers are awaited."""

    def ask(self, call: Call[T], /) -> Coroutine[Any, Any, T]:
        """Return the answer."""

    def list_all(self, listing: Listing[Item], /) -> AsyncIterator[Item]:
        """Yield the items."""

    def follow(self, following: Following, /) -> AsyncIterator[Job]:
        """Yield the job whenever it changes."""


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
        return self if client is None else _bind(client.ask, self.describe)


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
        return self if client is None else _bind(client.list_all, self.describe)


class Watch(Generic[P]):
    """A method that follows a job by its events."""

    def __init__(self, operation_id: str, describe: Callable[P, Following]) -> None:
        self.operation_id = operation_id
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type, /) -> Watch[P]: ...
    @overload
    def __get__(self, client: Waiting, owner: type, /) -> Callable[P, Iterator[Job]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type, /) -> Callable[P, AsyncIterator[Job]]: ...
    def __get__(self, client: Any, owner: type, /) -> Any:
        """Return the method of a client."""
        return self if client is None else _bind(client.follow, self.describe)


def _bind(send: Callable[[Any], Any], describe: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(describe)
    def method(*args: Any, **kwargs: Any) -> Any:
        return send(describe(*args, **kwargs))

    return method


def operation(operation_id: str) -> Callable[[Callable[P, Call[T]]], Operation[P, T]]:
    """Make an operation of what describes its call."""
    return lambda describe: Operation(operation_id, describe)
