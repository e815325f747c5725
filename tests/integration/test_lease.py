"""The lease on the real engine: one holder, taken over only from the silent, fenced by the engine itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from marquee.engine import generations, lease, markers, switch
from marquee.engine.cluster import Cluster
from marquee.engine.generations import Generation
from marquee.engine.lease import Lease, Watch
from marquee.engine.mappings import KINDS
from marquee.engine.records import Records, index_name
from marquee.errors import (
    ConflictError,
    EngineConflictError,
    EngineError,
    EngineNotReadyError,
    EngineRejectedError,
    EngineUnavailableError,
    LeaseHeldError,
    LeaseLostError,
)
from marquee.settings import Settings
from tests.conftest import remove_indexes

pytestmark = pytest.mark.anyio

TTL_S = 1.0
FIRST, SECOND = "v1-20260101t000000", "v1-20260102t000000"


@pytest.fixture
async def records(cluster: Cluster, settings: Settings) -> AsyncIterator[Records]:
    prefix = f"{settings.index_prefix}-lease"
    yield Records(cluster, prefix)
    await remove_indexes(cluster, prefix)


async def take_over(records: Records) -> Lease:
    """Take the lease from a holder that is silent, as another process would."""
    watch = Watch()
    state, _ = await lease.read(records)
    watch.is_expired(state)
    await asyncio.sleep(state.ttl_s + 0.1)
    return await Lease.take(records, "second", TTL_S, state.job, watch)


async def make_generation(records: Records, generation: str) -> Generation:
    await generations.create(records.cluster, records.prefix, generation, shards=1)
    return Generation(id=generation, live=False, complete=True, meta=None)


async def test_who_holds_it_keeps_others_out(records: Records) -> None:
    await Lease.take(records, "first", TTL_S)
    with pytest.raises(LeaseHeldError, match="held by first"):
        await Lease.take(records, "second", TTL_S)


async def test_of_many_who_take_it_at_once_one_gets_it(records: Records) -> None:
    await records.ensure()
    taken = await asyncio.gather(
        *(Lease.take(records, f"holder {n}", TTL_S) for n in range(12)), return_exceptions=True
    )
    (held,) = [each for each in taken if isinstance(each, Lease)]
    assert all(isinstance(each, LeaseHeldError) for each in taken if each is not held)
    assert await markers.read_marker(records, "fence") == held.token


async def test_a_holder_that_beats_is_not_taken_over(records: Records) -> None:
    async with lease.hold(records, "first", TTL_S):
        await asyncio.sleep(2 * TTL_S)
        with pytest.raises(LeaseHeldError):
            await lease.take_when_free(records, "second", TTL_S)


async def test_a_silent_holder_is_taken_over_after_its_time(records: Records) -> None:
    first = await Lease.take(records, "first", TTL_S)
    began = time.monotonic()
    second = await lease.take_when_free(records, "second", TTL_S)
    assert TTL_S <= time.monotonic() - began < TTL_S + 2
    assert second.token != first.token
    with pytest.raises(LeaseLostError):
        await first.beat()


async def test_no_wall_clock_decides(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    await Lease.take(records, "first", 60)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # a contender whose clock is seventy years ahead
    watch = Watch()
    for _ in range(3):
        state, _ = await lease.read(records)
        assert not watch.is_expired(state)
        await asyncio.sleep(0.05)


async def test_a_release_lets_the_next_one_in(records: Records) -> None:
    async with lease.hold(records, "first", TTL_S):
        pass
    await Lease.take(records, "second", TTL_S)


async def test_who_was_taken_over_releases_nothing(records: Records) -> None:
    first = await Lease.take(records, "first", TTL_S)
    await take_over(records)
    await first.release()
    state, _ = await lease.read(records)
    assert state.holder == "second"


async def test_who_was_taken_over_cannot_swap(records: Records) -> None:
    first = await Lease.take(records, "first", TTL_S)
    for generation in (FIRST, SECOND):
        await make_generation(records, generation)
    await switch.swap(records, FIRST, switch=await switch.read_switch(records), fence=first.token)
    await take_over(records)
    with pytest.raises(LeaseLostError):
        await switch.swap(records, SECOND, switch=await switch.read_switch(records), fence=first.token)
    assert await generations.resolve(records.cluster, records.prefix) == FIRST


async def test_who_was_taken_over_cannot_delete(records: Records) -> None:
    first = await Lease.take(records, "first", TTL_S)
    doomed = await make_generation(records, FIRST)
    await take_over(records)
    with pytest.raises(LeaseLostError):
        await switch.delete(records, [doomed], switch=await switch.read_switch(records), fence=first.token)
    (left,) = await generations.list_generations(records.cluster, records.prefix)
    assert left.kinds == tuple(sorted(KINDS))


async def test_who_was_stopped_while_he_took_it_cannot_put_his_fence_over_a_later_one(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    move = Lease._move_fence

    async def stop_before(self: Lease) -> None:
        if not reached.is_set():
            reached.set()
            await go_on.wait()
        await move(self)

    monkeypatch.setattr(Lease, "_move_fence", stop_before)
    first = asyncio.create_task(Lease.take(records, "first", TTL_S))
    await reached.wait()
    second = await take_over(records)
    go_on.set()
    with pytest.raises(LeaseLostError):
        await first
    assert await markers.read_marker(records, "fence") == second.token


async def test_a_rollback_meanwhile_makes_a_deletion_fail_rather_than_delete_what_is_live(
    records: Records,
) -> None:
    held = await Lease.take(records, "first", TTL_S)
    old = await make_generation(records, FIRST)
    await make_generation(records, SECOND)
    await switch.swap(records, SECOND, switch=await switch.read_switch(records))
    decided = await switch.read_switch(records)
    await switch.swap(records, FIRST, switch=decided)
    with pytest.raises(ConflictError, match="made live meanwhile"):
        await switch.delete(records, [old], switch=decided, fence=held.token)
    assert await generations.resolve(records.cluster, records.prefix) == FIRST


async def test_of_many_swaps_decided_at_once_one_happens(records: Records) -> None:
    ids = [f"v1-2026010{n}t000000" for n in range(1, 9)]
    for each in ids:
        await make_generation(records, each)
    decided = await switch.read_switch(records)
    done = await asyncio.gather(
        *(switch.swap(records, each, switch=decided) for each in ids), return_exceptions=True
    )
    (winner,) = [each for each, result in zip(ids, done, strict=True) if result is None]
    assert all(isinstance(result, ConflictError) for result in done if result is not None)
    for kind in KINDS:
        alias = generations.alias(records.prefix, kind)
        holders = await records.cluster.request("GET", f"/{alias}", params={"features": "aliases"})
        assert list(holders) == [generations.index_name(records.prefix, kind, winner)]


async def test_a_swap_whose_answer_is_lost_counts(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_generation(records, FIRST)
    request = Cluster.request

    async def lose(self: Cluster, method: str, path: str, **named: Any) -> Any:
        answer = await request(self, method, path, **named)
        if path == "/_aliases":
            raise EngineUnavailableError("injected")
        return answer

    decided = await switch.read_switch(records)
    monkeypatch.setattr(Cluster, "request", lose)
    await switch.swap(records, FIRST, switch=decided)
    monkeypatch.undo()
    assert await generations.resolve(records.cluster, records.prefix) == FIRST


async def test_a_deletion_whose_answer_is_lost_and_that_is_sent_again_is_done(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await Lease.take(records, "first", TTL_S)
    doomed = [await make_generation(records, each) for each in (FIRST, SECOND)]
    request = Cluster.request

    async def repeat(self: Cluster, method: str, path: str, **named: Any) -> Any:
        if path == "/_aliases":  # the connection broke after the engine had heard it
            await request(self, method, path, **named)
        return await request(self, method, path, **named)

    decided = await switch.read_switch(records)
    monkeypatch.setattr(Cluster, "request", repeat)
    await switch.delete(records, doomed, switch=decided, fence=held.token)
    monkeypatch.undo()
    assert await generations.list_generations(records.cluster, records.prefix) == []


async def test_a_deletion_of_what_is_gone_in_part_deletes_the_rest(records: Records) -> None:
    held = await Lease.take(records, "first", TTL_S)
    doomed = await make_generation(records, FIRST)
    await records.cluster.request("DELETE", f"/{generations.index_name(records.prefix, 'titles', FIRST)}")
    decided = await switch.read_switch(records)
    await switch.delete(records, [doomed], switch=decided, fence=held.token)
    assert await generations.list_generations(records.cluster, records.prefix) == []


async def test_without_its_records_a_deletion_fails(records: Records) -> None:
    held = await Lease.take(records, "first", TTL_S)
    doomed = await make_generation(records, FIRST)
    decided = await switch.read_switch(records)
    await records.cluster.request("DELETE", f"/{index_name(records.prefix)}")
    with pytest.raises(EngineError):
        await switch.delete(records, [doomed], switch=decided, fence=held.token)
    (left,) = await generations.list_generations(records.cluster, records.prefix)
    assert left.kinds == tuple(sorted(KINDS))


def delete_once_listed(monkeypatch: pytest.MonkeyPatch, records: Records, generation: str) -> None:
    """Delete a generation right after the next look at which indexes there are."""
    list_indexes = generations.list_indexes

    async def list_and_delete(*arguments: Any) -> dict[str, Any]:
        listed = await list_indexes(*arguments)
        monkeypatch.setattr(switch, "list_indexes", list_indexes)
        for kind in KINDS:
            index = generations.index_name(records.prefix, kind, generation)
            await records.cluster.request("DELETE", f"/{index}")
        return listed

    monkeypatch.setattr(switch, "list_indexes", list_and_delete)


async def test_a_swap_while_another_generation_is_deleted_happens(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    for generation in (FIRST, SECOND):
        await make_generation(records, generation)
    decided = await switch.read_switch(records)
    delete_once_listed(monkeypatch, records, FIRST)
    await switch.swap(records, SECOND, switch=decided)
    assert await generations.resolve(records.cluster, records.prefix) == SECOND


async def test_a_swap_to_what_was_just_deleted_says_so(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_generation(records, FIRST)
    decided = await switch.read_switch(records)
    delete_once_listed(monkeypatch, records, FIRST)
    with pytest.raises(EngineNotReadyError):
        await switch.swap(records, FIRST, switch=decided)


async def test_a_record_is_changed_only_from_what_was_read(records: Records) -> None:
    version = await records.create("x", "test", {"n": 1})
    await records.replace("x", "test", {"n": 2}, version)
    with pytest.raises(EngineConflictError):
        await records.replace("x", "test", {"n": 3}, version)
    with pytest.raises(EngineConflictError):
        await records.create("x", "test", {"n": 4})
    found = await records.get("x")
    assert found is not None
    assert found.body == {"n": 2}
    await records.delete("x")
    assert await records.get("x") is None


async def test_a_deletion_that_the_engine_refuses_is_an_error(records: Records) -> None:
    await records.delete("nothing was ever written")
    await records.put("x", "test", {})
    await records.delete("nosuch")
    path = f"/{records.prefix}-operations-v1/_settings"
    await records.cluster.request("PUT", path, body={"index": {"blocks": {"write": True}}})
    with pytest.raises(EngineRejectedError, match="cluster_block_exception"):
        await records.delete("x")
    await records.cluster.request("PUT", path, body={"index": {"blocks": {"write": None}}})
    assert await records.get("x") is not None


async def test_records_are_listed_newest_first(records: Records) -> None:
    assert await records.list_newest("test", 10) == []
    for day in (2, 3, 1):
        await records.put(f"r{day}", "test", {"day": day}, datetime(2026, 1, day, tzinfo=UTC))
    await records.put("other", "another kind", {})
    assert [each.body["day"] for each in await records.list_newest("test", 2)] == [3, 2]


async def test_a_deleted_index_of_records_comes_back_with_its_markers(records: Records) -> None:
    await records.put("x", "test", {})
    await records.cluster.request("DELETE", f"/{records.prefix}-operations-v1")
    with contextlib.suppress(EngineConflictError):
        await records.put("x", "test", {})
    assert await markers.read_marker(records, "fence")
    mapping = await records.cluster.request("GET", f"/{records.prefix}-operations-v1/_mapping")
    assert mapping[f"{records.prefix}-operations-v1"]["mappings"]["dynamic"] == "strict"
