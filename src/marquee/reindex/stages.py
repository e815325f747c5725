"""How far a reindex is: its stages, what each takes as a rule, and the meter of share, rate and rest."""

from __future__ import annotations

import time

import msgspec

# Shares of the time of a reindex of 14 M people, in percent (README, "How long a reindex takes": reading
# 125 s, joins and keys 332 s, loading 550 s). A stage of another name takes no share.
_ASSEMBLY: dict[str, float] = {
    "reading name.basics": 3, "reading title.basics": 3, "reading title.ratings": 0.3,
    "reading title.principals": 6, "joining titles": 10, "joining people": 17, "keys of tokens": 1,
    "joining casts": 5,
}  # fmt: skip
_LOADING: dict[str, float] = {
    "index actors": 40, "index titles": 10, "index tokens": 1, "refresh and check": 2, "canaries": 1,
}  # fmt: skip
_COMPARING: dict[str, float] = {"compare actors": 20, "compare titles": 5}


class StageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an ended stage took."""

    stage: str
    took_s: float
    done: int
    unit: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How far the work is at one moment."""

    stage: str
    done: int
    total: int | None
    unit: str
    percent: float
    rate_s: float | None
    """Units of the stage per second."""
    eta_s: float | None


class Meter:
    """Progress that can be read at any time, from any thread."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._shares = _ASSEMBLY | (_COMPARING if dry_run else _LOADING)
        self._began = self._stage_began = time.monotonic()
        self._stage, self._done, self._total, self._unit = "", 0, None, ""  # type: tuple[str, int, int | None, str]
        self._ended_share = 0.0
        self.figures: list[StageFigures] = []

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Begin a stage, ending the one before."""
        self.finish()
        self._stage, self._done, self._total, self._unit = stage, 0, total, unit
        self._stage_began = time.monotonic()

    def advance(self, amount: int) -> None:
        """Count units as done."""
        self._done += amount

    def finish(self) -> None:
        """End the current stage."""
        if not self._stage:
            return
        took_s = round(time.monotonic() - self._stage_began, 3)
        self.figures.append(StageFigures(stage=self._stage, took_s=took_s, done=self._done, unit=self._unit))
        self._ended_share += self._shares.get(self._stage, 0.0)
        self._stage = ""

    def read(self) -> Reading:
        """Return how far the work is."""
        now = time.monotonic()
        share = self._shares.get(self._stage, 0.0)
        part = min(1.0, self._done / self._total) if self._total else 0.0
        percent = min(99.9, 100 * (self._ended_share + share * part) / sum(self._shares.values()))
        elapsed_s, stage_s = now - self._began, now - self._stage_began
        return Reading(
            stage=self._stage,
            done=self._done,
            total=self._total,
            unit=self._unit,
            percent=round(percent, 1),
            rate_s=round(self._done / stage_s, 1) if self._done and stage_s > 0 else None,
            # Of the first hundredths nothing can be told.
            eta_s=round(elapsed_s * (100 - percent) / percent, 1) if percent >= 3 else None,
        )
