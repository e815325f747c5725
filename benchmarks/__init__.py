"""Measurements of Marquee, not part of the package: each module is a command, `python -m benchmarks.load`."""
