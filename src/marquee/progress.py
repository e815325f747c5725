"""How long work tells how far it is: the seam between what works and what shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the stages of a long piece of work, one after another.

    Implementations must be cheap: `advance` is called for every block of rows or bytes.
    """

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Begin a stage, ending the one before. `total` is None where it can't be known; `unit` is
        "rows", "docs" or "bytes"."""

    def advance(self, amount: int) -> None:
        """Count `amount` units of the current stage as done."""

    def finish(self) -> None:
        """End the current stage."""


class Silent:
    """Progress nobody watches."""

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Ignore the stage."""

    def advance(self, amount: int) -> None:
        """Ignore the amount."""

    def finish(self) -> None:
        """Ignore the end."""


SILENT: Progress = Silent()
