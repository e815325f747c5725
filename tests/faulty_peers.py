"""Peers that fail in one way each, to be hosted like the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import cast

from benchmarks.peers.protocol import Built, Corpus, PeerError, RefusedError, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply


class Sound:
    """Finds people by their very names; what the others break."""

    def __init__(self, at: int = 0) -> None:
        self._people: dict[str, Person] = {}
        self._left = at
        self._lock = threading.Lock()

    def build(self, corpus: Corpus) -> Built:
        self._people = {fold(name): Person(nconst, name) for nconst, name, _ in read_people(corpus)}
        return Built(0.1, 10)

    def search(self, q: str, limit: int) -> SearchReply:
        with self._lock:  # several clients count down together
            self._left -= 1
            if self._left == 0:
                self.fail()
        return SearchReply([found][:limit] if (found := self._people.get(fold(q))) else [])

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        key = fold(prefix)
        return SuggestReply([each for name, each in self._people.items() if name.startswith(key)][:limit])

    def fail(self) -> None:
        """Do what this peer does at the search number `at`."""

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        pass


class Unstartable(Sound):
    def __init__(self) -> None:
        super().__init__()
        raise PeerError("the licence has run out")


class Unbuildable(Sound):
    def build(self, corpus: Corpus) -> Built:
        raise OSError(28, "No space left on device")


class Dies(Sound):
    """Its process ends in the middle of a search."""

    def fail(self) -> None:
        sys.stderr.write("Segmentation fault, says the library\n")
        sys.stderr.flush()
        os._exit(3)


class Hangs(Sound):
    def fail(self) -> None:
        time.sleep(600)


class Raises(Sound):
    def fail(self) -> None:
        raise ConnectionResetError("the server went away")


class Refuses(Sound):
    """Has too much to do now and then, or for good."""

    def __init__(self, at: int = 0, forever: bool = False) -> None:
        super().__init__(at)
        self._forever = forever

    def search(self, q: str, limit: int) -> SearchReply:
        if self._forever:
            self.fail()
        return super().search(q, limit)

    def fail(self) -> None:
        self._left = 3
        raise RefusedError("too much at once")


class Babbles(Sound):
    """Writes to its parent what is no message."""

    def fail(self) -> None:
        # Where the host keeps the way to its parent, see `host.main`.
        for number in range(3, 20):
            try:
                os.write(number, b"%PDF-1.7 " * 100)
            except OSError:
                continue


class AnswersNonsense(Sound):
    """Returns something else than people."""

    def search(self, q: str, limit: int) -> SearchReply:
        return cast(SearchReply, {"took": 3, "hits": "many"})


class FindsNobody(Sound):
    """Answers every search with somebody else."""

    def search(self, q: str, limit: int) -> SearchReply:
        return SearchReply([Person("nm0", "Somebody Else")])


class LeavesServer(Sound):
    """Has a server beside it that it can no longer stop when its process dies."""

    def build(self, corpus: Corpus) -> Built:
        self._server = subprocess.Popen(["sleep", "600"])
        return super().build(corpus)

    def server_pids(self) -> list[int]:
        return [self._server.pid]

    def fail(self) -> None:
        os._exit(1)
