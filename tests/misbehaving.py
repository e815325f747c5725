"""A server that answers each request as a test tells it to, well or not."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Reaction = Callable[[socket.socket], None]
"""What is done with a connection once its request has been read; then it is closed."""


@dataclass
class Misbehaving:
    """What it was asked, and what it does next; the last reaction is repeated."""

    url: str
    reactions: list[Reaction] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Heads of the requests."""
    bodies: list[bytes] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """When each came, by the monotonic clock."""

    def will(self, *reactions: Reaction) -> None:
        self.reactions = list(reactions)


@contextlib.contextmanager
def run_misbehaving() -> Iterator[Misbehaving]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Misbehaving(f"http://127.0.0.1:{listening.getsockname()[1]}")
        accepting = threading.Thread(target=_accept, args=(listening, server), daemon=True)
        accepting.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
    accepting.join(timeout=5)


def _accept(listening: socket.socket, server: Misbehaving) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve, args=(connection, server), daemon=True).start()


def _serve(connection: socket.socket, server: Misbehaving) -> None:
    with connection, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        head, _, body = head.partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n")]
        length = sum(int(value) for name, _, value in lines if name.lower() == b"content-length")
        while len(body) < length:
            body += connection.recv(65536)
        server.asked.append(head.decode())
        server.bodies.append(body)
        server.at.append(time.monotonic())
        react = server.reactions.pop(0) if len(server.reactions) > 1 else server.reactions[0]
        react(connection)


def reply(
    body: bytes | str, status: int = 200, headers: dict[str, str] | None = None, *, missing: int = 0
) -> Reaction:
    """Answer; `missing` is how many bytes more are promised than sent."""
    content = body.encode() if isinstance(body, str) else body
    described = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
    described["Content-Length"] = str(len(content) + missing)
    head = "".join(f"{name}: {value}\r\n" for name, value in described.items())
    return lambda connection: connection.sendall(f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + content)


def refuse(status: int, headers: dict[str, str] | None = None, **members: Any) -> Reaction:
    """Answer with a problem."""
    problem = {"type": f"/problems/{status}", "title": "No", "status": status, "detail": "not now", **members}
    return reply(json.dumps(problem), status, {"Content-Type": "application/problem+json", **(headers or {})})


def cut(_: socket.socket) -> None:
    """Close without a word."""


def hang(connection: socket.socket) -> None:
    """Say nothing until the client goes."""
    connection.settimeout(10)
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """Answer a byte now and then."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def drip_head(connection: socket.socket) -> None:
    """Send the head of an answer a byte now and then, for ten seconds."""
    for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 170:
        connection.sendall(bytes([letter]))
        time.sleep(0.05)


def stream(*chunks: bytes, media_type: str = "text/event-stream", whole: bool = True) -> Reaction:
    """Send chunks; not `whole`: the stream is cut off."""

    def react(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for chunk in chunks:
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if whole:
            connection.sendall(b"0\r\n\r\n")

    return react
