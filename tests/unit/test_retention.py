from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from marquee.engine.generations import BuildMeta, Generation, SetAside, SourceMeta
from marquee.reindex.retention import choose_orphans, choose_surplus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make(
    day: int,
    *,
    live: bool = False,
    complete: bool = True,
    foreign: bool = False,
    aliased: bool = False,
    set_aside: SetAside = "",
) -> Generation:
    meta = BuildMeta(
        source=SourceMeta(kind="folder", published_at=NOW, confirmed_at=NOW),
        location="/data", basis="x", attribution="", counts={}, marquee_version="0", set_aside=set_aside,
    )  # fmt: skip
    return Generation(
        id=f"v1-202601{day:02}t000000",
        live=live,
        complete=complete,
        foreign=foreign,
        aliased=aliased or live,
        meta=meta,
    )


def days(found: list[Generation]) -> list[int]:
    return [each.built_at.day for each in found]


def test_the_live_one_and_the_newest_to_go_back_to_are_kept() -> None:
    every = [make(5, live=True), make(4), make(3), make(2)]
    assert days(choose_surplus(every, keep=2)) == [3, 2]
    assert days(choose_surplus(every, keep=1)) == [4, 3, 2]


def test_after_a_rollback_the_newer_one_is_kept_as_well() -> None:
    every = [make(5, set_aside="rolled back"), make(4, live=True), make(3), make(2)]
    assert days(choose_surplus(every, keep=2)) == [2]
    assert days(choose_surplus(every, keep=1)) == [3, 2], "it tells the schedule not to build the same again"


def test_what_was_rolled_back_takes_no_place_of_what_one_may_go_back_to() -> None:
    every = [make(5, live=True), make(4, set_aside="rolled back"), make(3)]
    assert days(choose_surplus(every, keep=2)) == [4]


def test_what_readers_reach_in_part_is_never_deleted() -> None:
    assert choose_orphans([make(5, complete=False, aliased=True)]) == []
    assert choose_surplus([make(6, live=True), make(5, aliased=True)], keep=1) == []


def test_the_newest_refused_one_is_kept_for_inspection_and_costs_no_place() -> None:
    every = [
        make(6, set_aside="refused"),
        make(5, live=True),
        make(4, set_aside="held"),
        make(3),
        make(2, set_aside="refused"),
    ]
    assert days(choose_surplus(every, keep=2)) == [4, 2]


def test_what_was_restored_is_kept_until_the_next_swap() -> None:
    assert make(1).meta is not None

    def dated(generation: Generation, **when: datetime) -> Generation:
        meta = msgspec.structs.replace(generation.meta, **when)  # type: ignore[type-var]
        return msgspec.structs.replace(generation, meta=meta)

    restored = dated(make(2), restored_at=NOW)
    for swapped_at, found in ((NOW - timedelta(days=1), []), (NOW + timedelta(seconds=1), [2])):
        live = dated(make(5, live=True), swapped_at=swapped_at)
        assert days(choose_surplus([live, restored], keep=1)) == found
    assert days(choose_surplus([make(5, live=True), restored], keep=1)) == []


def test_what_is_spared_is_kept_whatever_it_is() -> None:
    every = [make(5, live=True), make(4), make(3)]
    assert choose_surplus(every, keep=2, spared={"v1-20260103t000000"}) == []


def test_the_live_one_is_never_surplus() -> None:
    assert choose_surplus([make(9, set_aside="refused"), make(1, live=True)], keep=1) == []


def test_what_never_ended_or_was_never_judged_is_an_orphan() -> None:
    every = [make(5, complete=False), make(4, set_aside="unjudged"), make(3, live=True), make(2)]
    assert days(choose_orphans(every)) == [5, 4]


def test_what_another_release_wrote_is_left_alone() -> None:
    assert choose_orphans([make(5, complete=False, foreign=True)]) == []
    assert choose_surplus([make(5, complete=False, foreign=True), make(4, live=True)], keep=1) == []


def test_the_live_one_is_no_orphan_even_if_its_metadata_are_gone() -> None:
    assert choose_orphans([make(5, live=True, complete=False)]) == []
