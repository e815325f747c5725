"""Conditions: what can be wrong with the service, and what people are told of it. Nothing here does I/O."""

from __future__ import annotations

from datetime import UTC, datetime

from marquee.reindex.health import Condition as Condition
from marquee.reindex.health import Kind as Kind
from marquee.reindex.status import Status, format_span


def assess(status: Status) -> list[Condition]:
    """Say what is well and what is not; what the status does not tell is left out."""
    conditions = [_assess_engine(status)]
    if status.engine.status == "unreachable":
        return conditions
    conditions.append(_assess_disk(status))
    if status.generation is not None:
        conditions.append(_assess_age(status))
    if status.last_result is not None:
        conditions.append(_assess_run(status))
    return conditions


def _assess_engine(status: Status) -> Condition:
    state = status.engine.status
    if state == "unreachable":
        title, detail = "Elasticsearch cannot be reached", "Nothing can be searched or indexed."
    elif state == "red":
        title, detail = "Elasticsearch is red", "Some of its data cannot be read: searches may fail."
    else:  # yellow lacks a replica, which one node always does
        return Condition(kind="engine", is_bad=False, title="Elasticsearch is back", detail=f"It is {state}.")
    advice = "Look at its log and its disks (`marquee node status` for the managed one)."
    return Condition(kind="engine", is_bad=True, title=title, detail=detail, advice=advice)


def _assess_disk(status: Status) -> Condition:
    if status.engine.writable:
        title, detail = "Elasticsearch takes writes again", "Jobs are run and written down as before."
        return Condition(kind="full-disk", is_bad=False, title=title, detail=detail)
    return Condition(
        kind="full-disk",
        is_bad=True,
        title="Elasticsearch takes no writes, its disk is probably full",
        detail="Searches go on. Nothing can be indexed, and what happens to jobs, workers and the schedule "
        "cannot be written down: until a person makes room, reindexes fail or wait unseen.",
        advice="Make room on its disk (`GET _cat/allocation?v` shows how full each is; generations can still "
        "be deleted and rolled back); Elasticsearch then takes writes again by itself. If there is room, "
        "somebody has set a block: `GET _cluster/state/blocks` shows it.",
    )


def _assess_age(status: Status) -> Condition:
    if status.fresh:
        age_s = status.data_age_s
        detail = f"They are {format_span(age_s)} old." if age_s is not None else "What is live does not age."
        return Condition(kind="stale", is_bad=False, title="data are fresh again", detail=detail)
    if not status.engine.writable:
        advice = "Elasticsearch takes no writes: make room on its disk."
    elif status.workers == 0:
        advice = "No worker is alive: start `marquee worker`, or look why it ended."
    elif status.pinned:
        advice = f"{status.pinned} is pinned, so nothing newer goes live: `marquee unpin`."
    elif status.next_run_at is None:
        advice = "No worker has a schedule: set MARQUEE_SCHEDULE, or run `marquee reindex`."
    else:
        advice = "`marquee jobs` shows what the last looks at the source came to."
    return Condition(
        kind="stale",
        is_bad=True,
        title=f"data are {format_span(status.data_age_s or 0)} old",
        detail="They were not confirmed to match what is published for more than 24 h.",
        advice=advice,
    )


def _assess_run(status: Status) -> Condition:
    job = status.last_result
    assert job is not None  # noqa: S101 - as `assess` saw
    if job.state == "succeeded":
        return Condition(
            kind="failed-run", is_bad=False, title="a reindex succeeded again", detail=f"It was job {job.id}."
        )
    gate = "then, if the difference is meant, `marquee reindex --force --reason …`"
    advice = f"`marquee jobs {job.id}` says more; " + (
        gate if job.state == "refused" else "the next look tries again, `marquee reindex` does at once"
    )
    return Condition(
        kind="failed-run",
        is_bad=True,
        title="a reindex was refused" if job.state == "refused" else "a reindex failed",
        detail=f"Job {job.id}: {job.reason or 'no reason is recorded'}. What was live stays live.",
        advice=f"{advice}.",
    )


def write_digest(condition: Condition, status: Status, was: str, since: datetime | None) -> str:
    """Return what people are told: what is wrong or well, what to do, and the figures.

    `was` and `since` say with what and when the trouble began; they are told once it is over.
    """
    now = datetime.now(UTC)
    lines = [condition.detail]
    if condition.advice:
        lines.append(f"What to do: {condition.advice}")
    if not condition.is_bad and since:
        lasted = format_span((now - since).total_seconds())
        lines.append(f"It was: {was}. It began on {since:%Y-%m-%d %H:%M} UTC and lasted {lasted}.")
    return "\n".join([*lines, "", *(f"{name}: {figure}" for name, figure in _collect_figures(status, now))])


def _collect_figures(status: Status, now: datetime) -> list[tuple[str, str]]:
    figures = [
        ("engine", _describe_engine(status)),
        ("generation", (status.generation or "none is known") + (" (pinned)" if status.pinned else "")),
    ]
    if status.counts:
        figures.append(("holds", ", ".join(f"{count:,} {kind}" for kind, count in status.counts.items())))
    if status.source:
        published, confirmed = status.source.published_at, status.source.confirmed_at
        told = f"published {_format_time(published, now)}, confirmed {_format_time(confirmed, now)}"
        figures.append(("source", f"{status.source.kind}, {told}"))
        age_s = status.data_age_s
        figures.append(("data age", format_span(age_s) if age_s is not None else "does not apply"))
    if status.last_success_at:
        figures.append(("last success", _format_time(status.last_success_at, now)))
    if status.last_result:
        reason = f": {status.last_result.reason}" if status.last_result.reason else ""
        figures.append(("last run", f"{status.last_result.id} {status.last_result.state}{reason}"))
    if status.next_run_at:
        figures.append(("next look", _format_time(status.next_run_at, now)))
    if status.workers is not None:
        figures.append(("workers", str(status.workers)))
    return figures


def _describe_engine(status: Status) -> str:
    named = f"{status.engine.status} {status.engine.version or ''}".strip()
    return named if status.engine.writable else f"{named}, takes no writes"


def _format_time(at: datetime, now: datetime) -> str:
    """Return "2026-11-22 03:05 UTC (6 h 12 min ago)"."""
    away_s = (now - at).total_seconds()
    told = f"{format_span(away_s)} ago" if away_s >= 0 else f"in {format_span(-away_s)}"
    return f"{at:%Y-%m-%d %H:%M} UTC ({told})"
