"""The systems of one section. One that fails is left out from then on, and the others go on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import TypeVar

from benchmarks.error_model import type_plainly
from benchmarks.peers.hosted import HostedPeer
from benchmarks.peers.protocol import Built, Corpus, PeerError, read_people
from benchmarks.peers.registry import Spec, Starter
from benchmarks.runner import OUT

Result = TypeVar("Result")

CANARIES = 20
CANARIES_TO_FIND = 0.5
"""Share of right names that a system must find, each among its first ten. One that does not is set up
wrongly, and its figures would say nothing of it."""


class Lineup:
    """Systems that are up, and those that are not, with the reason."""

    def __init__(self, starter: Starter, specs: Mapping[str, Spec]) -> None:
        self._starter, self._specs = starter, dict(specs)
        self.peers: dict[str, HostedPeer] = {}
        self.built: dict[str, list[Built]] = {}
        self.not_measured: dict[str, str] = {}

    def start(self, corpus: Corpus, builds: int = 1) -> None:
        """Start every system on a corpus; build each index so often, in turns."""
        for name, spec in self._specs.items():
            try:
                self.peers[name] = self._starter.start(name, spec)
            except PeerError as error:
                self.drop(name, str(error))
        for _ in range(builds):
            for name in list(self.peers):
                self.try_with(name, partial(self._build, name, corpus))
        people = [(nconst, name) for nconst, name, _ in read_people(corpus)]
        asked = Random(1).sample(people, min(CANARIES, len(people)))
        for name in list(self.peers):
            self.try_with(name, partial(check_canaries, asked))

    def completing(self) -> list[str]:
        """Return the systems that are up and complete names."""
        return [name for name in self.peers if self._specs[name].completes]

    def try_with(self, name: str, action: Callable[[HostedPeer], Result]) -> Result | None:
        """Do something with a system; None, and the system left out, where it fails or is out already."""
        if name not in self.peers:
            return None
        try:
            return action(self.peers[name])
        except PeerError as error:
            self.drop(name, str(error))
            return None

    def drop(self, name: str, reason: str) -> None:
        """Leave a system out."""
        self.not_measured[name] = reason
        OUT.print(f"  {self._specs[name].title}: {reason}", style="yellow", highlight=False, markup=False)
        if peer := self.peers.pop(name, None):
            peer.close()

    def close(self) -> None:
        """Stop all that are up."""
        for peer in self.peers.values():
            peer.close()
        self.peers.clear()

    def _build(self, name: str, corpus: Corpus, peer: HostedPeer) -> None:
        built = peer.build(corpus)
        self.built.setdefault(name, []).append(built)
        OUT.print(
            f"  {self._specs[name].title}: indexed in {built.seconds:.1f} s", style="dim", highlight=False
        )


def check_canaries(people: list[tuple[str, str]], peer: HostedPeer) -> None:
    """Ask for people by their right names.

    Raises:
        PeerError: too few of them are found.
    """
    found = 0
    for nconst, name in people:
        hits = peer.search(type_plainly(name)).hits
        found += any(hit.nconst == nconst or hit.name == name for hit in hits)
    if found < CANARIES_TO_FIND * len(people):
        raise PeerError(f"found {found} of {len(people)} people by their right names: set up wrongly")


@contextlib.contextmanager
def line_up(starter: Starter, specs: Mapping[str, Spec], corpus: Corpus, builds: int = 1) -> Iterator[Lineup]:
    """Yield the systems with their indexes built; stop them at the end."""
    lineup = Lineup(starter, specs)
    try:
        lineup.start(corpus, builds)
        yield lineup
    finally:
        lineup.close()
