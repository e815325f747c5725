"""Making a whole generation live: the gate, the pin, the swap, and the clean-up after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec

from marquee.engine import generations, switch
from marquee.engine.generations import BuildMeta, Generation, SetAside
from marquee.engine.pacing import Pace
from marquee.engine.records import Records
from marquee.errors import ConflictError, EngineError, GateRefusedError
from marquee.progress import Progress
from marquee.reindex import audit, retention
from marquee.reindex.canaries import try_canaries
from marquee.reindex.gate import GateReport, check_build, explain_refusal, is_comparable, read_pass
from marquee.reindex.job import JobRequest
from marquee.reindex.outcome import Outcome
from marquee.reindex.pin import Pin, read_pin
from marquee.reindex.provenance import write_quality
from marquee.reindex.warming import warm
from marquee.settings import Settings

_log = logging.getLogger("marquee.reindex")


class Promotion:
    """The way of one job's generation to the readers, under the lease with the token `fence`."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        fence: str,
        request: JobRequest,
        by: str,
        job: str | None,
        progress: Progress,
        pace: Pace,
    ) -> None:
        self._settings, self._records, self._cluster = settings, records, records.cluster
        self._fence, self._request, self._by, self._job = fence, request, by, job
        self._progress, self._pace = progress, pace

    async def promote(
        self, generation: str, outcome: Outcome, meta: BuildMeta, live: Generation | None, marker: str
    ) -> Outcome:
        """Judge a complete generation where no report lets it pass yet, and make it live.

        A pin holds it back, and so does somebody who made another one live since `marker` was read: it is
        kept, and the outcome's note says so. Either is a decision of people and no failure of the reindex.

        Raises:
            GateRefusedError: it is not good enough; it is kept for inspection.
            LeaseLostError: another process took over; nothing was changed.
            EngineError: the engine failed before the swap was done.
        """
        report = read_pass(meta) or await self._judge(generation, meta, live)
        outcome = msgspec.structs.replace(outcome, gate=report)
        meta = msgspec.structs.replace(meta, gate=msgspec.to_builtins(report), set_aside="", job=self._job)
        if (held := await read_pin(self._records)) is not None:
            outcome = await self._hold_back(generation, outcome, meta, held)
            await self._clean_up(set())
            return outcome
        await self._write(generation, meta)
        await warm(self._cluster, self._records.prefix, generation, self._pace)
        try:
            await _end_uncut(self._make_live(generation, live, marker))
        except ConflictError:
            if (held := await read_pin(self._records)) is not None:  # since it was looked for
                return await self._hold_back(generation, outcome, meta, held)
            note = (
                "not made live: another generation was made live by hand meanwhile. It is kept: "
                f"`marquee rollback {generation}` makes it live"
            )
            return await self._set_aside(generation, outcome, meta, "rolled back", note)
        return msgspec.structs.replace(outcome, swapped=True)

    async def _judge(self, generation: str, meta: BuildMeta, live: Generation | None) -> GateReport:
        """Return the report of a generation that passes the gate, or is forced through it with a reason."""
        measure = live if self._request.compare and is_comparable(meta, live) else None
        checks = (
            *check_build(self._settings, meta, measure),
            *await try_canaries(
                self._cluster, self._settings, measure, generation, self._progress, self._pace
            ),
        )
        reason = self._request.reason.strip()
        report = GateReport.of(
            checks,
            against=measure.id if measure else None,
            # Force alone builds again what is unchanged; who passes the gate's limits says why.
            forced=self._request.force and bool(reason),
        )
        if not report.passed and not report.forced:
            refused = msgspec.structs.replace(meta, gate=msgspec.to_builtins(report), set_aside="refused")
            await self._write(generation, refused)
            await self._clean_up(set())
            raise GateRefusedError(explain_refusal(report, lacks_reason=self._request.force))
        if report.forced:
            async with audit.record(
                self._records,
                "forced gate",
                self._by,
                generation=generation,
                reason=f"{reason}; {explain_refusal(report)}",
                job=self._job,
            ):
                pass
        return report

    async def _hold_back(self, generation: str, outcome: Outcome, meta: BuildMeta, held: Pin) -> Outcome:
        """Keep a good generation for when the pin is taken off."""
        note = f"not made live: {held.generation} is pinned by {held.by}"
        return await self._set_aside(generation, outcome, meta, "held", note)

    async def _set_aside(
        self, generation: str, outcome: Outcome, meta: BuildMeta, why: SetAside, note: str
    ) -> Outcome:
        """Keep a good generation that is not to be live now."""
        await self._write(generation, msgspec.structs.replace(meta, set_aside=why))
        return msgspec.structs.replace(outcome, note=note)

    async def _make_live(self, generation: str, live: Generation | None, marker: str) -> None:
        """Swap, note it, and clean up; once it is swapped in, only a lost lease is an error."""
        try:
            await self._swap(generation, live, marker)
        except ConflictError:
            # A pin that was taken off again moves the marker, too: then nothing was decided against it.
            marker = await switch.read_switch(self._records)
            now = await generations.find_live(self._cluster, self._records.prefix)
            if (now and now.id) != (live and live.id) or await read_pin(self._records) is not None:
                raise
            await self._swap(generation, live, marker)
        try:
            await generations.update_meta(
                self._cluster, self._records.prefix, generation, swapped_at=datetime.now(UTC)
            )
        except EngineError as error:
            _log.warning("%s is live; that could not be recorded of it: %s", generation, error)
        await self._clean_up({live.id} if live else set())

    async def _swap(self, generation: str, live: Generation | None, marker: str) -> None:
        reason = self._request.reason or ("the schedule" if self._request.scheduled else "")
        if live:
            reason = f"{reason} (live before: {live.id})".strip()
        async with audit.record(
            self._records, "swap", self._by, generation=generation, reason=reason, job=self._job
        ):
            await switch.swap(self._records, generation, switch=marker, fence=self._fence)

    async def _write(self, generation: str, meta: BuildMeta) -> None:
        await generations.write_meta(self._cluster, self._records.prefix, generation, meta)
        try:
            await asyncio.to_thread(write_quality, self._settings, generation, meta)
        except OSError as error:
            # The generation holds the report as well; a full disk here makes no failure of it.
            _log.warning("quality.json of %s cannot be written: %s", generation, error)

    async def _clean_up(self, spared: set[str]) -> None:
        """Delete what is not kept any more. The reindex has ended well: the next one may clean up as well."""
        try:
            await retention.remove_surplus(
                self._settings, self._records, self._fence, self._by, self._job, spared
            )
        except EngineError as error:
            _log.warning("old generations are left to the next reindex: %s", error)


async def _end_uncut(work: Coroutine[Any, Any, None]) -> None:
    """Do something to its end. Cancelled meanwhile it counts as done if it was: what has become live must not
    be reported as cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if task.cancelled() or task.exception() is not None:
            raise
        if (current := asyncio.current_task()) is not None:
            current.uncancel()
