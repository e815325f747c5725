"""A peer's process: answers what `hosted.HostedPeer` asks, until it is told to close or its parent is gone.

python -m benchmarks.peers.host FACTORY OPTIONS    (module:class, and its keyword arguments as JSON)
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import psutil

from benchmarks.peers.protocol import Corpus, Peer, PeerError, RefusedError
from benchmarks.peers.wire import (
    HEAD_BYTES,
    Answered,
    Ask,
    Build,
    Close,
    Hammer,
    Hammered,
    Measure,
    Reply,
    Request,
    length_of,
    send,
)

TRIES = 5
RETRY_AFTER_S = 0.5
"""A question that is refused is put again, as a client does; what that takes counts as its time."""


class Host:
    """Does what requests say with one peer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def handle(self, request: Request) -> Reply:
        """Answer a request; every failure is told in the reply."""
        try:
            match request:
                case Build(folder, people):
                    return Reply(built=self._peer.build(Corpus(folder, people)))
                case Ask():
                    return Reply(answers=[self._ask(request, question) for question in request.questions])
                case Hammer():
                    return Reply(hammered=self._hammer(request))
                case Measure():
                    return Reply(resident_bytes=self._measure())
                case Close():
                    self._peer.close()
        except Exception as error:  # whatever a library raises is this peer's failure, and not the run's
            return Reply(error=describe(error))
        return Reply()

    def _ask(self, request: Ask, question: str) -> Answered:
        started = time.perf_counter()
        for attempt in range(1, TRIES + 1):
            try:
                if request.kind == "search":
                    found = self._peer.search(question, request.limit)
                    return Answered((time.perf_counter() - started) * 1000, search=found)
                completed = self._peer.suggest(question, request.limit)
                return Answered((time.perf_counter() - started) * 1000, suggest=completed)
            except RefusedError:
                if attempt == TRIES:
                    raise
                time.sleep(RETRY_AFTER_S)
        raise AssertionError("the last try returns or raises")

    def _hammer(self, request: Hammer) -> Hammered:
        ask: Callable[[str, int], object] = (
            self._peer.search if request.kind == "search" else self._peer.suggest
        )
        turn, took_ms, failures = count(), list[float](), list[BaseException]()
        refusals: list[RefusedError] = []
        began = time.perf_counter()
        until = began + request.seconds

        def ask_on() -> None:
            try:
                while (started := time.perf_counter()) < until and not failures:
                    try:
                        ask(request.questions[next(turn) % len(request.questions)], request.limit)
                        took_ms.append((time.perf_counter() - started) * 1000)
                    except RefusedError as refusal:
                        refusals.append(refusal)
            except Exception as error:
                failures.append(error)

        clients = [threading.Thread(target=ask_on) for _ in range(request.clients)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        if failures:
            raise failures[0]
        return Hammered(len(took_ms), len(refusals), time.perf_counter() - began, took_ms)

    def _measure(self) -> int:
        return sum(map(resident_bytes, {os.getpid(), *self._peer.server_pids()}))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process: where the system tells, what it shares counts for its share only."""
    try:
        process = psutil.Process(pid)
        try:
            return int(process.memory_full_info().pss)
        except (AttributeError, psutil.AccessDenied):
            return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def describe(error: BaseException) -> str:
    """Return a failure in one line."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, PeerError) else f"{type(error).__name__}: {text}"


def load(factory: str, options: dict[str, Any]) -> Peer:
    """Make the peer that `module:class` names."""
    module, _, name = factory.partition(":")
    made: Peer = getattr(importlib.import_module(module), name)(**options)
    return made


def main() -> None:
    # What a library prints must not come between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it closes this one
    host, failure = None, ""
    try:
        host = Host(load(sys.argv[1], json.loads(sys.argv[2])))
    except Exception as error:
        failure = describe(error)
    requests, decoder = sys.stdin.buffer, msgspec.msgpack.Decoder(Request)
    while True:
        head = requests.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES:  # the parent is gone
            request: Request = Close()
        else:
            request = decoder.decode(requests.read(length_of(head)))
        reply = host.handle(request) if host else Reply(error=failure)
        if head:
            send(answers, reply)
        if isinstance(request, Close):
            return


if __name__ == "__main__":
    main()
