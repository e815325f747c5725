from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marquee.engine.generations import Generation, generation_of, index_name, new_id, parse_index_name
from marquee.errors import EngineNotReadyError

NOW = datetime(2026, 11, 22, 3, 5, 12, 999, tzinfo=UTC)


def generation(id_: str) -> Generation:
    return Generation(id=id_, live=False, complete=True, meta=None)


def test_an_id_says_version_and_time() -> None:
    assert new_id([], NOW) == "v1-20261122t030512"
    assert generation("v1-20261122t030512").built_at == NOW.replace(microsecond=0)
    assert generation("v12-20261122t030512").mapping_version == 12


def test_ids_grow_even_where_the_clock_went_back() -> None:
    existing = [generation("v1-20261122t030512"), generation("v1-20261231t235959")]
    assert new_id(existing, NOW) == "v1-20270101t000000"


@pytest.mark.parametrize("kind", ["actors", "titles"])
def test_an_index_name_is_built_and_parsed(kind: str) -> None:
    name = index_name("my-prefix", kind, "v1-20261122t030512")  # type: ignore[arg-type]
    assert name == f"my-prefix-{kind}-v1-20261122t030512"
    assert parse_index_name("my-prefix", name) == (kind, "v1-20261122t030512")


@pytest.mark.parametrize(
    "index",
    [
        "marquee-actors",
        "marquee-actors-v1",
        "marquee-actors-v0-20261122t030512",
        "marquee-actors-v1-20261122t030512-old",
        "x-marquee-actors-v1-20261122t030512",
        "marquee-credits-v1-20261122t030512",
        "marquee2-actors-v1-20261122t030512",
    ],
)
def test_other_indexes_are_not_ours(index: str) -> None:
    assert parse_index_name("marquee", index) is None
    with pytest.raises(EngineNotReadyError):
        generation_of("marquee", index)
