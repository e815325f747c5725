"""A status in which every figure is told, to be changed by each test where it wants trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from marquee.engine.generations import SourceMeta
from marquee.reindex.job import State
from marquee.reindex.status import MAX_DATA_AGE_S, EngineStatus, JobSummary, Status

GENERATION = "v1-20261122t030512"
UNREACHABLE = EngineStatus(version=None, status="unreachable")
RED = EngineStatus(version="8.18.0", status="red")
FULL = EngineStatus(version="8.18.0", status="yellow", writable=False)


def make_status(**changes: Any) -> Status:
    """A service that is well, three hours after its last look at IMDb."""
    now = datetime.now(UTC)
    status = Status(
        generation=GENERATION,
        source=SourceMeta(
            kind="imdb", published_at=now - timedelta(hours=9), confirmed_at=now - timedelta(hours=3)
        ),
        data_age_s=3 * 3600,
        fresh=True,
        counts={"actors": 28079, "titles": 36254},
        degraded=False,
        engine=EngineStatus(version="8.18.0", status="yellow"),
        attribution="Information courtesy of IMDb.",
        quality={},
        last_success_at=now - timedelta(hours=3),
        next_run_at=now + timedelta(hours=3, seconds=30),
        last_job=summarise("succeeded"),
        last_result=summarise("succeeded"),
        workers=2,
    )
    return msgspec.structs.replace(status, **changes)


def make_stale(age_s: int = MAX_DATA_AGE_S + 1, **changes: Any) -> Status:
    return make_status(data_age_s=age_s, fresh=age_s <= MAX_DATA_AGE_S, degraded=True, **changes)


def make_unreachable() -> Status:
    return Status(
        generation=None, source=None, data_age_s=None, fresh=False, counts={}, degraded=True,
        engine=UNREACHABLE, attribution="", quality={},
    )  # fmt: skip


def summarise(state: State, reason: str = "") -> JobSummary:
    return JobSummary(id="20261122t030512-abcdef", state=state, ended_at=datetime.now(UTC), reason=reason)
