"""IMDb-format files of any size, made up: for tests and measurements at full size."""

from marquee.catalog.synth.files import BREAKS, BreakKind, synthesise

__all__ = ["BREAKS", "BreakKind", "synthesise"]
