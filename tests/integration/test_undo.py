"""Rollback, activation and pin against what happens at the same moment, on the real engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import generations, lease, switch
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.generations import Generation, SetAside
from marquee.engine.lease import Lease
from marquee.engine.records import Records, index_name
from marquee.errors import ConflictError, EngineUnavailableError, GateRefusedError
from marquee.progress import SILENT
from marquee.reindex import activation, audit, pin, promotion, retention
from marquee.reindex.gate import Check
from marquee.reindex.job import JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.outcome import Outcome
from marquee.reindex.pipeline import Rebuild, reindex
from marquee.settings import Settings
from tests.flood import full_disk
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio

TTL_S = 1.0


async def build(own: Settings, cluster: Cluster, folder: Path, name: str) -> str:
    """Build a generation with somebody else in it; force is for the canaries, who miss the one before."""
    write_files(folder, "Jake Gyllenhaal", name)
    return (await reindex(own, cluster, open_source(folder), SILENT, force=True, reason="a test")).generation


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

    monkeypatch.setattr(promotion, "warm", pin_meanwhile)
    write_files(tmp_path, "Jake Gyllenhaal", "Second")
    made = await reindex(own, cluster, open_source(tmp_path), SILENT, force=True, reason="a test")
    assert (made.swapped, (await find(records, made.generation)).set_aside) == (False, "held")
    assert (await find(records, first)).live


async def test_a_pin_that_was_taken_off_before_the_swap_is_no_hindrance(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(own, cluster, tmp_path, "First")

    async def pin_and_unpin(*_: Any) -> int:
        await pin.pin(records, None, "somebody")
        await pin.unpin(records, "somebody")
        return 0

    monkeypatch.setattr(promotion, "warm", pin_and_unpin)
    write_files(tmp_path, "Jake Gyllenhaal", "Second")
    made = await reindex(own, cluster, open_source(tmp_path), SILENT, force=True, reason="a test")
    assert made.swapped
    assert (await find(records, made.generation)).live


async def test_a_rollback_while_another_one_is_built_is_no_failure_and_holds(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    await build(own, cluster, tmp_path, "Second")

    async def roll_back_meanwhile(*_: Any) -> int:
        await activation.roll_back(records, "somebody")
        return 0

    monkeypatch.setattr(promotion, "warm", roll_back_meanwhile)
    write_files(tmp_path, "Jake Gyllenhaal", "Third")
    made = await reindex(own, cluster, open_source(tmp_path), SILENT, force=True, reason="a test")
    assert (made.built, made.swapped) == (True, False)
    assert f"`marquee rollback {made.generation}` makes it live" in made.note
    assert (await find(records, made.generation)).set_aside == "rolled back"
    assert (await find(records, first)).live


def move_switch_before_deletions(monkeypatch: pytest.MonkeyPatch, records: Records, times: int) -> None:
    """Move the switch, as a pin or a rollback does, right before each of the next deletions."""
    delete, left = switch.delete, [None] * times

    async def move_and_delete(*arguments: Any, **named: Any) -> None:
        if left:
            left.pop()
            await switch.renew(records)
        await delete(*arguments, **named)

    monkeypatch.setattr(switch, "delete", move_and_delete)


@pytest.mark.parametrize(("times", "is_left"), [(1, False), (2, True)])
async def test_a_clean_up_that_loses_a_race_looks_again_once_and_never_fails(
    cluster: Cluster,
    own: Settings,
    records: Records,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    times: int,
    is_left: bool,
) -> None:
    await build(own, cluster, tmp_path, "First")
    orphan = "v1-20200101t000000"
    await generations.create(cluster, own.index_prefix, orphan, shards=1)
    move_switch_before_deletions(monkeypatch, records, times)
    made = await reindex(own, cluster, open_source(tmp_path), SILENT)
    assert made.note == "nothing to do: the source is unchanged"
    every = await generations.list_generations(cluster, own.index_prefix)
    assert (orphan in [each.id for each in every]) == is_left
    assert ("is left to the next clean-up" in caplog.text) == is_left


async def test_what_is_pinned_while_it_is_to_be_cleaned_up_is_kept(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    for name in ("Second", "Third"):
        await build(msgspec.structs.replace(own, keep_generations=9), cluster, tmp_path, name)
    held = await Lease.take(records, "somebody", 30)
    delete = switch.delete

    async def pin_and_delete(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(switch, "delete", delete)
        await pin.pin(records, first, "somebody")
        await delete(*arguments, **named)

    monkeypatch.setattr(switch, "delete", pin_and_delete)
    await retention.remove_surplus(own, records, held.token, "somebody", None)
    assert (await find(records, first)).complete


# What is begun twice, cut off or found again


async def rebuild(
    own: Settings, records: Records, folder: Path, job: str | None = "job", **asked: Any
) -> Outcome:
    async with lease.hold(records, "me", own.lease_ttl_s) as held:
        request = JobRequest(reason="a test", **asked)
        return await Rebuild(own, records, held.token, request, "me", SILENT, job=job).run(
            open_source(folder)
        )


async def count_swaps(records: Records) -> int:
    return len([each for each in await audit.list_entries(records, 100) if each.action == "swap"])


async def test_a_forced_job_that_is_begun_again_after_its_swap_is_done_already(
    own: Settings, records: Records, tmp_path: Path
) -> None:
    write_files(tmp_path, "Jake Gyllenhaal", "First")
    made = await rebuild(own, records, tmp_path, force=True)
    again = await rebuild(own, records, tmp_path, force=True)
    assert (again.generation, again.built, again.swapped, again.counts) == (
        made.generation, True, True, made.counts,
    )  # fmt: skip
    assert again.gate == made.gate
    assert await count_swaps(records) == 1
    other = await rebuild(own, records, tmp_path, "another job", force=True)
    assert other.generation != made.generation


async def test_a_job_that_is_begun_again_does_not_undo_a_rollback_of_what_it_made(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path
) -> None:
    first = await build(own, cluster, tmp_path, "First")
    write_files(tmp_path, "Jake Gyllenhaal", "Second")
    made = await rebuild(own, records, tmp_path, force=True)
    await activation.roll_back(records, "somebody")
    again = await rebuild(own, records, tmp_path, force=True)
    assert (again.generation, again.swapped) == (made.generation, True)
    assert "gone back from by hand" in again.note
    assert (await find(records, first)).live


async def test_a_cancellation_at_the_swap_comes_too_late(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, "Jake Gyllenhaal", "First")
    request, reached = Cluster.request, asyncio.Event()

    async def linger(self: Cluster, method: str, path: str, *, body: Any = None, **named: Any) -> Any:
        if path == "/_aliases" and any("actors" in str(each.get("add")) for each in body["actions"]):
            reached.set()
            await asyncio.sleep(1)
        return await request(self, method, path, body=body, **named)

    monkeypatch.setattr(Cluster, "request", linger)
    running = asyncio.create_task(rebuild(own, records, tmp_path))
    await asyncio.wait_for(reached.wait(), 60)
    running.cancel()
    made = await running
    assert made.swapped
    found = await find(records, made.generation)
    assert found.live
    assert found.meta
    assert found.meta.swapped_at is not None


async def test_a_cancellation_at_a_swap_that_fails_is_one(
    own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, "Jake Gyllenhaal", "First")
    reached = asyncio.Event()

    async def fail(*_: Any, **__: Any) -> None:
        reached.set()
        await asyncio.sleep(1)
        raise EngineUnavailableError("injected")

    monkeypatch.setattr(switch, "swap", fail)
    running = asyncio.create_task(rebuild(own, records, tmp_path))
    await asyncio.wait_for(reached.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    every = await generations.list_generations(records.cluster, records.prefix)
    assert not any(each.live for each in every)


async def test_what_cannot_be_noted_after_the_swap_makes_no_failure_of_it(
    own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, "Jake Gyllenhaal", "First")

    async def fail(*_: Any, **__: Any) -> None:
        raise EngineUnavailableError("injected")

    monkeypatch.setattr(generations, "update_meta", fail)
    made = await rebuild(own, records, tmp_path)
    monkeypatch.undo()
    assert made.swapped
    assert (await find(records, made.generation)).live


async def hold_one_back(own: Settings, records: Records, folder: Path) -> Generation:
    """Build a second generation while the first is pinned, and take the pin off."""
    await build(own, records.cluster, folder, "First")
    await pin.pin(records, None, "somebody")
    write_files(folder, "Jake Gyllenhaal", "Second")
    made = await rebuild(own, records, folder, force=True)
    await pin.unpin(records, "somebody")
    found = await find(records, made.generation)
    assert found.set_aside == "held"
    return found


async def test_what_was_held_back_is_warmed_swapped_and_cleaned_up_after(
    own: Settings, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await hold_one_back(own, records, tmp_path)
    old = "v1-20200101t000000"
    await generations.create(records.cluster, own.index_prefix, old, shards=1)
    assert held.meta
    done = msgspec.structs.replace(held.meta, set_aside="", job=None)
    await generations.write_meta(records.cluster, own.index_prefix, old, done)
    warmed, judged = list[str](), list[str]()

    async def warm(_: Cluster, __: str, generation: str, ___: Any) -> int:
        warmed.append(generation)
        return 0

    async def judge(*arguments: Any) -> tuple[()]:
        judged.append(arguments[3])
        return ()

    monkeypatch.setattr(promotion, "warm", warm)
    monkeypatch.setattr(promotion, "try_canaries", judge)
    made = await rebuild(own, records, tmp_path, "later")
    assert (made.generation, made.built, made.swapped) == (held.id, False, True)
    assert (warmed, judged) == ([held.id], []), "its report stands"
    left = await generations.list_generations(records.cluster, records.prefix)
    assert old not in [each.id for each in left]
    found = await find(records, held.id)
    assert found.meta
    assert (found.live, found.set_aside, found.meta.job) == (True, "", "later")
    assert found.meta.swapped_at is not None


@pytest.mark.parametrize("set_aside", ["", "held"])
@pytest.mark.parametrize("gate", [{}, {"passed": False, "forced": False, "against": None, "checks": []}])
async def test_what_no_report_lets_pass_is_judged_before_it_is_swapped_in(
    own: Settings,
    records: Records,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_aside: SetAside,
    gate: dict[str, Any],
) -> None:
    held = await hold_one_back(own, records, tmp_path)
    await generations.update_meta(records.cluster, records.prefix, held.id, gate=gate, set_aside=set_aside)

    async def refuse(*_: Any) -> tuple[Check, ...]:
        return (Check(name="canaries", passed=False, detail="injected"),)

    monkeypatch.setattr(promotion, "try_canaries", refuse)
    with pytest.raises(GateRefusedError, match="injected"):
        await rebuild(own, records, tmp_path, "later")
    found = await find(records, held.id)
    assert (found.live, found.set_aside) == (False, "refused")


async def test_what_no_report_lets_pass_and_cannot_be_judged_is_built_again(
    own: Settings, records: Records, tmp_path: Path
) -> None:
    await build(own, records.cluster, tmp_path, "First")
    await pin.pin(records, None, "somebody")
    write_files(tmp_path, "Jake Gyllenhaal", "First", "Second")
    held = await rebuild(own, records, tmp_path)
    await pin.unpin(records, "somebody")
    changes: dict[str, Any] = {"gate": {}, "quality": {"of": "another release"}}
    await generations.update_meta(records.cluster, records.prefix, held.generation, **changes)
    made = await rebuild(own, records, tmp_path, "later")
    assert (made.built, made.swapped, made.generation != held.generation) == (True, True, True)


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
        await activation.activate(records, first, "somebody", "a test", force=True)


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
    async with full_disk(cluster, index_name(own.index_prefix)):
        await retention.remove_orphans(own, records, held.token, "somebody", None)
        await activation.roll_back(records, "somebody", generation=first)
        assert len(await audit.list_entries(records, 100)) == entries, "the log alone has it"
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
