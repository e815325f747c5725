"""The two clients. What they ask stands in `reading` and `administration`; here it is sent and waited for."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from marquee.client.administration import Administration
from marquee.client.call import Call, Item, Listing, T
from marquee.client.errors import ClientError, NotUnderstoodError
from marquee.client.following import Following
from marquee.client.patience import Options, Tries, check_status, read_answer
from marquee.client.reading import Reading
from marquee.reindex.job import Job

_BROKEN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


class Client(Reading, Administration):
    """Asks a Marquee service, and waits for each answer. May be used by several threads at once.

    Use it as a context manager, or call `close`. Methods raise what `marquee.client.errors` has.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 2,
        max_retry_wait_s: float = 10.0,
        http: httpx.Client | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            base_url: the service's address, with a path where a proxy puts it below one.
            token: sent as `Authorization: Bearer`, where one is needed.
            timeout_s: seconds that a call may take, all its tries and waits together.
            retries: tries after the first, where the service is overloaded, away or out of reach.
            max_retry_wait_s: seconds to wait for another try at most; where the service wants a longer wait,
                it is not asked again.
            http: what to send with, in place of a client of its own: for certificates, proxies, transports.
                It is left open.

        Raises:
            SettingsError: one of them cannot be used.
        """
        self._options = _make_options(base_url, token, timeout_s, retries, max_retry_wait_s)
        self._http = http or httpx.Client()
        self._is_own = http is None

    def ask(self, call: Call[T]) -> T:
        """Return the answer to a call."""
        tries = Tries(self._options, is_repeatable=call.is_repeatable)
        while True:
            try:
                return self._try(call, tries)
            except ClientError as error:
                wait_s = tries.plan(error)
            time.sleep(wait_s)

    def list_all(self, listing: Listing[Item]) -> Iterator[Item]:
        """Yield what several calls list, asking as it is needed."""
        for call, read in listing:
            yield from read(self.ask(call))

    def follow(self, following: Following) -> Iterator[Job]:
        """Yield a job whenever it changes, until it has ended."""
        tries = Tries(self._options, is_repeatable=True, timeout_s=math.inf)
        while True:
            following.begin()
            try:
                with self._http.stream(**_request(self._options, following.call)) as response:
                    if not response.is_success:
                        response.read()
                    _check_stream(response)
                    for chunk in response.iter_bytes():
                        for job in following.feed(chunk):
                            tries.begin_anew()
                            yield job
                        if following.has_ended:
                            return
                following.check_end()
            except _BROKEN as error:
                wait_s = tries.plan(tries.lost(error))
            except ClientError as error:
                wait_s = tries.plan(error)
            else:
                return
            time.sleep(wait_s)

    def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, call: Call[T], tries: Tries) -> T:
        body = bytearray()
        try:
            with self._http.stream(**_request(self._options, call, tries.left_s)) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    tries.check_time()
        except _BROKEN as error:
            raise _translate(error, tries) from error
        return read_answer(call, response.status_code, response.headers, bytes(body))


class AsyncClient(Reading, Administration):
    """Asks a Marquee service; answers are awaited. Use it as an async context manager, or call `close`.

    Methods raise what `marquee.client.errors` has.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 2,
        max_retry_wait_s: float = 10.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Connect to nothing yet; arguments and errors are those of `Client`."""
        self._options = _make_options(base_url, token, timeout_s, retries, max_retry_wait_s)
        self._http = http or httpx.AsyncClient()
        self._is_own = http is None

    async def ask(self, call: Call[T]) -> T:
        """Return the answer to a call."""
        tries = Tries(self._options, is_repeatable=call.is_repeatable)
        while True:
            try:
                return await self._try(call, tries)
            except ClientError as error:
                wait_s = tries.plan(error)
            await asyncio.sleep(wait_s)

    async def list_all(self, listing: Listing[Item]) -> AsyncIterator[Item]:
        """Yield what several calls list, asking as it is needed."""
        for call, read in listing:
            for item in read(await self.ask(call)):
                yield item

    async def follow(self, following: Following) -> AsyncIterator[Job]:
        """Yield a job whenever it changes, until it has ended."""
        tries = Tries(self._options, is_repeatable=True, timeout_s=math.inf)
        while True:
            following.begin()
            try:
                async with self._http.stream(**_request(self._options, following.call)) as response:
                    if not response.is_success:
                        await response.aread()
                    _check_stream(response)
                    async for chunk in response.aiter_bytes():
                        for job in following.feed(chunk):
                            tries.begin_anew()
                            yield job
                        if following.has_ended:
                            return
                following.check_end()
            except _BROKEN as error:
                wait_s = tries.plan(tries.lost(error))
            except ClientError as error:
                wait_s = tries.plan(error)
            else:
                return
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _try(self, call: Call[T], tries: Tries) -> T:
        body = bytearray()
        try:
            # httpx counts each wait by itself: a head that comes byte by byte would take for ever.
            async with (
                asyncio.timeout(tries.left_s),
                self._http.stream(**_request(self._options, call, tries.left_s)) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
        except TimeoutError as error:
            raise tries.late() from error
        except _BROKEN as error:
            raise _translate(error, tries) from error
        return read_answer(call, response.status_code, response.headers, bytes(body))


def _make_options(
    base_url: str, token: str | None, timeout_s: float, retries: int, max_retry_wait_s: float
) -> Options:
    return Options(
        base_url=base_url.rstrip("/"),
        token=token,
        timeout_s=timeout_s,
        retries=retries,
        max_retry_wait_s=max_retry_wait_s,
    )


def _request(options: Options, call: Call[Any], timeout_s: float | None = None) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": options.base_url + call.path,
        "content": call.body,
        "headers": options.headers | call.headers,
        "timeout": options.timeout_s if timeout_s is None else timeout_s,
        "follow_redirects": False,  # the token would go elsewhere
    }


def _check_stream(response: httpx.Response) -> None:
    """Raise what keeps events from coming; the body of what was refused has been read."""
    check_status(response.status_code, response.headers, b"" if response.is_success else response.content)
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        raise NotUnderstoodError("the answer is no stream of events: is the address Marquee's?")


def _translate(error: Exception, tries: Tries) -> ClientError:
    return tries.late() if isinstance(error, httpx.TimeoutException) else tries.lost(error)
