"""Whether this process stood still: stopped, paused with its machine, or kept from a core for long.

What a timeout ended meanwhile says nothing about who was asked: it is no failure of his, and worth another
try. Frozen for up to nine seconds under load (`benchmarks.chaos`), a service answered what it had
begun before with 503, though engine and client were still there.
"""

from __future__ import annotations

# Lateness of this much is no queue of callbacks: at twice its capacity a process comes some 20 ms late.
MIN_S = 0.25

_count = 0


def note(late_s: float) -> None:
    """Take note of how late, in seconds, the process came to something that was due."""
    global _count
    if late_s >= MIN_S:
        _count += 1


def count() -> int:
    """Return how often it stood still so far."""
    return _count
