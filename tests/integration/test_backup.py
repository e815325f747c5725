"""Backup and restore of generations, with everything lost in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.sources import open_source
from marquee.engine import copies, generations, lease, snapshots
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.lease import Lease
from marquee.engine.records import Records
from marquee.engine.snapshots import Snapshot
from marquee.errors import ConflictError, EngineError, EngineRejectedError, LeaseHeldError, NotFoundError
from marquee.progress import SILENT
from marquee.reindex import audit
from marquee.reindex.activation import activate
from marquee.reindex.backup import back_up, list_backups, restore
from marquee.reindex.job import JobRequest
from marquee.reindex.jobs import Jobs
from marquee.reindex.pipeline import reindex
from marquee.reindex.retention import choose_surplus
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest
from marquee.settings import Settings
from tests.conftest import engine_environ, remove_indexes
from tests.integration.test_reindex import write_files

pytestmark = pytest.mark.anyio


@pytest.fixture
async def own(cluster: Cluster, settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A prefix with one live generation, and a repository of its own."""
    prefix = f"{settings.index_prefix}-kept"
    own = msgspec.structs.replace(settings, index_prefix=prefix, home=tmp_path, backup_repository=prefix)
    folder = tmp_path / "files"
    folder.mkdir()
    write_files(folder, "Jake Gyllenhaal", "Keanu Reeves")
    await reindex(own, cluster, open_source(folder), SILENT)
    yield own
    for each in await list_backups(Records(cluster, prefix), own):
        await snapshots.remove(cluster, prefix, prefix, each.generation)
    with contextlib.suppress(EngineError):  # a test has removed it
        await cluster.request("DELETE", f"/_snapshot/{prefix}")
    await remove_indexes(cluster, prefix)


@pytest.fixture
def records(cluster: Cluster, own: Settings) -> Records:
    return Records(cluster, own.index_prefix)


async def find(cluster: Cluster, own: Settings, q: str) -> str:
    answer = await Lookup(cluster, own.index_prefix).search(SearchRequest(q=q))
    return answer.hits[0].name


async def test_all_data_are_lost_and_come_back(cluster: Cluster, own: Settings, records: Records) -> None:
    made = await back_up(records, own)
    assert (made.state, await list_backups(records, own)) == ("SUCCESS", [made])
    assert made.size_bytes
    assert made.size_bytes > 1000
    await remove_indexes(cluster, own.index_prefix)
    assert await generations.find_live(cluster, own.index_prefix) is None
    restored = await restore(records, own, made.generation, "the test", reason="the disk is gone")
    assert (restored.generation, restored.live) == (made.generation, True)
    assert await find(cluster, own, "jake gylenhal") == "Jake Gyllenhaal"
    live = await generations.find_live(cluster, own.index_prefix)
    assert live is not None
    assert (live.id, live.complete) == (made.generation, True)
    entries = await audit.list_entries(records, 10)
    assert [(each.action, each.outcome) for each in entries] == [("activate", "done"), ("restore", "done")]
    assert {each.reason for each in entries} == {"the disk is gone"}


async def test_what_is_live_stays_live(
    cluster: Cluster, own: Settings, records: Records, tmp_path: Path
) -> None:
    old = await back_up(records, own)
    write_files(tmp_path / "files", "Jake Gyllenhaal", "Keanu Reeves", "Winona Ryder")
    new = await reindex(own, cluster, open_source(tmp_path / "files"), SILENT)
    for kind in ("actors", "titles", "tokens"):
        await cluster.request("DELETE", f"/{own.index_prefix}-{kind}-{old.generation}")
    restored = await restore(records, own, old.generation, "the test")
    assert restored.live is False
    assert await generations.resolve(cluster, own.index_prefix) == new.generation
    kept = {each.id: each for each in await generations.list_generations(cluster, own.index_prefix)}
    assert (kept[old.generation].complete, kept[old.generation].aliased) == (True, False)
    assert choose_surplus(list(kept.values()), keep=1) == [], "nobody wants it deleted the next minute"
    with pytest.raises(ConflictError, match="is there already"):
        await restore(records, own, old.generation, "the test")


async def test_live_makes_it_live(cluster: Cluster, own: Settings, records: Records, tmp_path: Path) -> None:
    old = await back_up(records, own)
    write_files(tmp_path / "files", "Jake Gyllenhaal", "Keanu Reeves", "Winona Ryder")
    await reindex(own, cluster, open_source(tmp_path / "files"), SILENT)
    for kind in ("actors", "titles", "tokens"):
        await cluster.request("DELETE", f"/{own.index_prefix}-{kind}-{old.generation}")
    assert (await restore(records, own, old.generation, "the test", live=True)).live
    assert await generations.resolve(cluster, own.index_prefix) == old.generation


async def test_a_second_backup_of_the_same_changes_nothing(own: Settings, records: Records) -> None:
    first = await back_up(records, own)
    assert await back_up(records, own) == first


async def test_a_backup_that_was_cut_off_is_made_anew(
    cluster: Cluster, own: Settings, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: Any) -> None:
        raise EngineError("away")

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "measure", hang)
        with pytest.raises(EngineError, match="away"):
            await back_up(records, own)
    assert await list_backups(records, own) == [], "what was begun is deleted"
    assert (await back_up(records, own)).state == "SUCCESS"


async def test_a_restoration_that_fails_leaves_nothing(
    cluster: Cluster, own: Settings, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await back_up(records, own)
    await remove_indexes(cluster, own.index_prefix)

    async def fail(*_: Any) -> None:
        raise EngineError("a shard is broken")

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "measure_restore", fail)
        with pytest.raises(EngineError, match="a shard is broken"):
            await restore(records, own, made.generation, "the test")
    assert await generations.list_generations(cluster, own.index_prefix) == []
    (entry,) = await audit.list_entries(records, 10)
    assert entry.outcome == "failed: a shard is broken"
    assert (await restore(records, own, made.generation, "the test")).live


async def test_a_broken_file_is_told(cluster: Cluster, own: Settings, records: Records) -> None:
    """A repository whose files are gone: the engine's shards fail, which must not be waited for."""
    made = await back_up(records, own)
    told = await cluster.request("GET", f"/_snapshot/{own.backup_repository}")
    assert (
        told[own.backup_repository]["settings"]["location"] == f"{own.backup_repository}-{own.index_prefix}"
    )
    nodes = await cluster.request("GET", "/_nodes/settings", params={"filter_path": "nodes.*.settings.path"})
    roots = next(iter(nodes["nodes"].values()))["settings"]["path"].get("repo", [])
    folders = [Path(root) / f"{own.backup_repository}-{own.index_prefix}" for root in roots]
    (folder,) = [each for each in folders if each.is_dir()]
    await remove_indexes(cluster, own.index_prefix)
    for path in folder.rglob("__*"):
        path.unlink()
    with pytest.raises(EngineError, match="cannot be restored"):
        await restore(records, own, made.generation, "the test")
    assert await generations.list_generations(cluster, own.index_prefix) == []
    shutil.rmtree(folder)
    await cluster.request("DELETE", f"/_snapshot/{own.backup_repository}")


async def test_nothing_is_restored_while_a_reindex_is_under_way(
    cluster: Cluster, own: Settings, records: Records
) -> None:
    made = await back_up(records, own)
    await remove_indexes(cluster, own.index_prefix)
    held = await Lease.take(records, "somebody else", 2.0)
    alive = asyncio.create_task(held.keep())
    with pytest.raises(LeaseHeldError):
        await restore(records, own, made.generation, "the test")
    alive.cancel()
    await held.release()


async def test_a_job_whose_process_died_is_not_in_the_way(
    cluster: Cluster, own: Settings, records: Records
) -> None:
    made = await back_up(records, own)
    await remove_indexes(cluster, own.index_prefix)
    jobs = Jobs(records)
    job, _ = await jobs.request_and_hold(JobRequest(), "somebody", "somebody", 1.0)
    await jobs.begin(job, "somebody")
    assert (await restore(records, own, made.generation, "the test")).live
    assert (await jobs.get(job.id)).state == "failed"
    state, _ = await lease.read(records)
    assert (state.holder, state.job) == ("", "")


async def test_what_no_node_takes_is_given_up_and_not_made_live_meanwhile(
    cluster: Cluster, own: Settings, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await back_up(records, own)
    await remove_indexes(cluster, own.index_prefix)
    monkeypatch.setattr(copies, "NO_PLACE_AFTER_S", 2.0)
    elsewhere = msgspec.structs.replace(own, allocation=("zone=nowhere",))
    restoring = asyncio.create_task(restore(records, elsewhere, made.generation, "the test"))
    while True:
        every = await generations.list_generations(cluster, own.index_prefix)
        if [each.complete for each in every] == [True]:
            break
        await asyncio.sleep(0.05)
    try:
        with pytest.raises(ConflictError, match="cannot be searched"):
            await activate(records, made.generation, "the test")
    finally:
        with pytest.raises(EngineError, match="no node takes the shards"):
            await restoring
    assert await generations.list_generations(cluster, own.index_prefix) == []
    assert (await restore(records, own, made.generation, "the test")).live


@pytest.mark.parametrize("is_well", [True, False])
async def test_a_backup_that_is_under_way_is_followed_and_left_alone(
    own: Settings, records: Records, monkeypatch: pytest.MonkeyPatch, is_well: bool
) -> None:
    made = await back_up(records, own)
    list_snapshots, looks = snapshots.list_snapshots, 0

    async def show_under_way(*arguments: Any) -> list[Snapshot]:
        nonlocal looks
        looks += 1
        found = await list_snapshots(*arguments)
        state = "IN_PROGRESS" if looks == 1 else "SUCCESS" if is_well else "FAILED"
        return [msgspec.structs.replace(each, state=state) for each in found]

    async def fail(*_: Any) -> None:
        raise AssertionError("it is somebody else's")

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "list_snapshots", show_under_way)
        patched.setattr(snapshots, "begin", fail)
        patched.setattr(snapshots, "remove", fail)
        if is_well:
            assert await back_up(records, own) == made
        else:
            with pytest.raises(EngineError, match="ended as FAILED"):
                await back_up(records, own)
    assert await list_backups(records, own) == [made]


async def test_unknown_ones(cluster: Cluster, own: Settings, records: Records) -> None:
    with pytest.raises(NotFoundError):
        await restore(records, own, "v1-20200101t000000", "the test")
    with pytest.raises(NotFoundError):
        await back_up(records, own, "v1-20200101t000000")
    nowhere = msgspec.structs.replace(own, backup_location="/nowhere/at/all")
    with pytest.raises(EngineRejectedError, match=r"path\.repo"):
        await back_up(records, nowhere)


def run_marquee(own: Settings, endpoint: Endpoint, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = engine_environ(own, endpoint) | {"MARQUEE_BACKUP_REPOSITORY": own.backup_repository}
    command: Sequence[str] = [sys.executable, "-m", "marquee", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


async def test_from_the_command_line(cluster: Cluster, own: Settings, endpoint: Endpoint) -> None:
    async def marquee(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run_marquee, own, endpoint, *arguments)

    assert "Nothing is backed up" in (await marquee("backup", "--list")).stdout
    made = json.loads((await marquee("backup", "--json")).stdout)
    assert made["state"] == "SUCCESS"
    listed = await marquee("backup", "--list")
    assert made["generation"] in listed.stdout
    assert "whole" in listed.stdout
    there = await marquee("restore", made["generation"])
    assert (there.returncode, "is there already" in there.stderr) == (1, True)
    await remove_indexes(cluster, own.index_prefix)
    back = await marquee("restore", made["generation"])
    assert (back.returncode, "is restored, and live" in back.stdout) == (0, True), back.stderr
    assert await find(cluster, own, "keanu reaves") == "Keanu Reeves"
    missing = await marquee("restore", "v1-20200101t000000")
    assert missing.returncode == 1
    assert len(missing.stderr.strip().splitlines()) == 1
