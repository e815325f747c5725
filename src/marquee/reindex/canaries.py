"""Canaries: real questions to a new generation, before the swap.

They tell what no figure of a build tells (keys that no longer meet, documents loaded but not found), and they
warm the new indexes with what will be asked of them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import Generation
from marquee.engine.mappings import Kind
from marquee.engine.pacing import Pace
from marquee.names import normalise
from marquee.progress import Progress
from marquee.reindex.gate import Check, read_facts
from marquee.search.query import build_popular
from marquee.search.rank import Ranked
from marquee.search.request import SearchRequest
from marquee.search.retrieval import Question, Retrieval
from marquee.settings import Settings

CANARIES = 200
FIRST_HITS = 10
"""Hits among which somebody counts as found: what a page shows."""
NAMES_PER_REQUEST = 5
"""Few enough that the searches of users, who are served by the same threads, get their turn in between."""
TIMEOUT_S = 30.0
"""Nobody waits for these answers, and the first ones come from a cold disk."""
_IDS_PER_REQUEST = 500
_EXAMPLES = 5

Item = TypeVar("Item")


class Person(msgspec.Struct, frozen=True):
    """Somebody to be found."""

    nconst: str
    name: str


async def try_canaries(
    cluster: Cluster,
    settings: Settings,
    live: Generation | None,
    generation: str,
    progress: Progress,
    pace: Pace | None = None,
) -> tuple[Check, ...]:
    """Ask a new generation, complete but not live yet, for what must be there and for whom people look for.

    Args:
        cluster: the engine.
        settings: index_prefix, gate_facts_file and gate_min_canaries are used.
        live: what it is compared with: of those whom the live generation finds, the new one must find nearly
            all. None where nothing comparable is live: then it must find nearly all of its own.
        generation: the new one's id.
        progress: is told how many names have been asked for.

    Raises:
        SettingsError: the file of facts is unusable.
        EngineError: the engine failed, or a generation is gone.
    """
    new = _Asked(cluster, settings.index_prefix, generation)
    checks = []
    if settings.gate_facts_file is not None:
        checks.append(await _check_facts(new, read_facts(settings.gate_facts_file)))
    old = None
    if live is not None and live.readable:
        old = _Asked(cluster, settings.index_prefix, live.id)
    pace = pace or Pace(cluster, settings.index_prefix)
    return (*checks, *await _ask(new, old, settings.gate_min_canaries, progress, pace))


def misspell(name: str) -> str:
    """Return a name as somebody in a hurry types it: always the same slips, "" where nothing is left.

    In every word the first two neighbouring inner letters that differ change places; in a name without any,
    the letter in the middle of the longest word is left out. "Jake Gyllenhaal" → "jkae glylenhaal",
    "Bob Lee" → "bb lee".

    In every word, since a single slip is still found by the near route of a search, which asks nothing of the
    tokens: of the sample's 200 it found all, and of these 29.
    """
    words = normalise(name).split()
    if not words:
        return ""
    slipped = [_swap(word) for word in words]
    if slipped == words:
        longest = max(range(len(words)), key=lambda place: len(words[place]))
        middle = len(words[longest]) // 2
        slipped[longest] = words[longest][:middle] + words[longest][middle + 1 :]
    return " ".join(word for word in slipped if word)


def _swap(word: str) -> str:
    for at in range(1, len(word) - 2):
        if word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word


class _Asked:
    """One generation, asked by the names of its indexes: it need not be live."""

    def __init__(self, cluster: Cluster, prefix: str, generation: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._generation = generation
        self._retrieval = Retrieval(cluster, prefix, generation=generation, timeout_s=TIMEOUT_S, in_turn=True)

    async def find_popular(self) -> list[Person]:
        """Return the most popular people, by popularity and id."""
        # Of those who share the least popularity, it is the index that decides who is among them.
        body = build_popular(CANARIES, ("nconst", "name"))
        index = generations.index_name(self._prefix, "actors", self._generation)
        (hits,) = await self._cluster.search_many([(index, body)], Person, TIMEOUT_S)
        return [hit.source for hit in sorted(hits, key=lambda hit: (-hit.sort[0], hit.id))]

    async def find_hits(self, queries: Sequence[str]) -> list[list[Ranked]]:
        """Return the first hits for each query, none where it holds nothing to search for."""
        keys = {query: SearchRequest(q=query).key for query in queries}
        asked = [query for query, key in keys.items() if key]
        if not asked:
            return [[] for _ in queries]
        _, rankings = await self._retrieval.rank([Question(key=keys[query]) for query in asked])
        hits = {query: ranked[:FIRST_HITS] for query, ranked in zip(asked, rankings, strict=True)}
        return [hits.get(query, []) for query in queries]

    async def find_names(self, kind: Kind, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the names of those documents that exist, by id."""
        index = generations.index_name(self._prefix, kind, self._generation)
        found: dict[str, set[str]] = {}
        for batch in _in_batches(ids, _IDS_PER_REQUEST):
            body = {
                "query": {"ids": {"values": batch}},
                "size": len(batch),
                "_source": ["name", "title", "original_title"],
                "track_total_hits": False,
            }
            (hits,) = await self._cluster.search_many([(index, body)], dict[str, str], TIMEOUT_S)
            found |= {hit.id: set(hit.source.values()) for hit in hits}
        return found


async def _check_facts(new: _Asked, facts: dict[str, str]) -> Check:
    found = await new.find_names("actors", (fact for fact in facts if fact.startswith("nm")))
    found |= await new.find_names("titles", (fact for fact in facts if fact.startswith("tt")))
    lost = [
        Person(fact, name)
        for fact, name in facts.items()
        # Capitals and accents come and go in the files.
        if normalise(name) not in {normalise(each) for each in found.get(fact, ())}
    ]
    detail = f"{len(facts) - len(lost):,} of {len(facts):,} required facts are there"
    share = (len(facts) - len(lost)) / len(facts) if facts else 1.0
    return Check(
        name="required facts", passed=not lost, detail=detail + _name_lost(lost), value=share, limit=1.0
    )


async def _ask(new: _Asked, old: _Asked | None, least: float, progress: Progress, pace: Pace) -> list[Check]:
    """Ask for the most popular people by their names, right and misspelt; `old`: what `new` is compared with.

    Who counts is whom the old one finds. Where there is none, misspelt names have no limit: how many are
    found depends on how alike the names of the catalogue are, and nothing says how many it should be.
    """
    popular = await (old or new).find_popular()
    people = [person for person in popular if normalise(person.name)]
    whose = "the live generation's" if old else "its own"
    progress.start("canaries", 2 * len(people), "docs")
    checks = []
    for name, form, limit in (
        ("canaries", str, least),
        ("misspelt canaries", misspell, least if old else None),
    ):
        asked: list[Person] = []
        lost: list[Person] = []
        for batch in _in_batches(people, NAMES_PER_REQUEST):
            known = batch
            if old is not None:
                async with pace.search():
                    hits = await old.find_hits([form(person.name) for person in batch])
                known = [
                    person for person, found in zip(batch, hits, strict=True) if _is_among(person, found)
                ]
            async with pace.search():
                hits = await new.find_hits([form(person.name) for person in known])
            asked += known
            lost += await _find_lost(new, known, hits, is_compared=old is not None)
            progress.advance(len(batch))
        checks.append(_judge(name, f"{whose} most popular people", asked, lost, limit))
    progress.finish()
    return checks


async def _find_lost(
    new: _Asked, people: Sequence[Person], hits: Sequence[list[Ranked]], *, is_compared: bool
) -> list[Person]:
    """Return those of the people asked for who are not among their hits, nor somebody in their place."""
    missed = [(each, found) for each, found in zip(people, hits, strict=True) if not _is_among(each, found)]
    namesakes = {person.nconst for person, found in missed if _is_borne(person.name, found)}
    if is_compared:
        # Ids are merged now and then: only where one is gone has a namesake taken its place.
        namesakes -= (await new.find_names("actors", namesakes)).keys()
    # Else any will do: in a small or odd catalogue the most popular may be a dozen people of one name.
    return [person for person, _ in missed if person.nconst not in namesakes]


def _is_among(person: Person, hits: Iterable[Ranked]) -> bool:
    return any(hit.actor.nconst == person.nconst for hit in hits)


def _is_borne(name: str, hits: Iterable[Ranked]) -> bool:
    return any(hit.actor.name == name for hit in hits)


def _judge(
    name: str, whose: str, asked: Sequence[Person], lost: Sequence[Person], limit: float | None
) -> Check:
    if not asked:
        return Check(name=name, passed=True, detail=f"of {whose}, nobody can be looked for by name")
    found = len(asked) - len(lost)
    share = found / len(asked)
    detail = f"of {whose}, {found:,} of {len(asked):,} are found ({share:.1%})"
    if limit is not None:
        detail += f"; at least {limit:.1%} must be"
    passed = limit is None or share >= limit
    return Check(name=name, passed=passed, detail=detail + _name_lost(lost), value=share, limit=limit)


def _name_lost(lost: Sequence[Person]) -> str:
    if not lost:
        return ""
    examples = ", ".join(f"{each.name} ({each.nconst})" for each in lost[:_EXAMPLES])
    return f"; lost: {examples}" + (" …" if len(lost) > _EXAMPLES else "")


def _in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
