"""The gate before the swap: what must hold of a build before users see it. Pure."""

from __future__ import annotations

from marquee.catalog.quality import FileQuality, Quality
from marquee.errors import GateRefusedError

MAX_REJECT_SHARE = 0.01
"""Share of a file's rows that may be unusable. IMDb's own files have next to none; one in a hundred says that
the format has changed, not that somebody mistyped."""


def check_rejects(quality: Quality) -> None:
    """Refuse a catalogue of which too much was unusable.

    Raises:
        GateRefusedError: names each file, its share and an example.
    """
    failed = [_describe(file) for file in _files(quality) if file.rejected > MAX_REJECT_SHARE * file.rows]
    if failed:
        raise GateRefusedError(
            f"{'; '.join(failed)}. At most {MAX_REJECT_SHARE:.0%} of a file may be; nothing was changed. "
            "If the source is meant to be like that, use --force"
        )


def _files(quality: Quality) -> tuple[FileQuality, ...]:
    return quality.names, quality.titles, quality.principals, quality.ratings


def _describe(file: FileQuality) -> str:
    reason, reject = max(file.rejects.items(), key=lambda each: each[1].count)
    return (
        f"{file.file}: {file.rejected:,} of {file.rows:,} rows ({file.rejected / file.rows:.1%}) are "
        f"unusable, mostly {reason} (line {reject.examples[0].line})"
    )
