"""The reindex as a whole on the real engine: what goes wrong leaves the aliases where they were."""

from __future__ import annotations

import asyncio
import gzip
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from marquee.catalog import download
from marquee.catalog.sources import Choice, open_choice, open_sample, open_source
from marquee.engine import generations, switch
from marquee.engine.cluster import Cluster
from marquee.errors import (
    EngineError,
    GateRefusedError,
    LeaseHeldError,
    LoadError,
    SourceDamagedError,
    SourceMissingError,
    SourceUnavailableError,
)
from marquee.progress import SILENT
from marquee.reindex import build, promotion
from marquee.reindex.outcome import Outcome
from marquee.reindex.pipeline import reindex
from marquee.reindex.provenance import generation_folder
from marquee.reindex.status import DataAge, read_status
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest
from marquee.settings import Settings
from tests.conftest import write_tsv
from tests.imdb_server import NAMES, say
from tests.imdb_server import Source as Server

pytestmark = pytest.mark.anyio


def write_files(folder: Path, *people: str) -> None:
    rows: list[tuple[str, ...]] = [
        (f"nm{n:07}", name, "1980", r"\N", "actor", "tt0246578") for n, name in enumerate(people)
    ]
    write_tsv(folder, "name.basics", rows)
    write_tsv(
        folder,
        "title.basics",
        [("tt0246578", "movie", "Donnie Darko", "Donnie Darko", "0", "2001", r"\N", "113", "Drama")],
    )
    write_tsv(folder, "title.principals", [("tt0246578", "1", "nm0000000", "actor", r"\N", '["Donnie"]')])
    write_tsv(folder, "title.ratings", [("tt0246578", "8.0", "800000")])


async def live_id(cluster: Cluster, settings: Settings) -> str:
    live = await generations.find_live(cluster, settings.index_prefix)
    assert live is not None
    return live.id


async def test_the_sample_is_searchable(cluster: Cluster, settings: Settings, sample: str) -> None:
    answer = await Lookup(cluster, settings.index_prefix).search(SearchRequest(q="jake gylenhal"))
    assert answer.generation == sample
    assert answer.hits[0].name == "Jake Gyllenhaal"
    live = await generations.find_live(cluster, settings.index_prefix)
    assert live is not None
    assert live.meta is not None
    assert live.meta.counts == {"actors": 28_079, "titles": 35_250, "tokens": 19_307}
    assert live.meta.source.kind == "sample"
    assert "Peter Rust" in live.meta.attribution


async def test_a_profile_has_what_the_files_say(cluster: Cluster, own: Settings, folder: Path) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    actor = (await Lookup(cluster, own.index_prefix).find_actor("nm0000000")).actor
    assert (actor.name, actor.birth_year, actor.death_year) == ("Jake Gyllenhaal", 1980, None)
    assert [(each.title, each.year) for each in actor.known_for] == [("Donnie Darko", 2001)]
    assert (actor.professions, actor.credits_count) == (("actor",), 1)
    title = (await Lookup(cluster, own.index_prefix).find_title("tt0246578")).title
    assert (title.title, title.year, title.runtime_minutes, title.rating) == ("Donnie Darko", 2001, 113, 8.0)


async def test_an_unchanged_source_is_not_rebuilt_unless_forced(
    cluster: Cluster, own: Settings, folder: Path
) -> None:
    first = await reindex(own, cluster, open_source(folder), SILENT)
    again = await reindex(own, cluster, open_source(folder), SILENT)
    assert (again.generation, again.built) == (first.generation, False)
    forced = await reindex(own, cluster, open_source(folder), SILENT, force=True)
    assert forced.built
    assert await live_id(cluster, own) == forced.generation != first.generation


async def test_another_choice_of_people_is_another_build(
    cluster: Cluster, own: Settings, folder: Path
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    everyone = msgspec.structs.replace(own, people="everyone")
    assert (await reindex(everyone, cluster, open_source(folder), SILENT)).built


async def test_the_last_two_generations_are_kept(cluster: Cluster, own: Settings, folder: Path) -> None:
    ids = []
    for number in range(3):
        write_files(folder, "Jake Gyllenhaal", f"Person {number}")
        ids.append((await reindex(own, cluster, open_source(folder), SILENT)).generation)
    kept = await generations.list_generations(cluster, own.index_prefix)
    assert [(each.id, each.live) for each in kept] == [(ids[2], True), (ids[1], False)]


async def test_of_two_reindexes_at_once_one_is_told(cluster: Cluster, own: Settings, folder: Path) -> None:
    own = msgspec.structs.replace(own, lease_ttl_s=5)
    ended = await asyncio.gather(
        *(reindex(own, cluster, open_source(folder), SILENT, force=True) for _ in range(2)),
        return_exceptions=True,
    )
    (held,) = [each for each in ended if isinstance(each, LeaseHeldError)]
    (made,) = [each for each in ended if isinstance(each, Outcome)]
    assert "held by" in str(held)
    found = await generations.list_generations(cluster, own.index_prefix)
    assert [(each.id, each.live) for each in found] == [(made.generation, True)]


async def test_what_a_crashed_build_left_is_removed(cluster: Cluster, own: Settings, folder: Path) -> None:
    orphan = "v1-20200101t000000"
    await generations.create(cluster, own.index_prefix, orphan, shards=1)
    await reindex(own, cluster, open_source(folder), SILENT)
    found = await generations.list_generations(cluster, own.index_prefix)
    assert orphan not in [each.id for each in found]


def remove_a_file(folder: Path) -> None:
    (folder / "title.ratings.tsv").unlink()


def truncate(folder: Path) -> None:
    path = folder / "name.basics.tsv"
    packed = gzip.compress(path.read_bytes())
    path.with_suffix(".tsv.gz").write_bytes(packed[: len(packed) // 2])


def change_the_header(folder: Path) -> None:
    path = folder / "name.basics.tsv"
    path.write_text(path.read_text().replace("primaryName", "name", 1))


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (remove_a_file, SourceMissingError, "title.ratings"),
        (empty, SourceMissingError, "name.basics"),
        (truncate, SourceDamagedError, "name.basics.tsv.gz"),
        (change_the_header, SourceDamagedError, "name.basics.tsv"),
    ],
)
async def test_a_damaged_source_changes_nothing(
    cluster: Cluster, own: Settings, folder: Path, damage: object, error: type[Exception], message: str
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    before = await generations.list_generations(cluster, own.index_prefix)
    assert callable(damage)
    damage(folder)
    with pytest.raises(error, match=message):
        await reindex(own, cluster, open_source(folder), SILENT, force=True)
    assert await generations.list_generations(cluster, own.index_prefix) == before
    assert list((own.home / "work").iterdir()) == [], "nothing is left in the work folder"


async def test_a_swap_whose_answer_was_lost_keeps_what_is_live(
    cluster: Cluster, own: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_swap = switch.swap

    async def swap_and_fail(*arguments: Any, **named: Any) -> None:
        await real_swap(*arguments, **named)
        raise EngineError("injected")

    monkeypatch.setattr(switch, "swap", swap_and_fail)
    with pytest.raises(EngineError, match="injected"):
        await reindex(own, cluster, open_source(folder), SILENT)
    assert (await Lookup(cluster, own.index_prefix).find_actor("nm0000000")).actor.name == "Jake Gyllenhaal"


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (generations, "create"),
        (generations, "complete"),
        (promotion, "try_canaries"),
        (switch, "swap"),
    ],
)
async def test_a_failure_at_any_step_changes_nothing(
    cluster: Cluster,
    own: Settings,
    folder: Path,
    module: ModuleType,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    before = await live_id(cluster, own)

    async def fail(*_: object, **__: object) -> None:
        raise EngineError("injected")

    monkeypatch.setattr(module, step, fail)
    with pytest.raises(EngineError, match="injected"):
        await reindex(own, cluster, open_source(folder), SILENT, force=True)
    monkeypatch.undo()
    assert await live_id(cluster, own) == before
    others = [each for each in await generations.list_generations(cluster, own.index_prefix) if not each.live]
    # One that the gate has passed is whole: the next reindex swaps it in without building it again.
    assert [each.complete for each in others] == ([True] if step == "swap" else [])
    assert list((own.home / "work").iterdir()) == []


async def test_what_is_cancelled_after_the_gate_does_not_go_live_by_itself(
    cluster: Cluster, own: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    before = await live_id(cluster, own)
    warming = asyncio.Event()

    async def hang(*_: object) -> None:
        warming.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(promotion, "warm", hang)
    running = asyncio.create_task(reindex(own, cluster, open_source(folder), SILENT, force=True))
    await asyncio.wait_for(warming.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [each.id for each in await generations.list_generations(cluster, own.index_prefix)] == [before]


async def test_refused_documents_fail_the_reindex(
    cluster: Cluster, own: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(_: object) -> object:
        return iter([(b'{"index":{"_id":"nm1"}}\n{"unknown":1}\n', 1)])

    monkeypatch.setattr(build, "encode_actors", encode)
    with pytest.raises(LoadError, match="strict_dynamic_mapping"):
        await reindex(own, cluster, open_source(folder), SILENT)
    assert await generations.list_generations(cluster, own.index_prefix) == []


async def test_an_interrupted_reindex_leaves_nothing(
    cluster: Cluster, own: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def hang(*_: object, **__: object) -> int:
        reached.set()
        await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(build, "load", hang)
    task = asyncio.create_task(reindex(own, cluster, open_source(folder), SILENT))
    await asyncio.wait_for(reached.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await generations.list_generations(cluster, own.index_prefix) == []
    assert list((own.home / "work").iterdir()) == []


def add_bad_people(folder: Path, count: int) -> None:
    with (folder / "name.basics.tsv").open("a") as file:
        for number in range(count):
            file.write(f"xx{number:07}\tNobody\t\\N\t\\N\t\\N\t\\N\n")


async def test_the_gate_refuses_a_catalogue_of_which_too_much_is_unusable(
    cluster: Cluster, own: Settings, folder: Path
) -> None:
    await reindex(own, cluster, open_source(folder), SILENT)
    before = await generations.list_generations(cluster, own.index_prefix)
    add_bad_people(folder, 1)
    with pytest.raises(
        GateRefusedError, match=r"name.basics.tsv: 1 of 2 rows \(50.0%\) are unusable.*line 3"
    ):
        await reindex(own, cluster, open_source(folder), SILENT)
    refused, *others = await generations.list_generations(cluster, own.index_prefix)
    assert others == before
    assert (refused.live, refused.complete, refused.set_aside) == (False, True, "refused")
    with pytest.raises(GateRefusedError, match="force passes the gate with a reason only"):
        await reindex(own, cluster, open_source(folder), SILENT, force=True, reason=" ")
    assert await live_id(cluster, own) == before[0].id
    forced = await reindex(own, cluster, open_source(folder), SILENT, force=True, reason="it is like that")
    assert (forced.built, forced.counts) == (True, {"actors": 1, "titles": 1})


async def test_the_quality_report_is_kept_with_its_generation(
    cluster: Cluster, own: Settings, folder: Path
) -> None:
    add_bad_people(folder, 2)
    made = await reindex(own, cluster, open_source(folder), SILENT, force=True, reason="a test")
    path = generation_folder(own, made.generation) / "quality.json"
    report = msgspec.json.decode(path.read_bytes())
    reject = report["names"]["rejects"]["malformed id"]
    assert (report["names"]["rows"], reject["count"], reject["examples"][0]["line"]) == (3, 2, 3)
    assert reject["examples"][0]["text"].startswith("xx0000000\tNobody")
    summary = (await read_status(cluster, own.index_prefix)).quality["name.basics.tsv"]
    assert (summary.rows, summary.used, summary.rejected) == (3, 1, {"malformed id": 2})


@pytest.fixture
def imdb(own: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Settings]]:
    """A server of whole files, and settings that name it."""
    monkeypatch.setattr(download, "FIRST_BACKOFF_S", 0.01)
    server = Server()
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), "Jake Gyllenhaal")
        for path in Path(name).iterdir():
            server.files[f"{path.name}.gz"] = gzip.compress(path.read_bytes())
        yield server, msgspec.structs.replace(own, imdb_base_url=server.url, home=Path(name) / "home")
    server.close()


async def test_imdb_is_fetched_built_and_confirmed(cluster: Cluster, imdb: tuple[Server, Settings]) -> None:
    server, own = imdb
    choice = Choice(kind="imdb")
    first = await reindex(own, cluster, await open_choice(choice, own, SILENT), SILENT)
    status = await read_status(cluster, own.index_prefix)
    assert status.source is not None
    assert (status.source.kind, status.fresh) == ("imdb", True)
    assert status.data_age_s is not None
    assert 0 <= status.data_age_s < 60
    assert "Information courtesy of IMDb" in status.attribution
    server.statuses.clear()
    again = await reindex(own, cluster, await open_choice(choice, own, SILENT), SILENT)
    assert {code for _, code in server.statuses} == {304}
    assert (again.generation, again.built) == (first.generation, False)
    confirmed = (await read_status(cluster, own.index_prefix)).source
    assert confirmed is not None
    assert confirmed.confirmed_at > status.source.confirmed_at, "a 304 confirms the data"


async def test_the_age_of_imdbs_data_is_read_now_and_then(
    cluster: Cluster, imdb: tuple[Server, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = imdb
    made = await reindex(own, cluster, await open_choice(Choice(kind="imdb"), own, SILENT), SILENT)
    age = DataAge(cluster, own.index_prefix)
    assert not age.is_known(made.generation)
    await age.learn(made.generation)
    first = age.tell(made.generation)
    assert first is not None
    assert 0 <= first < 60

    async def fail(*_: object, **__: object) -> None:
        raise EngineError("asked again")

    monkeypatch.setattr(generations, "read_meta", fail)
    assert age.tell(made.generation) in (first, first + 1), "the engine is not asked again so soon"
    monkeypatch.setattr(DataAge, "READ_EVERY_S", 0.0)
    for _ in range(3):
        assert age.tell(made.generation) is not None, "an engine that is away does not make it unknown"
        await asyncio.sleep(0.01)
    await age.learn("v1-20200101t000000")
    assert age.is_known("v1-20200101t000000"), "nobody waits for it again"
    assert age.tell("v1-20200101t000000") is None


async def test_a_source_that_fails_falls_back_and_does_not_confirm(
    cluster: Cluster, imdb: tuple[Server, Settings]
) -> None:
    server, own = imdb
    choice = Choice(kind="imdb")
    await reindex(own, cluster, await open_choice(choice, own, SILENT), SILENT)
    before = (await read_status(cluster, own.index_prefix)).source
    server.faults[NAMES] = [say(500)] * 9
    source = await open_choice(choice, own, SILENT)
    assert "answered 500" in source.note
    assert "hours ago are used" in source.note
    outcome = await reindex(own, cluster, source, SILENT)
    assert not outcome.built
    assert outcome.note == f"nothing to do: {source.note}", "nobody knows that it is unchanged"
    assert (await read_status(cluster, own.index_prefix)).source == before


async def test_a_source_that_fails_from_the_start_is_an_error(imdb: tuple[Server, Settings]) -> None:
    server, own = imdb
    server.faults[NAMES] = [say(500)] * 9
    with pytest.raises(SourceUnavailableError):
        await open_choice(Choice(kind="imdb"), own, SILENT)


async def test_an_interrupted_assembly_ends_at_once(
    cluster: Cluster, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched:
        """Progress that is slow enough to be interrupted."""

        reached = threading.Event()

        def start(self, *_: object) -> None:
            self.reached.set()
            time.sleep(0.1)

        def advance(self, _: int) -> None:
            time.sleep(0.1)

        def finish(self) -> None:
            pass

    task = asyncio.create_task(reindex(own, cluster, open_sample(), Watched()))
    await asyncio.to_thread(Watched.reached.wait, 30)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 3
    assert list((own.home / "work").iterdir()) == []
