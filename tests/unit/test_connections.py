"""Connections to a host: used again, given up, ended, and what comes on them piece by piece."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from marquee.engine import connections
from marquee.engine.connections import Answer, Connections

pytestmark = pytest.mark.anyio

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"
BODY = b"abc"
Reaction = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Host:
    """A server that does with each request what it is told to; the last reaction is repeated."""

    def __init__(self) -> None:
        self.port = 0
        self.reactions: list[Reaction] = []
        self.opened = self.asked = 0

    def will(self, *reactions: Reaction) -> None:
        self.reactions = list(reactions)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while await reader.readexactly(len(HEAD + BODY)) == HEAD + BODY:
                self.asked += 1
                await (self.reactions.pop(0) if len(self.reactions) > 1 else self.reactions[0])(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def send(*pieces: bytes, pause_s: float = 0.0, ends: bool = False) -> Reaction:
    async def react(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if ends:
            writer.close()

    return react


def reply(body: bytes, status: int = 200) -> bytes:
    lines = f"HTTP/1.1 {status} X\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: {len(body)}\r\n\r\n"
    return lines.encode() + body


async def say_nothing(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


@asynccontextmanager
async def run_host() -> AsyncIterator[Host]:
    host = Host()
    async with await asyncio.start_server(host.serve, "127.0.0.1", 0) as server:
        host.port = server.sockets[0].getsockname()[1]
        yield host
        server.close()


async def ask(pool: Connections, within_s: float = 5.0) -> Answer:
    return await pool.ask(HEAD, BODY, asyncio.get_running_loop().time() + within_s)


FINE = Answer(200, "Elasticsearch", b"fine")


async def test_one_connection_is_used_again_and_again() -> None:
    async with run_host() as host:
        host.will(send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        for _ in range(5):
            assert await ask(pool) == FINE
        assert (host.opened, host.asked) == (1, 5)
        await asyncio.gather(*(ask(pool) for _ in range(4)))
        assert host.opened <= 4
        pool.close()


CHUNKED = b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "whole",
    [
        reply(b"fine"),
        CHUNKED + b"1\r\nf\r\n3\r\nine\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"fine"),
    ],
    ids=["a length", "chunks", "an announcement"],
)
async def test_an_answer_may_come_in_any_pieces(whole: bytes) -> None:
    async with run_host() as host:
        pool = Connections("127.0.0.1", host.port, None, 10)
        host.will(send(*[whole[at : at + 1] for at in range(len(whole))]))
        assert await ask(pool) == FINE
        host.will(send(whole))
        assert await ask(pool) == FINE
        assert host.opened == 1
        pool.close()


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with run_host() as host:
        host.will(send(b"HTTP/1.0 200 OK\r\nX-Elastic-Product: Elasticsearch\r\n\r\nfi", b"ne", ends=True))
        pool = Connections("127.0.0.1", host.port, None, 10)
        assert await ask(pool) == FINE
        assert await ask(pool) == FINE
        assert host.opened == 2


@pytest.mark.parametrize(
    "broken",
    [b"", reply(b"fine")[:-1], CHUNKED + b"4\r\nfine\r\n", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n"],
    ids=["nothing", "a byte short", "without the last chunk", "no HTTP", "half a head"],
)
async def test_what_breaks_off_is_no_answer(broken: bytes) -> None:
    async with run_host() as host:
        host.will(send(broken, ends=True), send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        with pytest.raises(ConnectionError):
            await ask(pool)
        assert await ask(pool) == FINE, "the next one has a connection of its own"
        pool.close()


async def test_a_host_that_says_close_is_believed() -> None:
    async with run_host() as host:
        host.will(send(reply(b"fine").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        assert [await ask(pool), await ask(pool)] == [FINE, FINE]
        assert host.opened == 2


@pytest.mark.parametrize("late", [b"", b"HTTP/1.1 408 Late\r\n\r\n"], ids=["silently", "saying so"])
async def test_a_connection_that_is_ended_while_idle_is_not_used(late: bytes) -> None:
    async with run_host() as host:
        host.will(send(reply(b"fine"), late, pause_s=0.05, ends=True))
        pool = Connections("127.0.0.1", host.port, None, 10)
        assert await ask(pool) == FINE
        await asyncio.sleep(0.2)
        assert await ask(pool) == FINE
        assert host.opened == 2


async def test_a_connection_that_was_idle_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_IDLE_S", 0.05)
    async with run_host() as host:
        host.will(send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        assert await ask(pool) == FINE
        await asyncio.sleep(0.1)
        assert await ask(pool) == FINE
        assert host.opened == 2
        pool.close()


async def test_who_gives_up_leaves_no_answer_to_the_next() -> None:
    async with run_host() as host:
        host.will(send(b"", reply(b"late"), pause_s=0.2), send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        impatient = asyncio.create_task(ask(pool))
        await asyncio.sleep(0.05)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        with pytest.raises(TimeoutError):
            host.will(send(b"", reply(b"late"), pause_s=0.2), send(reply(b"fine")))
            await ask(pool, within_s=0.05)
        await asyncio.sleep(0.3)
        assert await ask(pool) == FINE
        pool.close()


async def test_who_gives_up_in_the_turn_of_the_answer_leaves_no_connection_behind() -> None:
    async with run_host() as host:
        host.will(send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        asking = asyncio.create_task(ask(pool))
        while not pool._open:  # noqa: ASYNC110 (it is about the very turn)
            await asyncio.sleep(0)
        (connection,) = pool._open
        while connection._answered is not None or not host.asked:  # noqa: ASYNC110
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not connection.is_open
        assert await ask(pool) == FINE
        assert host.opened == 2
        pool.close()


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO", b"HTTP/1.1 2"])
async def test_what_nobody_asked_for_is_nobodys_answer(stray: bytes) -> None:
    async with run_host() as host:
        host.will(send(reply(b"fine") + stray), send(reply(b"fine")))
        pool = Connections("127.0.0.1", host.port, None, 10)
        assert [await ask(pool), await ask(pool)] == [FINE, FINE]
        assert host.opened == 2
        pool.close()


async def test_an_address_that_swallows_everything_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "NEXT_ADDRESS_AFTER_S", 0.1)
    async with run_host() as host:
        with socket.create_server(("127.0.0.2", host.port), backlog=0) as full:
            # Its queue is full: who connects is told nothing.
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            loop = asyncio.get_running_loop()
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", host.port)) for last in (2, 1)
            ]

            async def resolve(name: str, *_: Any, **__: Any) -> Any:
                return found if name == "engine" else await original(name, *_, **__)

            original = loop.getaddrinfo
            monkeypatch.setattr(loop, "getaddrinfo", resolve)
            host.will(send(reply(b"fine")))
            pool = Connections("engine", host.port, None, 10)
            assert await ask(pool) == FINE
            pool.close()
            for each in waiting:
                each.close()


async def test_what_a_crowd_has_left_behind_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_host() as host:
        host.will(send(b"", reply(b"fine"), pause_s=0.05))
        pool = Connections("127.0.0.1", host.port, None, 10)
        await asyncio.gather(*(ask(pool) for _ in range(5)))
        assert len(pool._open) == 5
        monkeypatch.setattr(connections, "MAX_IDLE_S", 0.1)
        host.will(send(reply(b"fine")))
        for _ in range(10):
            await asyncio.sleep(0.05)
            assert await ask(pool) == FINE
        assert len(pool._open) == 1
        pool.close()


async def test_no_more_are_opened_than_allowed_and_who_waits_has_a_deadline() -> None:
    async with run_host() as host:
        host.will(send(b"", reply(b"fine"), pause_s=0.1))
        pool = Connections("127.0.0.1", host.port, None, 2)
        answers = await asyncio.gather(*(ask(pool) for _ in range(6)))
        assert answers == [FINE] * 6
        assert host.opened == 2
        host.will(say_nothing)
        stuck = [asyncio.create_task(ask(pool, within_s=0.3)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await ask(pool, within_s=0.05)
        assert {type(each) for each in await asyncio.gather(*stuck, return_exceptions=True)} == {TimeoutError}
        host.will(send(reply(b"fine")))
        assert await ask(pool) == FINE
        pool.close()


async def test_nobody_there() -> None:
    async with run_host() as host:
        port = host.port
    with pytest.raises(ConnectionRefusedError):
        await ask(Connections("127.0.0.1", port, None, 10))


async def test_at_the_end_what_is_under_way_fails() -> None:
    async with run_host() as host:
        host.will(say_nothing)
        pool = Connections("127.0.0.1", host.port, None, 10)
        asking = asyncio.create_task(ask(pool))
        await asyncio.sleep(0.05)
        pool.close()
        with pytest.raises(ConnectionError):
            await asking
