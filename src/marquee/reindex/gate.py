"""The gate before the swap: what must hold of a build before users see it. `canaries` asks it real questions.

Damage that no single row shows is told by comparison with what is live. A build from another kind of source,
or with other choices of who is indexed, is meant to differ from it: then the absolute checks stand alone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from marquee.catalog.files import PRINCIPALS, RATINGS, TABLES
from marquee.catalog.quality import FileQuality, Quality
from marquee.engine.generations import BuildMeta, Generation
from marquee.engine.mappings import Kind
from marquee.errors import SettingsError
from marquee.settings import Settings

COUNTED: tuple[Kind, ...] = ("actors", "titles")

_FACT = re.compile(r"(?P<id>(?:nm|tt)[0-9]{7,10})\t(?P<name>[^\t]*\S[^\t]*)")

FEW = 10
"""Fewer documents or rows than these never refuse a comparison: of twenty people one is 5 %."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str
    """One line with the figures, for people."""
    value: float | None = None
    """What `limit` is compared with, mostly a share of 0 to 1; None where there is nothing to measure."""
    limit: float | None = None
    """None where any value passes."""


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate found of a build."""

    passed: bool
    forced: bool = False
    """Whether the build was to be swapped in either way."""
    against: str | None
    """The generation it was compared with; None: the absolute checks alone."""
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, checks: Sequence[Check], *, against: str | None, forced: bool = False) -> Self:
        """Return the report of these checks, passed if they all are."""
        passed = all(each.passed for each in checks)
        return cls(passed=passed, forced=forced and not passed, against=against, checks=tuple(checks))

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(each for each in self.checks if not each.passed)


def read_pass(meta: BuildMeta) -> GateReport | None:
    """Return the report that lets a build be live; None where there is none, or one of another version."""
    try:
        report = msgspec.convert(meta.gate, GateReport)
    except msgspec.ValidationError:
        return None
    return report if report.passed or report.forced else None


def is_judgeable(meta: BuildMeta) -> bool:
    """Say whether this release can judge a build: another one may report other things of its source."""
    try:
        msgspec.convert(meta.quality, Quality)
    except msgspec.ValidationError:
        return False
    return True


def is_comparable(meta: BuildMeta, live: Generation | None) -> bool:
    """Say whether a build is to resemble the live generation: same kind of source, same people and titles."""
    if live is None or live.meta is None:
        return False
    return (live.meta.source.kind, live.meta.options) == (meta.source.kind, meta.options)


def check_build(settings: Settings, meta: BuildMeta, live: Generation | None) -> tuple[Check, ...]:
    """Check a build by its figures alone, against the live generation where they are comparable."""
    quality = msgspec.convert(meta.quality, Quality)
    checks = [*_check_rejects(settings, quality), *(_check_not_empty(meta, kind) for kind in COUNTED)]
    if live is not None and live.meta is not None and is_comparable(meta, live):
        checks += _check_counts(settings, meta, live.meta)
        # The report of another version of Marquee may hold other things: then there is nothing to compare.
        with contextlib.suppress(msgspec.ValidationError):
            before = msgspec.convert(live.meta.quality, Quality)
            checks += _check_files(settings, quality, before)
            checks += _check_orphans(settings, quality, before)
        checks += _check_fill(settings, meta, live.meta)
    return tuple(checks)


def explain_refusal(report: GateReport, *, lacks_reason: bool = False) -> str:
    """Return one line for people: each failed check with its figures, and what they can do.

    `lacks_reason`: it was to be passed by force, and nobody said why.
    """
    failed = "; ".join(f"{each.name}: {each.detail}" for each in report.failed)
    hint = "force passes the gate with a reason only: " if lacks_reason else ""
    return (
        f"the new generation is not good enough: {failed}. What is live stays; the new one is kept for "
        f"inspection (`marquee generations`). If the source is meant to be like that: {hint}"
        "`marquee reindex --force --reason TEXT`"
    )


def read_facts(path: Path) -> dict[str, str]:
    """Return what must be there, names by id, from lines of an id, a tab and the name; empty lines are none.

    Raises:
        SettingsError: the file cannot be read, or a line is malformed or names an id again.
    """
    variable = f"MARQUEE_GATE_FACTS_FILE={str(path)!r}"
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} cannot be read: {error}") from error
    facts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fact = _FACT.fullmatch(line)
        if fact is None:
            raise SettingsError(f"{variable} cannot be used: line {number} is not an id, a tab and a name")
        if fact["id"] in facts:
            raise SettingsError(f"{variable} cannot be used: line {number} names {fact['id']} again")
        facts[fact["id"]] = fact["name"].strip()
    return facts


def _check_rejects(settings: Settings, quality: Quality) -> Iterator[Check]:
    limit = settings.gate_max_reject_share
    for table, file in _files(quality):
        share = _share(file.rejected, file.rows)
        detail = f"{file.file}: {file.rejected:,} of {file.rows:,} rows ({share:.1%}) are unusable"
        if file.rejects:
            reason, reject = max(file.rejects.items(), key=lambda each: each[1].count)
            detail += f", mostly {reason} (line {reject.examples[0].line})"
        yield Check(
            name=f"rejects of {table}",
            passed=share <= limit,
            detail=f"{detail}; at most {limit:.1%} may be",
            value=share,
            limit=limit,
        )


def _check_not_empty(meta: BuildMeta, kind: Kind) -> Check:
    count = meta.counts[kind]
    detail = f"{count:,} {kind}; at least 1 must be there"
    return Check(name=f"any {kind}", passed=count > 0, detail=detail, value=count, limit=1)


def _check_counts(settings: Settings, meta: BuildMeta, live: BuildMeta) -> Iterator[Check]:
    for kind in COUNTED:
        count, before = meta.counts[kind], live.counts[kind]
        figures = f"{count:,} {kind} where {before:,} are live"
        for name, change, limit, word in (
            ("drop", _fall(before, count), settings.gate_max_drop, "fewer"),
            ("growth", _share(count - before, before), settings.gate_max_growth, "more"),
        ):
            change = max(0.0, change)
            yield Check(
                name=f"{name} of {kind}",
                passed=change <= limit or abs(count - before) < FEW,
                detail=f"{figures}, {change:.1%} {word}; at most {limit:.1%} may be",
                value=change,
                limit=limit,
            )


def _check_files(settings: Settings, quality: Quality, live: Quality) -> Iterator[Check]:
    """Check what no count of documents shows: a shorter file of credits or ratings makes poorer documents."""
    limit = settings.gate_max_drop
    for (table, file), (_, before) in zip(_files(quality), _files(live), strict=True):
        rows, rows_before = file.kept - file.duplicates, before.kept - before.duplicates
        drop = max(0.0, _fall(rows_before, rows))
        yield Check(
            name=f"rows of {table}",
            passed=drop <= limit or rows_before - rows < FEW,
            detail=(
                f"{file.file}: {rows:,} usable rows where the live generation had {rows_before:,}, "
                f"{drop:.1%} fewer; at most {limit:.1%} may be"
            ),
            value=drop,
            limit=limit,
        )


def _check_orphans(settings: Settings, quality: Quality, live: Quality) -> Iterator[Check]:
    limit = settings.gate_max_orphan_rise
    befores = _count_orphans(live)
    for what, (orphans, rows) in _count_orphans(quality).items():
        share, before = _share(orphans, rows), _share(*befores[what])
        rise = share - before
        yield Check(
            name=f"orphans of {what}",
            passed=rise <= limit or rise * rows < FEW,
            detail=(
                f"{share:.1%} of {what} point at an unknown person or title, {before:.1%} of the live "
                f"ones; at most {limit:.1%} of all may be added"
            ),
            value=rise,
            limit=limit,
        )


def _check_fill(settings: Settings, meta: BuildMeta, live: BuildMeta) -> Iterator[Check]:
    limit = settings.gate_max_fill_drop
    counts: dict[str, int] = dict(live.counts.items())
    for kind, shares in meta.fill.items():
        for field, share in shares.items():
            before = live.fill.get(kind, {}).get(field)
            if before is None:
                continue  # the version of Marquee that built it did not count this field
            # Relative: where one title in ten has genres, all of them can go while the share falls by .1.
            fall = max(0.0, _fall(before, share))
            yield Check(
                name=f"fill of {kind}.{field}",
                passed=fall <= limit or (before - share) * counts.get(kind, 0) < FEW,
                detail=(
                    f"{share:.1%} of {kind} have {field}, {before:.1%} of the live ones, {fall:.1%} fewer; "
                    f"at most {limit:.1%} may be"
                ),
                value=fall,
                limit=limit,
            )


def _files(quality: Quality) -> list[tuple[str, FileQuality]]:
    names = [table.name for table in TABLES]
    files = (quality.names, quality.titles, quality.principals, quality.ratings)
    return list(zip(names, files, strict=True))


def _count_orphans(quality: Quality) -> dict[str, tuple[int, int]]:
    """Return how much points at nobody and nothing, and how much points at all."""
    counts = {
        table.name: (sum(file.orphans.values()), file.kept)
        for table, file in ((PRINCIPALS, quality.principals), (RATINGS, quality.ratings))
    }
    return counts | {"known-for titles": (quality.known_for_unresolved, quality.known_for)}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _fall(before: float, after: float) -> float:
    return _share(before - after, before)
