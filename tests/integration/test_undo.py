"""Rollback, activation and pin against what happens at the same moment, on the real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations, switch
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import Generation
from marquee.engine.lease import Lease
from marquee.engine.records import Records, index_name
from marquee.errors import ConflictError, EngineUnavailableError
from marquee.progress import SILENT
from marquee.reindex import activation, audit, pin, pipeline, retention
from marquee.reindex.job import JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import Rebuild, reindex
from marquee.settings import Settings
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio

TTL_S = 1.0


async def build(own: Settings, cluster: Cluster, folder: Path, name: str) -> str:
    write_files(folder, "Jake Gyllenhaal", name)
    return (await reindex(own, cluster, open_source(folder), SILENT, force=True)).generation


async def find(records: Records, generation: str) -> Generation:
    every = await generations.list_generations(records.cluster, records.prefix)
    return next(each for each in every if each.id == generation)


async def test_a_pin_that_comes_between_the_look_and_the_swap_holds(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await build(own, cluster, tmp_path, "First")

    async def pin_meanwhile(*_: Any) -> int:
        await pin.pin(records, None, "somebody")
        return 0

    monkeypatch.setattr(pipeline, "warm", pin_meanwhile)
    write_files(tmp_path, "Jake Gyllenhaal", "Second")
    made = await reindex(own, cluster, open_source(tmp_path), SILENT, force=True)
    assert (made.swapped, (await find(records, made.generation)).set_aside) == (False, "held")
    assert (await find(records, first)).live


async def test_a_rollback_while_a_look_reads_the_source_is_not_undone(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    second = await build(own, cluster, tmp_path, "Second")
    confirm = Rebuild._confirm

    async def roll_back_first(self: Rebuild, live: Generation, source: Any) -> None:
        await activation.roll_back(records, "somebody")
        await confirm(self, live, source)

    monkeypatch.setattr(Rebuild, "_confirm", roll_back_first)
    await reindex(own, cluster, open_source(tmp_path), SILENT)
    assert (await find(records, second)).set_aside == "rolled back"
    assert (await find(records, first)).live


async def test_a_rollback_that_fails_leaves_no_mark(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(own, cluster, tmp_path, "First")
    second = await build(own, cluster, tmp_path, "Second")

    async def fail(*_: Any, **__: Any) -> None:
        raise EngineUnavailableError("injected")

    monkeypatch.setattr(switch, "swap", fail)
    with pytest.raises(EngineUnavailableError):
        await activation.roll_back(records, "somebody")
    monkeypatch.undo()
    live = await find(records, second)
    assert (live.live, live.set_aside) == (True, "")


async def test_what_the_gate_has_not_judged_is_not_activated(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    await build(own, cluster, tmp_path, "Second")
    await generations.update_meta(cluster, own.index_prefix, first, set_aside="unjudged")
    with pytest.raises(ConflictError, match="not judged"):
        await activation.activate(records, first, "somebody", force=True)


async def test_what_carries_one_of_our_aliases_is_no_orphan(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    index = generations.index_name(own.index_prefix, "titles", first)
    await cluster.request("DELETE", f"/{index}/_alias/{own.index_prefix}-titles")
    found = await find(records, first)
    assert (found.live, found.aliased) == (False, True)
    held = await Lease.take(records, "somebody", 30)
    await retention.remove_orphans(own, records, held.token, "somebody", None)
    assert (await find(records, first)).kinds == found.kinds


async def test_a_full_disk_that_takes_no_records_lets_one_roll_back_and_delete(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    await build(own, cluster, tmp_path, "Second")
    held = await Lease.take(records, "somebody", 30)
    await generations.create(cluster, own.index_prefix, "v1-20200101t000000", shards=1)
    entries = len(await audit.list_entries(records, 100))
    path = f"/{index_name(own.index_prefix)}/_settings"
    block = {"index": {"blocks": {"read_only_allow_delete": True}}}
    await cluster.request("PUT", path, body=block)
    try:
        await retention.remove_orphans(own, records, held.token, "somebody", None)
        await activation.roll_back(records, "somebody", generation=first)
        assert len(await audit.list_entries(records, 100)) == entries, "the log alone has it"
    finally:
        await cluster.request("PUT", path, body={"index": {"blocks": {"read_only_allow_delete": None}}})
    assert (await find(records, first)).live
    every = await generations.list_generations(cluster, own.index_prefix)
    assert "v1-20200101t000000" not in [each.id for each in every]


async def test_a_cancelled_job_whose_worker_is_dead_gives_its_place_up(
    own: Settings, records: Records, endpoint: Endpoint
) -> None:
    jobs = Jobs(records)
    dead = await jobs.request(JobRequest(source="sample"), "tester")
    await Lease.take(records, "dead worker", 1.0, dead.id)
    await jobs.begin(dead, "dead worker")
    await jobs.cancel(dead.id, "somebody")
    job, held = await jobs.request_and_hold(JobRequest(source="sample", attended=True), "me", "me", 1.0)
    assert (await jobs.get(dead.id)).state == "cancelled"
    assert (held.job, (await jobs.get(job.id)).state) == (job.id, "requested")


async def test_writing_an_end_twice_is_no_loss(own: Settings, records: Records) -> None:
    jobs = Jobs(records)
    job = await jobs.begin(await jobs.request(JobRequest(source="sample"), "tester"), "me")
    ended = msgspec.structs.replace(job, state="succeeded")
    assert await jobs.write(ended) == await jobs.write(ended)
