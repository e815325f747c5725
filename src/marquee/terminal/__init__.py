"""What a person at a terminal sees: progress bars, tables, one line for an error."""

from marquee.terminal.console import show_error, show_terms, show_warning, show_welcome
from marquee.terminal.follow import JobFollower
from marquee.terminal.matching import show_matched
from marquee.terminal.operations import (
    show_backups,
    show_done,
    show_generations,
    show_job,
    show_jobs,
    show_worker,
)
from marquee.terminal.progress import StageProgress
from marquee.terminal.tables import (
    show_freed,
    show_node,
    show_planted,
    show_search,
    show_status,
    show_suggestions,
)

__all__ = [
    "JobFollower",
    "StageProgress",
    "show_backups",
    "show_done",
    "show_error",
    "show_freed",
    "show_generations",
    "show_job",
    "show_jobs",
    "show_matched",
    "show_node",
    "show_planted",
    "show_search",
    "show_status",
    "show_suggestions",
    "show_terms",
    "show_warning",
    "show_welcome",
    "show_worker",
]
