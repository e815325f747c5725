"""The dry run on the real engine: what would be added, removed and changed, and nothing is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.sources import open_sample, open_source
from marquee.engine import generations
from marquee.engine.cluster import ADMIN_TIMEOUT_S, Cluster, Json
from marquee.engine.scanning import scan
from marquee.errors import EngineNotReadyError, EngineUnavailableError
from marquee.progress import SILENT
from marquee.reindex.difference import EXAMPLES, Difference, Example, compare
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings
from tests.conftest import write_tsv

pytestmark = pytest.mark.anyio

Person = tuple[str, str, str]
"""Name, birth year and the title somebody is known for."""
Film = tuple[str, str]
"""Title and votes."""

PEOPLE: dict[int, Person] = {
    1: ("Jake Gyllenhaal", "1980", "tt0000001"),
    2: ("Jena Malone", "1984", "tt0000002"),
    3: ("Drew Barrymore", "1975", "tt0000003"),
    4: ("Nobody At All", r"\N", r"\N"),
}
FILMS: dict[int, Film] = {1: ("Donnie Darko", "800000"), 2: ("Saved!", "40000"), 3: ("E.T.", "400000")}


def write_files(folder: Path, people: dict[int, Person], films: dict[int, Film]) -> Path:
    folder.mkdir(exist_ok=True)
    write_tsv(
        folder,
        "name.basics",
        [(f"nm{n:07}", name, year, r"\N", "actor", film) for n, (name, year, film) in people.items()],
    )
    write_tsv(
        folder,
        "title.basics",
        [
            (f"tt{n:07}", "movie", title, title, "0", "2001", r"\N", "113", "Drama")
            for n, (title, _) in films.items()
        ],
    )
    write_tsv(folder, "title.principals", [])
    write_tsv(folder, "title.ratings", [(f"tt{n:07}", "8.0", votes) for n, (_, votes) in films.items()])
    return folder


async def make_live(
    cluster: Cluster, own: Settings, folder: Path, people: dict[int, Person], films: dict[int, Film]
) -> generations.Generation:
    await reindex(own, cluster, open_source(write_files(folder / "live", people, films)), SILENT)
    live = await generations.find_live(cluster, own.index_prefix)
    assert live is not None
    return live


def assemble_new(own: Settings, folder: Path, people: dict[int, Person], films: dict[int, Film]) -> Assembly:
    return assemble(write_files(folder / "new", people, films), own, folder / "rows")


def ids(examples: tuple[Example, ...]) -> list[str]:
    return [each.id for each in examples]


async def test_added_removed_and_changed_are_told(cluster: Cluster, own: Settings, tmp_path: Path) -> None:
    live = await make_live(cluster, own, tmp_path, PEOPLE, FILMS)
    # the birth year of 1, the name of 4 and the popularity of 3 change
    people = {1: ("Jake Gyllenhaal", "1981", "tt0000001"), 4: ("Somebody", r"\N", r"\N"), 3: PEOPLE[3]}
    people |= {8: ("Mary Nobody", "1950", r"\N"), 9: ("Maggie Gyllenhaal", "1977", "tt0000003")}
    films = {1: FILMS[1], 3: ("E.T.", "500000"), 4: ("Secretary", "90000")}
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, people, films)
    found = await compare(cluster, own.index_prefix, assembly, live, SILENT)

    assert found.against == live.id
    actors, titles = found.actors, found.titles
    assert (actors.added, actors.removed, actors.changed, actors.unchanged) == (2, 1, 3, 0)
    assert ids(actors.most_popular_added) == ["nm0000009", "nm0000008"]
    assert ids(actors.most_popular_removed) == ["nm0000002"]
    assert actors.most_popular_removed[0].name == "Jena Malone"
    assert actors.most_popular_removed[0].popularity == pytest.approx(0.657, abs=0.001)
    born, voted, named = actors.most_popular_changed
    assert (born.id, born.fields) == ("nm0000001", ("birth_year",))
    assert (born.before, born.after) == ({"birth_year": 1980}, {"birth_year": 1981})
    assert voted.id == "nm0000003"
    assert set(voted.fields) == {"popularity", "name_completion"}
    assert voted.before == {"popularity": voted.popularity}, "lists are not shown"
    assert (named.id, named.name, named.after["name"]) == ("nm0000004", "Nobody At All", "Somebody")

    assert (titles.added, titles.removed, titles.changed, titles.unchanged) == (1, 1, 1, 1)
    assert [each.name for each in titles.most_popular_added] == ["Secretary"]
    assert [each.name for each in titles.most_popular_removed] == ["Saved!"]
    [film] = titles.most_popular_changed
    assert set(film.fields) == {"votes", "popularity"}
    assert (film.before["votes"], film.after["votes"]) == (400_000, 500_000)


async def test_a_value_that_comes_or_goes_is_shown_as_null(
    cluster: Cluster, own: Settings, tmp_path: Path
) -> None:
    live = await make_live(cluster, own, tmp_path, PEOPLE, FILMS)
    people = PEOPLE | {1: ("Jake Gyllenhaal", r"\N", "tt0000001"), 4: ("Nobody At All", "1999", r"\N")}
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, people, FILMS)
    gone, come = (
        await compare(cluster, own.index_prefix, assembly, live, SILENT)
    ).actors.most_popular_changed
    assert (gone.before, gone.after) == ({"birth_year": 1980}, {"birth_year": None})
    assert (come.before, come.after) == ({"birth_year": None}, {"birth_year": 1999})


async def test_examples_are_the_most_popular_of_all_pages(
    cluster: Cluster, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crowd(start: int, year: str = "1980") -> dict[int, Person]:
        # popularity rises and falls along the ids
        return {n: (f"Person {n}", year, f"tt{1 + n * 37 % 60:07}") for n in range(start, start + 60)}

    films = {n: (f"Film {n}", str(n**3 + 10)) for n in range(1, 61)}
    live = await make_live(cluster, own, tmp_path, crowd(0) | crowd(100), films)
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, crowd(100, "1990") | crowd(200), films)
    monkeypatch.setattr("marquee.reindex.difference.scan", lambda cluster, index: scan(cluster, index, 7))
    actors = (await compare(cluster, own.index_prefix, assembly, live, SILENT)).actors
    assert (actors.added, actors.removed, actors.changed, actors.unchanged) == (60, 60, 60, 0)

    def most_popular(start: int) -> list[str]:
        ranked = sorted(range(start, start + 60), key=lambda n: -(n * 37 % 60))
        return [f"nm{n:07}" for n in ranked[:EXAMPLES]]

    assert ids(actors.most_popular_added) == most_popular(200)
    assert ids(actors.most_popular_removed) == most_popular(0)
    assert ids(actors.most_popular_changed) == most_popular(100)
    for examples in (actors.most_popular_added, actors.most_popular_removed, actors.most_popular_changed):
        assert [each.popularity for each in examples] == sorted(
            (each.popularity for each in examples), reverse=True
        )


async def test_the_same_sample_shows_no_difference_and_nothing_is_touched(
    cluster: Cluster, settings: Settings, sample: str, tmp_path: Path
) -> None:
    live = await generations.find_live(cluster, settings.index_prefix)
    assert live is not None
    before = await generations.list_indexes(cluster, settings.index_prefix, ADMIN_TIMEOUT_S)
    assembly = await asyncio.to_thread(assemble, open_sample().folder, settings, tmp_path)
    found = await compare(cluster, settings.index_prefix, assembly, live, SILENT)
    assert found.against == sample
    for kind, count in ((found.actors, assembly.actors), (found.titles, assembly.titles)):
        assert (kind.added, kind.removed, kind.changed, kind.unchanged) == (0, 0, 0, count)
        assert kind.most_popular_added == kind.most_popular_removed == kind.most_popular_changed == ()
    assert await generations.list_indexes(cluster, settings.index_prefix, ADMIN_TIMEOUT_S) == before


async def test_where_nothing_is_live_everything_is_added(
    cluster: Cluster, own: Settings, tmp_path: Path
) -> None:
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, PEOPLE, FILMS)
    found = await compare(cluster, own.index_prefix, assembly, None, SILENT)
    assert found.against is None
    assert (found.actors.added, found.titles.added) == (4, 3)
    assert ids(found.actors.most_popular_added) == ["nm0000001", "nm0000003", "nm0000002", "nm0000004"]
    assert await generations.list_generations(cluster, own.index_prefix) == []
    assert msgspec.json.decode(msgspec.json.encode(found), type=Difference) == found


Answer = Callable[[Json], Awaitable[Json]]


class Watched:
    """A cluster of which the second page is answered by `answer`; remembers the points in time."""

    def __init__(self, cluster: Cluster, answer: Answer) -> None:
        self.cluster = cluster
        self.answer = answer
        self.pages = 0
        self.opened: list[str] = []

    async def request(self, method: str, path: str, **options: Any) -> Any:
        answer = await self.cluster.request(method, path, **options)
        if path.endswith("/_pit") and method == "POST":
            self.opened.append(answer["id"])
        elif path == "/_search":
            self.pages += 1
            if self.pages == 2:
                return await self.answer(answer)
        return answer

    async def has_closed(self) -> bool:
        [moment] = self.opened
        try:
            await self.cluster.request("POST", "/_search", body={"pit": {"id": moment}})
        except EngineUnavailableError as error:
            return "gave up a long read" in str(error)
        return False


@pytest.fixture
async def index(cluster: Cluster, own: Settings) -> str:
    """An index of 25 documents."""
    name = f"{own.index_prefix}-any"
    await cluster.request("PUT", f"/{name}")
    lines = "".join(f'{{"index":{{"_id":"{n}"}}}}\n{{"number":{n}}}\n' for n in range(25))
    params = {"refresh": "true"}
    await cluster.request("POST", f"/{name}/_bulk", body=lines.encode(), params=params, ndjson=True)
    return name


async def fail(_: Json) -> Json:
    raise EngineUnavailableError("injected")


async def lose_a_shard(answer: Json) -> Json:
    return answer | {"_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1}}


async def be_late(answer: Json) -> Json:
    return answer | {"timed_out": True}


async def leave_as_it_is(answer: Json) -> Json:
    return answer


def watch(cluster: Cluster, answer: Answer) -> tuple[Watched, Cluster]:
    watched = Watched(cluster, answer)
    return watched, watched  # type: ignore[return-value]


@pytest.mark.parametrize("page_documents", [1, 5, 24, 25, 26])
async def test_a_scan_has_every_document_once(cluster: Cluster, index: str, page_documents: int) -> None:
    watched, seen = watch(cluster, leave_as_it_is)
    pages = [page async for page in scan(seen, index, page_documents)]
    documents = [each for page in pages for each in page]
    assert max(len(page) for page in pages) == min(page_documents, 25)
    assert sorted(documents, key=lambda each: int(each[0])) == [(str(n), {"number": n}) for n in range(25)]
    assert await watched.has_closed()


async def test_a_scan_is_of_one_moment(cluster: Cluster, index: str) -> None:
    async def change(answer: Json) -> Json:
        body = b'{"delete":{"_id":"24"}}\n{"index":{"_id":"99"}}\n{"number":99}\n'
        params = {"refresh": "true"}
        await cluster.request("POST", f"/{index}/_bulk", body=body, params=params, ndjson=True)
        return answer

    _, seen = watch(cluster, change)
    numbers = {doc_id async for page in scan(seen, index, 5) for doc_id, _ in page}
    assert numbers == {str(n) for n in range(25)}


@pytest.mark.parametrize("answer", [fail, lose_a_shard, be_late])
async def test_a_page_that_fails_ends_the_scan_and_closes_it(
    cluster: Cluster, index: str, answer: Answer
) -> None:
    watched, seen = watch(cluster, answer)
    read = 0
    with pytest.raises(EngineUnavailableError):
        async for page in scan(seen, index, 10):
            read += len(page)
    assert read == 10
    assert await watched.has_closed()


async def test_a_scan_that_is_left_closes_its_point_in_time(cluster: Cluster, index: str) -> None:
    watched, seen = watch(cluster, leave_as_it_is)
    async with contextlib.aclosing(scan(seen, index, 10)) as pages:
        await anext(pages)
    assert await watched.has_closed()


async def test_an_index_that_is_not_there(cluster: Cluster, own: Settings) -> None:
    with pytest.raises(EngineNotReadyError):
        await anext(scan(cluster, f"{own.index_prefix}-gone"))


async def test_an_index_that_is_deleted_under_a_scan(cluster: Cluster, index: str) -> None:
    pages = scan(cluster, index, 10)
    await anext(pages)
    await cluster.request("DELETE", f"/{index}")
    with pytest.raises((EngineNotReadyError, EngineUnavailableError)):
        await anext(pages)


async def test_a_failing_page_fails_the_comparison(cluster: Cluster, own: Settings, tmp_path: Path) -> None:
    live = await make_live(cluster, own, tmp_path, PEOPLE, FILMS)
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, PEOPLE, FILMS)
    watched, seen = watch(cluster, fail)
    with pytest.raises(EngineUnavailableError, match="injected"):
        await compare(seen, own.index_prefix, assembly, live, SILENT)
    assert await watched.has_closed()


async def test_a_cancelled_comparison_ends_at_once_and_closes_its_point_in_time(
    cluster: Cluster, own: Settings, tmp_path: Path
) -> None:
    live = await make_live(cluster, own, tmp_path, PEOPLE, FILMS)
    assembly = await asyncio.to_thread(assemble_new, own, tmp_path, PEOPLE, FILMS)
    reached = asyncio.Event()

    async def hang(answer: Json) -> Json:
        reached.set()
        await asyncio.sleep(60)
        return answer

    watched, seen = watch(cluster, hang)
    task = asyncio.create_task(compare(seen, own.index_prefix, assembly, live, SILENT))
    await asyncio.wait_for(reached.wait(), 30)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    assert await watched.has_closed()
