"""Rows in, outcomes into the journal in the same order: names asked in batches, several at a time.

What is held is bounded, however many rows there are: the rows between the first that waits for its answer and
the last that was read, and the answers of the names that were asked last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import msgspec
from cachetools import LRUCache

from marquee.errors import EngineUnavailableError
from marquee.matching.columns import Fields, Outcome
from marquee.matching.journal import Journal
from marquee.matching.questions import Question, understand
from marquee.progress import Progress
from marquee.search.answer import MatchAnswer
from marquee.search.request import MatchRequest

BATCH_NAMES = 50
"""Of a match that may hold 100: a smaller one ends sooner, and its places are shared more evenly."""
GROUP_ROWS = 2_000
"""Rows that wait for one batch at the most: of names that were asked before, a batch has many."""
GROUPS_PER_JOB = 3
"""Batches that wait for the first of them, for each that is under way."""
REMEMBERED = 16_384
"""Answers that are kept, the least recently used go first: an answer with one hit is some 500 bytes."""
# An engine that restarts is back within half a minute; who began a long run does not sit beside it.
RETRY_AFTER_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class Matcher(Protocol):
    """Answers matches: the search of this process, or a service."""

    async def match(self, request: MatchRequest) -> MatchAnswer:
        """Find the bearers of up to 100 names."""


class _Slot:
    """A question, and its outcome as a line of the journal once it was answered."""

    __slots__ = ("line", "question")

    def __init__(self, question: Question | None, line: bytes = b"") -> None:
        self.question, self.line = question, line


class _Group:
    """Consecutive rows, and what of them has to be asked."""

    def __init__(self) -> None:
        self.rows: list[_Slot] = []
        self.asked: list[_Slot] = []

    @property
    def is_full(self) -> bool:
        return len(self.asked) >= BATCH_NAMES or len(self.rows) >= GROUP_ROWS


class Asking:
    """Puts rows to a matcher."""

    def __init__(self, matcher: Matcher, journal: Journal, *, candidates: int, jobs: int) -> None:
        """`candidates` is how many hits are wanted beside the first, `jobs` how many batches at a time."""
        self._matcher, self._journal = matcher, journal
        self._hits, self._jobs = candidates + 1, jobs
        self._places = asyncio.Semaphore(jobs)
        self._remembered: LRUCache[tuple[object, ...], _Slot] = LRUCache(REMEMBERED)
        self._reasons: dict[Outcome, _Slot] = {}
        self.asked = 0
        """How many questions were put."""

    async def run(self, rows: Iterable[Fields], progress: Progress) -> None:
        """Ask all rows, and have the outcomes in the journal.

        Raises:
            EngineError: it could not be asked, also after several tries; the journal has what came before.
            TableError: the rows cannot be read, or the journal not be written.
        """
        waiting: deque[tuple[_Group, asyncio.Task[str] | None]] = deque()
        try:
            group = _Group()
            for fields in rows:
                self._add(group, understand(fields))
                if group.is_full:
                    waiting.append(self._begin(group))
                    group = _Group()
                    await asyncio.sleep(
                        0
                    )  # where nothing had to be asked, Ctrl-C and the answers come in here
                    while len(waiting) > self._jobs * GROUPS_PER_JOB or (waiting and _is_done(waiting[0])):
                        await self._end(*waiting.popleft(), progress)
            waiting.append(self._begin(group))
            while waiting:
                await self._end(*waiting.popleft(), progress)
        finally:
            tasks = [task for _, task in waiting if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, group: _Group, meant: Question | Outcome) -> None:
        if isinstance(meant, Outcome):
            slot = self._reasons.get(meant)
            if slot is None:
                slot = self._reasons[meant] = _Slot(None, msgspec.json.encode(meant))
        else:
            slot = self._remembered.get(meant.identity)
            if slot is None:
                slot = self._remembered[meant.identity] = _Slot(meant)
                group.asked.append(slot)
        group.rows.append(slot)

    def _begin(self, group: _Group) -> tuple[_Group, asyncio.Task[str] | None]:
        return group, asyncio.create_task(self._ask(group.asked)) if group.asked else None

    async def _end(self, group: _Group, task: asyncio.Task[str] | None, progress: Progress) -> None:
        # Whatever a row shares with an earlier group was answered when that one ended.
        generation = await task if task is not None else ""
        self._journal.append([slot.line for slot in group.rows], generation)
        progress.advance(len(group.rows))

    async def _ask(self, slots: list[_Slot]) -> str:
        """Have the slots filled, and return the generation that answered."""
        queries = [slot.question.ask(str(place)) for place, slot in enumerate(slots) if slot.question]
        request = MatchRequest(queries=queries, min_score=0.0, candidates=self._hits)
        async with self._places:
            answer = await self._match(request)
            self.asked += len(slots)
        for place, slot in enumerate(slots):
            result = answer.results[str(place)]
            outcome = Outcome(
                hits=tuple((hit.nconst, hit.name, hit.score) for hit in result.candidates),
                ambiguous=result.ambiguous,
                ignored=slot.question.ignored if slot.question else (),
            )
            slot.line, slot.question = msgspec.json.encode(outcome), None
        return answer.generation

    async def _match(self, request: MatchRequest) -> MatchAnswer:
        for after_s in RETRY_AFTER_S:
            try:
                return await self._matcher.match(request)
            except EngineUnavailableError:
                await asyncio.sleep(after_s)
        return await self._matcher.match(request)


def _is_done(waiting: tuple[_Group, asyncio.Task[str] | None]) -> bool:
    _, task = waiting
    return task is None or task.done()
