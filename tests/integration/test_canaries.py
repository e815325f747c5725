"""Canaries on the real engine: whom a new generation must still find, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import polars as pl
import pytest

from marquee.catalog.assemble import Assembly, assemble
from marquee.catalog.sources import open_source
from marquee.engine import generations
from marquee.engine.cluster import Cluster
from marquee.engine.generations import Generation
from marquee.errors import EngineNotReadyError, SettingsError
from marquee.progress import SILENT
from marquee.reindex import canaries
from marquee.reindex.build import load_documents
from marquee.reindex.canaries import try_canaries
from marquee.reindex.gate import Check, check_build
from marquee.reindex.provenance import describe_build
from marquee.search.retrieval import Question, Retrieval
from marquee.settings import Settings
from tests.conftest import write_tsv

pytestmark = pytest.mark.anyio

PEOPLE = (
    "Jake Gyllenhaal", "Maggie Gyllenhaal", "Arnold Schwarzenegger", "Scarlett Johansson", "Renée Zellweger",
    "Keanu Reeves", "Saoirse Ronan", "Matthew McConaughey", "Charlize Theron", "Chiwetel Ejiofor",
)  # fmt: skip

Build = Callable[..., Awaitable[Generation]]
Damage = Callable[[Assembly], Assembly]


@pytest.fixture
def build(cluster: Cluster, own: Settings, tmp_path: Path) -> Build:
    """Build a generation of people by id, or of names numbered; it is complete, and no alias points at it."""

    async def build(
        people: dict[str, str] | tuple[str, ...], damage: Damage = lambda rows: rows
    ) -> Generation:
        if not isinstance(people, dict):
            people = {f"nm{number:07}": name for number, name in enumerate(people)}
        write_files(tmp_path, people)
        assembly = assemble(tmp_path, own, tmp_path / "work")
        meta = describe_build(own, open_source(tmp_path), "basis", assembly, "")
        generation = generations.new_id(await generations.list_generations(cluster, own.index_prefix))
        await generations.create(cluster, own.index_prefix, generation, shards=1)
        await load_documents(own, cluster, damage(assembly), generation, SILENT)
        await generations.complete(cluster, own.index_prefix, generation, meta, replicas=0)
        return Generation(id=generation, live=False, complete=True, meta=meta)

    return build


def write_files(folder: Path, people: dict[str, str]) -> None:
    names = [(nconst, name, "1980", r"\N", "actor", "tt0246578") for nconst, name in people.items()]
    write_tsv(folder, "name.basics", names)
    movie = ("tt0246578", "movie", "Donnie Darko", "Amélie", "0", "2001", r"\N", "113", "Drama")
    write_tsv(folder, "title.basics", [movie])
    roles = [
        ("tt0246578", str(place), nconst, "actor", r"\N", r"\N") for place, nconst in enumerate(people, 1)
    ]
    write_tsv(folder, "title.principals", roles)
    write_tsv(folder, "title.ratings", [("tt0246578", "8.0", "800000")])


def with_columns(files: tuple[Path, ...], *columns: pl.Expr) -> None:
    for path in files:
        pl.read_parquet(path).with_columns(*columns).write_parquet(path)


def lose_name_keys(assembly: Assembly) -> Assembly:
    """Documents whose keys no query meets: another normalisation, say."""
    with_columns(assembly.actor_files, pl.lit("x").alias("name_key"), pl.lit("x").alias("name_joined"))
    return assembly


def lose_token_keys(assembly: Assembly) -> Assembly:
    """Tokens that no misspelling leads to."""
    lost = [pl.lit("x").alias(column) for column in ("grams", "sounds", "skeleton")]
    with_columns(assembly.token_files, *lost)
    return assembly


class Watch:
    """Progress that is written down."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None, str]] = []
        self.done = 0

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        self.stages.append((stage, total, unit))

    def advance(self, amount: int) -> None:
        self.done += amount

    def finish(self) -> None:
        pass


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {each.name: each for each in checks}


def verdicts(checks: tuple[Check, ...]) -> dict[str, bool]:
    return {each.name: each.passed for each in checks}


async def test_an_equal_generation_finds_everybody(cluster: Cluster, own: Settings, build: Build) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE)
    checks = by_name(await try_canaries(cluster, own, live, new.id, SILENT))
    assert list(checks) == ["canaries", "misspelt canaries"]
    assert [(each.passed, each.value, each.limit) for each in checks.values()] == [(True, 1.0, 0.98)] * 2
    assert "10 of 10 are found (100.0%)" in checks["misspelt canaries"].detail


async def test_somebody_missing_is_named(cluster: Cluster, own: Settings, build: Build) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE[:-1])
    checks = by_name(await try_canaries(cluster, own, live, new.id, SILENT))
    assert [(each.passed, each.value) for each in checks.values()] == [(False, 0.9)] * 2
    assert checks["canaries"].detail == (
        "of the live generation's most popular people, 9 of 10 are found (90.0%); at least 98.0% must be; "
        "lost: Chiwetel Ejiofor (nm0000009)"
    )


async def test_as_many_may_be_missing_as_the_setting_says(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE[:-1])
    lax = msgspec.structs.replace(own, gate_min_canaries=0.9)
    checks = await try_canaries(cluster, lax, live, new.id, SILENT)
    assert verdicts(checks) == {"canaries": True, "misspelt canaries": True}


async def test_newcomers_are_no_loss(cluster: Cluster, own: Settings, build: Build) -> None:
    live, new = await build(PEOPLE[:5]), await build(PEOPLE)
    checks = await try_canaries(cluster, own, live, new.id, SILENT)
    assert verdicts(checks) == {"canaries": True, "misspelt canaries": True}


async def test_somebody_under_a_new_id_is_found(cluster: Cluster, own: Settings, build: Build) -> None:
    live = await build({"nm0000001": "Jake Gyllenhaal", "nm0000002": "Keanu Reeves"})
    new = await build({"nm0000001": "Jake Gyllenhaal", "nm0000009": "Keanu Reeves"})
    checks = await try_canaries(cluster, own, live, new.id, SILENT)
    assert verdicts(checks) == {"canaries": True, "misspelt canaries": True}


async def test_a_namesake_is_not_the_one_who_is_still_there_under_another_name(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    live = await build({"nm0000001": "Jake Gyllenhaal", "nm0000002": "Keanu Reeves"})
    new = await build(
        {"nm0000001": "Jake Gyllenhaal", "nm0000002": "Somebody Else", "nm0000003": "Keanu Reeves"}
    )
    checks = by_name(await try_canaries(cluster, own, live, new.id, SILENT))
    assert (checks["canaries"].value, checks["misspelt canaries"].value) == (0.5, 0.5)


async def test_people_who_are_there_but_not_found_are_lost(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE, lose_name_keys)
    assert new.meta is not None
    assert all(each.passed for each in check_build(own, new.meta, live)), "the figures do not show it"
    checks = await try_canaries(cluster, own, live, new.id, SILENT)
    assert verdicts(checks) == {"canaries": False, "misspelt canaries": False}


async def test_broken_tokens_show_in_misspelt_names(cluster: Cluster, own: Settings, build: Build) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE, lose_token_keys)
    checks = by_name(await try_canaries(cluster, own, live, new.id, SILENT))
    assert verdicts(tuple(checks.values())) == {"canaries": True, "misspelt canaries": False}
    assert checks["misspelt canaries"].detail.endswith(" …"), "more are lost than are named"


async def test_whom_the_live_generation_does_not_find_is_no_canary(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    live, new = await build((*PEOPLE, "!!!"), lose_name_keys), await build(PEOPLE[:1])
    checks = by_name(await try_canaries(cluster, own, live, new.id, SILENT))
    assert [(each.passed, each.value) for each in checks.values()] == [(True, None)] * 2


async def test_only_the_most_popular_are_asked_for(
    cluster: Cluster, own: Settings, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries, "CANARIES", 4)
    monkeypatch.setattr(canaries, "NAMES_PER_REQUEST", 3)
    live = await build(PEOPLE)
    watch = Watch()
    checks = by_name(await try_canaries(cluster, own, live, live.id, watch))
    assert "4 of 4" in checks["canaries"].detail
    assert (watch.stages, watch.done) == ([("canaries", 8, "docs")], 8)


async def test_with_nothing_comparable_live_a_generation_finds_its_own(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    new = await build(PEOPLE)
    checks = by_name(await try_canaries(cluster, own, None, new.id, SILENT))
    assert [(each.passed, each.value) for each in checks.values()] == [(True, 1.0)] * 2
    assert [each.limit for each in checks.values()] == [0.98, None]


async def test_with_nothing_comparable_live_one_that_finds_nobody_is_refused(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    new = await build(PEOPLE, lose_name_keys)
    checks = by_name(await try_canaries(cluster, own, None, new.id, SILENT))
    assert verdicts(tuple(checks.values())) == {"canaries": False, "misspelt canaries": True}
    assert checks["misspelt canaries"].value == 0.0


async def test_a_catalogue_of_namesakes_passes(cluster: Cluster, own: Settings, build: Build) -> None:
    new = await build(("Jake Gyllenhaal",) * 30)
    assert verdicts(await try_canaries(cluster, own, None, new.id, SILENT))["canaries"]


async def test_a_catalogue_nobody_can_be_looked_for_in_passes(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    new = await build(("!!!",))
    checks = await try_canaries(cluster, own, None, new.id, SILENT)
    assert all(each.passed for each in checks)
    assert checks[0].detail == "of its own most popular people, nobody can be looked for by name"


@pytest.mark.parametrize(
    ("fact", "there"),
    [
        ("nm0000000\tJake Gyllenhaal", True),
        ("nm0000004\trenee zellweger", True),
        ("nm0000000\tKeanu Reeves", False),
        ("nm7777777\tJake Gyllenhaal", False),
        ("tt0246578\tDonnie Darko", True),
        ("tt0246578\tAmelie", True),
        ("tt0246578\tZodiac", False),
    ],
)
async def test_required_facts_are_there_under_their_names(
    cluster: Cluster, own: Settings, build: Build, tmp_path: Path, fact: str, there: bool
) -> None:
    path = tmp_path / "facts"
    path.write_text(f"nm0000005\tKeanu Reeves\n{fact}\n")
    new = await build(PEOPLE)
    demanding = msgspec.structs.replace(own, gate_facts_file=path)
    check = by_name(await try_canaries(cluster, demanding, None, new.id, SILENT))["required facts"]
    assert check.passed is there
    assert check.limit == 1.0
    if not there:
        nconst, name = fact.split("\t")
        assert check.detail == f"1 of 2 required facts are there; lost: {name} ({nconst})"


async def test_unusable_facts_are_a_wrong_setting(
    cluster: Cluster, own: Settings, build: Build, tmp_path: Path
) -> None:
    demanding = msgspec.structs.replace(own, gate_facts_file=tmp_path / "missing")
    with pytest.raises(SettingsError, match="MARQUEE_GATE_FACTS_FILE"):
        await try_canaries(cluster, demanding, None, "v1-20200101t000000", SILENT)


async def test_doubled_people_are_refused_by_the_count(own: Settings, build: Build) -> None:
    live, new = await build(PEOPLE), await build(PEOPLE * 2)
    assert new.meta is not None
    refused = [each.name for each in check_build(own, new.meta, live) if not each.passed]
    assert refused == ["growth of actors"]


async def test_doubled_rows_of_one_id_do_no_harm(
    cluster: Cluster, own: Settings, build: Build, tmp_path: Path
) -> None:
    live = await build(PEOPLE)
    path = tmp_path / "name.basics.tsv"
    header, rows = path.read_text().split("\n", 1)
    path.write_text(f"{header}\n{rows}{rows}")
    assembly = assemble(tmp_path, own, tmp_path / "work")
    meta = describe_build(own, open_source(tmp_path), "basis", assembly, "")
    assert assembly.quality.names.duplicates == len(PEOPLE)
    assert all(each.passed for each in check_build(own, meta, live))


async def test_a_retrieval_may_ask_one_generation_alone(
    cluster: Cluster, own: Settings, build: Build
) -> None:
    first, second = await build(PEOPLE[:1]), await build(PEOPLE[1:2])
    for built, name in ((first, "Jake Gyllenhaal"), (second, "Maggie Gyllenhaal")):
        retrieval = Retrieval(cluster, own.index_prefix, generation=built.id)
        generation, (ranked, nobody) = await retrieval.rank([Question(key="gylenhal"), Question(key="zzz")])
        assert (generation, [each.actor.name for each in ranked], nobody) == (built.id, [name], [])
    with pytest.raises(EngineNotReadyError):
        await Retrieval(cluster, own.index_prefix).rank([Question(key="gylenhal")])
