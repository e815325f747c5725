"""What a person at a terminal sees: progress bars, tables, one line for an error."""

from marquee.terminal.console import show_error, show_terms, show_warning, show_welcome
from marquee.terminal.progress import StageProgress
from marquee.terminal.tables import (
    show_freed,
    show_node,
    show_outcome,
    show_planted,
    show_search,
    show_status,
    show_suggestions,
)

__all__ = [
    "StageProgress",
    "show_error",
    "show_freed",
    "show_node",
    "show_outcome",
    "show_planted",
    "show_search",
    "show_status",
    "show_suggestions",
    "show_terms",
    "show_warning",
    "show_welcome",
]
