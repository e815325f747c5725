"""The steps of a reindex, from files to swapped aliases. Any failure leaves the aliases where they were.

All of it happens under the lease: `fence` is its token, and every step that changes what is live, or deletes,
is refused by the engine once somebody else has taken the lease over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from marquee.catalog.assemble import Assembly
from marquee.catalog.sources import Source
from marquee.engine import copies, generations, lease, switch
from marquee.engine.cluster import Cluster
from marquee.engine.generations import BuildMeta, Generation
from marquee.engine.pacing import Pace
from marquee.engine.records import Records
from marquee.errors import GateRefusedError, MarqueeError
from marquee.progress import Progress
from marquee.reindex import retention
from marquee.reindex.build import assemble_rows, load_documents
from marquee.reindex.difference import compare
from marquee.reindex.gate import is_judgeable, read_facts, read_pass
from marquee.reindex.identity import name_process
from marquee.reindex.job import JobRequest
from marquee.reindex.outcome import Outcome, describe_known, find_made
from marquee.reindex.promotion import Promotion
from marquee.reindex.provenance import describe_build, read_basis
from marquee.reindex.workspace import Workspace, remove_abandoned
from marquee.settings import Settings

_log = logging.getLogger("marquee.reindex")


async def reindex(
    settings: Settings,
    cluster: Cluster,
    source: Source,
    progress: Progress,
    *,
    force: bool = False,
    reason: str = "",
) -> Outcome:
    """Take the lease in this process, and rebuild.

    Raises:
        LeaseHeldError: another reindex is under way.
        MarqueeError: as `Rebuild.run`.
    """
    records = Records(cluster, settings.index_prefix)
    by = name_process()
    async with lease.hold(records, by, settings.lease_ttl_s) as held:
        request = JobRequest(force=force, reason=reason)
        return await Rebuild(settings, records, held.token, request, by, progress).run(source)


class Rebuild:
    """One reindex under the lease with the token `fence`."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        fence: str,
        request: JobRequest,
        by: str,
        progress: Progress,
        *,
        job: str | None = None,
        on_created: Callable[[str], Any] = lambda _: None,
    ) -> None:
        self._settings, self._records, self._cluster = settings, records, records.cluster
        self._fence, self._request, self._by, self._job = fence, request, by, job
        self._progress, self._on_created = progress, on_created
        self._pace = Pace(self._cluster, records.prefix)
        self._promotion = Promotion(settings, records, fence, request, by, job, progress, self._pace)

    async def run(self, source: Source) -> Outcome:
        """Build a generation, judge it, make it live; nothing is built where the live one is the same.

        Raises:
            SourceError: a file is missing or damaged.
            GateRefusedError: what was built is not good enough; it is kept for inspection.
            LeaseLostError: another process took over; nothing was changed.
            EngineError: the engine failed; the new generation is deleted.
        """
        started = time.monotonic()
        await self._pace.is_busy()  # the load compares with this look
        await asyncio.to_thread(remove_abandoned, self._settings.home)
        await retention.remove_orphans(self._settings, self._records, self._fence, self._by, self._job)
        # Read before anything is decided: the swap happens only if nothing else was made live since.
        marker = await switch.read_switch(self._records)
        every = await generations.list_generations(self._cluster, self._records.prefix)
        live = generations.pick_live(every)
        if (known := find_made(every, self._job)) is None:
            basis = await asyncio.to_thread(read_basis, self._settings, source)
            known = await self._find_known(every, live, basis, source, marker)
        if known is not None:
            return msgspec.structs.replace(known, took_s=round(time.monotonic() - started, 2))
        if self._settings.gate_facts_file:  # what is wrong with it is to be known before the build
            await asyncio.to_thread(read_facts, self._settings.gate_facts_file)
        workspace = await asyncio.to_thread(Workspace, self._settings.home)
        try:
            assembly = await assemble_rows(self._settings, source, workspace, self._progress)
            meta = describe_build(self._settings, source, basis, assembly, self._request.reason)
            counts, note = meta.shown_counts, source.note
            outcome = Outcome(generation="", built=True, swapped=False, counts=counts, took_s=0.0, note=note)
            if self._request.dry_run:
                difference = await compare(
                    self._cluster, self._records.prefix, assembly, live, self._progress
                )
                outcome = msgspec.structs.replace(outcome, built=False, difference=difference)
            else:
                outcome = await self._build(outcome, assembly, meta, live, marker)
        finally:
            await asyncio.to_thread(workspace.close)
        self._progress.finish()
        return msgspec.structs.replace(outcome, took_s=round(time.monotonic() - started, 2))

    async def _find_known(
        self,
        every: Sequence[Generation],
        live: Generation | None,
        basis: str,
        source: Source,
        marker: str,
    ) -> Outcome | None:
        """Return the outcome where a generation holds this source already, None where one is to be built."""
        if self._request.force or self._request.dry_run:
            return None
        if live is not None and live.meta is not None and live.meta.basis == basis:
            await self._confirm(live, source)
            why = source.note or "the source is unchanged"  # what could not be fetched may have changed
            return describe_known(live, f"nothing to do: {why}")
        for each in every:
            is_newer = live is None or each.built_at > live.built_at
            if is_newer and each.complete and each.meta and each.meta.basis == basis:
                known = await self._reuse(each, each.meta, live, marker)
                if known is not None and source.note:
                    known = msgspec.structs.replace(known, note=f"{known.note}; {source.note}")
                return known
        return None

    async def _reuse(
        self, built: Generation, meta: BuildMeta, live: Generation | None, marker: str
    ) -> Outcome | None:
        """Return the outcome where an earlier reindex built this, None where it is to be built again."""
        # Built while another one was pinned, or by a process that died between gate and swap.
        if built.set_aside in ("", "held"):
            if read_pass(meta) is None and not is_judgeable(meta):
                return None
            self._on_created(built.id)
            outcome = describe_known(built, "built by an earlier reindex")
            return await self._promotion.promote(built.id, outcome, meta, live, marker)
        # Nobody asked: what was refused, or rolled back, is not to come again until the source has changed.
        if not self._request.scheduled:
            return None
        if built.set_aside == "refused":
            raise GateRefusedError(
                f"the source is still what {built.id} was built from, which the gate refused: see "
                "`marquee generations`, or build it again with `marquee reindex`"
            )
        return describe_known(built, f"nothing to do: {built.id}, which holds this, was {built.set_aside}")

    async def _build(
        self, outcome: Outcome, assembly: Assembly, meta: BuildMeta, live: Generation | None, marker: str
    ) -> Outcome:
        """Load, judge and swap; what is neither whole nor judged is deleted, and all of it where somebody
        cancels: it would go live by itself at the next look."""
        generation = ""
        try:
            generation = await self._load(assembly, meta)
            outcome = msgspec.structs.replace(outcome, generation=generation)
            return await self._promotion.promote(generation, outcome, meta, live, marker)
        except GateRefusedError:
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._discard(generation))
            raise
        except BaseException:
            await asyncio.shield(self._discard())
            raise

    async def _load(self, assembly: Assembly, meta: BuildMeta) -> str:
        """Load the documents into a new generation, complete but not judged yet; return its id."""
        every = await generations.list_generations(self._cluster, self._records.prefix)
        generation = generations.new_id(every)
        self._on_created(generation)
        await generations.create(
            self._cluster,
            self._records.prefix,
            generation,
            self._settings.shards,
            copies.render_allocation(self._settings.allocation),
        )
        await load_documents(self._settings, self._cluster, assembly, generation, self._progress, self._pace)
        self._progress.start("refresh and check")
        await generations.complete(
            self._cluster,
            self._records.prefix,
            generation,
            # Until the gate has seen it: a crash in between must not leave one to go back to.
            msgspec.structs.replace(meta, set_aside="unjudged"),
            replicas=self._settings.replicas,
        )
        if self._settings.replicas:
            self._progress.start("replicas")
            await copies.settle(self._cluster, self._records.prefix, generation)
        return generation

    async def _discard(self, judged: str = "") -> None:
        """Delete what was begun, and what was `judged` but is not live.

        Why it failed matters more than that this fails: the next run does it.
        """
        try:
            if judged:
                await self._withdraw(judged)
            await retention.remove_orphans(self._settings, self._records, self._fence, self._by, self._job)
        except MarqueeError as error:
            _log.warning("what was begun is left to the next reindex: %s", error)

    async def _withdraw(self, judged: str) -> None:
        every = await generations.list_generations(self._cluster, self._records.prefix)
        chosen = next((each for each in every if each.id == judged and each.set_aside == ""), None)
        if chosen is not None and not chosen.live:
            await generations.update_meta(
                self._cluster, self._records.prefix, judged, set_aside="unjudged", gate={}
            )

    async def _confirm(self, live: Generation, source: Source) -> None:
        """Note that what is live still is what the source publishes: its data are as old as that."""
        # As it stands now: hashing the files took a while, and somebody may have rolled it back meanwhile.
        meta = await generations.read_meta(self._cluster, self._records.prefix, live.id)
        if meta is None or meta.source.confirmed_at >= source.confirmed_at:
            return
        confirmed = msgspec.structs.replace(meta.source, confirmed_at=source.confirmed_at)
        changed = msgspec.structs.replace(meta, source=confirmed)
        await generations.write_meta(self._cluster, self._records.prefix, live.id, changed)
