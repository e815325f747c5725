"""What a reindex would change: the assembled documents compared with those of the live generation.

Nothing is written to the engine. Digests of the new documents are kept, 20 bytes each; the live ones pass by
page by page, and only the few that become examples are looked at field by field.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from marquee.catalog.assemble import Assembly
from marquee.catalog.digests import Digests
from marquee.catalog.encoding import encode_actors, encode_titles, read_actors, read_titles
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import Generation
from marquee.engine.mappings import Kind
from marquee.engine.scanning import Page, scan
from marquee.progress import Progress

EXAMPLES = 10
"""Documents shown of those added, of those removed and of those changed."""

Document = dict[str, Any]
Value = str | int | float | None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A document that would be added, removed or changed."""

    id: str
    name: str
    """Of a title: its title. Of what would change: the live name."""
    popularity: float
    """0 to 1, as stored; of what would change, the live one."""
    fields: tuple[str, ...] = ()
    """The fields that would change."""
    before: dict[str, Value] = {}
    """The live values of those fields that are one value, not a list."""
    after: dict[str, Value] = {}
    """Their new values."""


class KindDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How the documents of one index would change, in numbers of documents; examples by popularity."""

    added: int
    removed: int
    changed: int
    unchanged: int
    most_popular_added: tuple[Example, ...] = ()
    most_popular_removed: tuple[Example, ...] = ()
    most_popular_changed: tuple[Example, ...] = ()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How a reindex would change what is searched."""

    against: str | None
    """The live generation; None where none is, and all would be added."""
    actors: KindDifference
    titles: KindDifference


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """The new documents of one kind: where they are, and what they are made with."""

    kind: Kind
    id_field: str
    id_prefix: str
    name_field: str
    files: tuple[Path, ...]
    count: int
    encode: Callable[[tuple[Path, ...]], Iterator[tuple[bytes, int]]]
    read: Callable[[tuple[Path, ...], Sequence[str]], dict[str, Document]]


async def compare(
    cluster: Cluster, prefix: str, assembly: Assembly, live: Generation | None, progress: Progress
) -> Difference:
    """Compare assembled documents with the live ones. When cancelled, it ends within one page.

    Raises:
        EngineUnavailableError: the engine is away or did not return all of the live documents.
        EngineNotReadyError: the live generation was deleted.
    """
    actors = _New(
        kind="actors",
        id_field="nconst",
        id_prefix="nm",
        name_field="name",
        files=assembly.actor_files,
        count=assembly.actors,
        encode=encode_actors,
        read=read_actors,
    )
    titles = _New(
        kind="titles",
        id_field="tconst",
        id_prefix="tt",
        name_field="title",
        files=assembly.title_files,
        count=assembly.titles,
        encode=encode_titles,
        read=read_titles,
    )
    return Difference(
        against=live.id if live else None,
        actors=await _compare_kind(cluster, prefix, actors, live, progress),
        titles=await _compare_kind(cluster, prefix, titles, live, progress),
    )


async def _compare_kind(
    cluster: Cluster, prefix: str, new: _New, live: Generation | None, progress: Progress
) -> KindDifference:
    live_count = live.meta.counts[new.kind] if live and live.meta else 0
    progress.start(f"compare {new.kind}", new.count + live_count, "docs")
    comparison = _Comparison(new)
    bodies = new.encode(new.files)
    while count := await asyncio.to_thread(comparison.digest_next, bodies):
        progress.advance(count)
    if live:
        index = generations.index_name(prefix, new.kind, live.id)
        async with contextlib.aclosing(scan(cluster, index)) as pages:
            async for page in pages:
                await asyncio.to_thread(comparison.compare, page)
                progress.advance(len(page))
    difference = await asyncio.to_thread(comparison.conclude)
    progress.finish()
    return difference


class _Comparison:
    """The comparison of one kind under way: counts, and the most popular of what is different so far."""

    def __init__(self, new: _New) -> None:
        self._new = new
        self._digests = Digests(new.id_field, new.id_prefix)
        self._removed = self._changed = self._unchanged = 0
        self._most_popular_removed: Page = []
        self._most_popular_changed: Page = []

    def digest_next(self, bodies: Iterator[tuple[bytes, int]]) -> int:
        """Digest the next new documents; return how many, 0 at the end."""
        body, count = next(bodies, (b"", 0))
        if count:
            self._digests.add(body)
        return count

    def compare(self, page: Page) -> None:
        """Compare live documents with the new ones."""
        matches = self._digests.compare(page)
        removed = [page[position] for position in matches.unknown]
        changed = [page[position] for position in matches.different]
        self._removed += len(removed)
        self._changed += len(changed)
        self._unchanged += len(page) - len(removed) - len(changed)
        self._most_popular_removed = _most_popular(self._most_popular_removed + removed)
        self._most_popular_changed = _most_popular(self._most_popular_changed + changed)

    def conclude(self) -> KindDifference:
        """Return what all the pages came to."""
        added, added_ids = self._digests.find_unmet(EXAMPLES)
        documents = self._new.read(
            self._new.files, added_ids + [each for each, _ in self._most_popular_changed]
        )
        return KindDifference(
            added=added,
            removed=self._removed,
            changed=self._changed,
            unchanged=self._unchanged,
            most_popular_added=tuple(self._show(each, documents[each]) for each in added_ids),
            most_popular_removed=tuple(self._show(*each) for each in self._most_popular_removed),
            most_popular_changed=tuple(
                self._show_change(each, before, documents[each])
                for each, before in self._most_popular_changed
            ),
        )

    def _show(self, doc_id: str, document: Document) -> Example:
        return Example(id=doc_id, name=document[self._new.name_field], popularity=document["popularity"])

    def _show_change(self, doc_id: str, before: Document, after: Document) -> Example:
        fields = tuple(
            name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)
        )
        small = [name for name in fields if _is_value(before.get(name)) and _is_value(after.get(name))]
        return msgspec.structs.replace(
            self._show(doc_id, before),
            fields=fields,
            before={name: before.get(name) for name in small},
            after={name: after.get(name) for name in small},
        )


def _most_popular(documents: Page) -> Page:
    return sorted(documents, key=lambda each: (-each[1]["popularity"], each[0]))[:EXAMPLES]


def _is_value(field: Any) -> bool:
    return not isinstance(field, list | dict)
