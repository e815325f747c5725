"""A peer in its own process, seen from the scorecard: whatever goes wrong there is a PeerError here."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.peers.protocol import Built, Corpus, PeerError
from benchmarks.peers.wire import (
    HEAD_BYTES,
    Answered,
    Ask,
    Build,
    Close,
    Hammer,
    Hammered,
    Kind,
    Measure,
    Reply,
    Request,
    length_of,
    send,
)
from benchmarks.subject import LIMIT, SUGGEST_LIMIT, SearchReply, SuggestReply

CHECKOUT = Path(__file__).parents[2]
BUILD_TIMEOUT_S = 5400.0
ANSWER_TIMEOUT_S = 60.0
"""For one question, and to say how much memory is used."""
CLOSE_TIMEOUT_S = 30.0


class HostedPeer:
    """A peer's process."""

    def __init__(
        self,
        factory: str,
        options: Mapping[str, Any],
        environ: Mapping[str, str],
        site: Path | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """Start it.

        Args:
            factory: `module:class` of the peer.
            options: its keyword arguments.
            environ: what it finds in its environment beside this process's own.
            site: a folder with packages that it needs.
            answer_timeout_s: how long one question may take.
        """
        paths = [str(CHECKOUT), *([str(site)] if site else [])]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        self._timeout_s = answer_timeout_s
        self._servers: list[psutil.Process] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.host", factory, json.dumps(dict(options))],
            env=os.environ | dict(environ) | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        """The process that answers."""
        return self._process.pid

    def build(self, corpus: Corpus) -> Built:
        """Index a corpus."""
        built = self._call(Build(corpus.folder, corpus.people), BUILD_TIMEOUT_S).built
        with contextlib.suppress(psutil.NoSuchProcess):
            self._servers = psutil.Process(self.pid).children(recursive=True)
        if built is None:
            raise PeerError("said nothing of its index")
        return built

    def ask(self, kind: Kind, questions: Sequence[str]) -> list[Answered]:
        """Return the answers to questions put one after another."""
        limit = LIMIT if kind == "search" else SUGGEST_LIMIT
        request = Ask(kind, list(questions), limit)
        answers = self._call(request, self._timeout_s * max(1, len(questions))).answers
        if len(answers) != len(questions) or any(getattr(each, kind) is None for each in answers):
            raise PeerError(f"answered {len(questions)} questions with {len(answers)} answers")
        return answers

    def search(self, q: str) -> SearchReply:
        """Answer one search."""
        return self.ask("search", [q])[0].search or SearchReply()

    def suggest(self, prefix: str) -> SuggestReply:
        """Answer one suggest."""
        return self.ask("suggest", [prefix])[0].suggest or SuggestReply()

    def hammer(self, kind: Kind, questions: Sequence[str], clients: int, seconds: float) -> Hammered:
        """Return what so many clients got, each asking again at once."""
        limit = LIMIT if kind == "search" else SUGGEST_LIMIT
        request = Hammer(kind, list(questions), limit, clients, seconds)
        hammered = self._call(request, seconds + self._timeout_s * clients).hammered
        if hammered is None or not hammered.answered:
            raise PeerError(f"answered none of {clients} clients")
        return hammered

    def resident_bytes(self) -> int:
        """Return the memory of the process and of the servers that it asks."""
        return self._call(Measure(), self._timeout_s).resident_bytes

    def close(self) -> None:
        """Have it stop and clean up; kill what remains of it."""
        with contextlib.suppress(PeerError):
            if self._process.poll() is None:
                self._call(Close(), CLOSE_TIMEOUT_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_TIMEOUT_S if self._process.poll() is None else 0)
        with contextlib.suppress(psutil.NoSuchProcess):
            self._servers += psutil.Process(self.pid).children(recursive=True)
        if self._process.poll() is None:
            self._process.kill()
        for server in self._servers:  # of a peer that died before it could stop them
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log):
            with contextlib.suppress(OSError):
                file.close()  # type: ignore[union-attr]  # all three are there

    def _call(self, request: Request, timeout_s: float) -> Reply:
        assert self._process.stdin is not None
        deadline = time.monotonic() + timeout_s
        try:
            send(self._process.stdin, request)
            body = self._read(length_of(self._read(HEAD_BYTES, deadline)), deadline)
            reply = msgspec.msgpack.decode(body, type=Reply)
        except TimeoutError:
            self._process.kill()
            raise PeerError(f"gave no answer within {timeout_s:.0f} s") from None
        except OSError:
            raise PeerError(self._describe_end()) from None
        except (ValueError, msgspec.DecodeError) as error:
            self._process.kill()
            raise PeerError(f"answered what is no answer: {error}") from error
        if reply.error is not None:
            raise PeerError(reply.error)
        return reply

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        parts = bytearray()
        while len(parts) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self._process.stdout], [], [], left_s)[0]:
                raise TimeoutError
            got = self._process.stdout.read(count - len(parts))
            if not got:
                raise BrokenPipeError
            parts += got
        return bytes(parts)

    def _describe_end(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.poll()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        return f"its process {how}" + (f": {lines[-1][:200]}" if lines else "")
