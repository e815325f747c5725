"""Which format a file has: by its suffix, unless it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol, cast

import msgspec

from marquee.errors import SettingsError
from marquee.matching.columns import Added, Fields, Outcome, Wanted
from marquee.matching.delimited import Delimited
from marquee.matching.files import Compression, InputFile, Watch
from marquee.matching.json_lines import JsonLines
from marquee.matching.text import TextFile

FORMATS = ("csv", "tsv", "jsonl", "parquet")
_SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"
}  # fmt: skip


class Table(Protocol):
    """A file of rows that can be read again and again."""

    file: InputFile

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns; of JSON lines, known once it was checked."""

    def check(self, watch: Watch) -> int:
        """Read it from end to end, showing its bytes to `watch`, and return how many rows it has.

        Raises TableError for what cannot be used, with the line, so that nobody is asked anything in vain.
        """

    def read(self, skip: int) -> Iterator[Fields]:
        """Yield what each row says of who is meant, but for the first `skip`."""

    def write(self, file: IO[bytes], outcomes: Iterable[Outcome]) -> None:
        """Write all of it to `file`, each row with what became of it."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be read; what is none is found out."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    has_quotes: bool = True


def name_output(path: Path) -> Path:
    """Return where the matches of a file go: people.csv.gz → people.matched.csv.gz, beside it."""
    *_, compression = _split(path)
    stem = path.with_suffix("") if compression else path
    return path.with_name(f"{stem.stem}.matched{stem.suffix}{compression}")


def _split(path: Path) -> tuple[str, Compression]:
    """Return the format that the suffixes of a path say, "" for an unknown one, and the compression."""
    *_, last = path.suffixes or [""]
    compression = last.lower() if last.lower() in (".gz", ".zst") else ""
    inner = path.with_suffix("").suffix if compression else path.suffix
    return _SUFFIXES.get(inner.lower(), ""), cast("Compression", compression)


def check_output(path: Path, out: Path, reading: Reading) -> Compression:
    """Return how the output is compressed.

    Raises:
        SettingsError: it is the input, or its suffix says another format than the input has.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise SettingsError(f"--out {out} is the input, which is never written to")
    own, (theirs, compression) = reading.format or _split(path)[0], _split(out)
    if (theirs or own) != own:
        raise SettingsError(
            f"--out {out} is {theirs}, and the input {own}: matches come in the input's format"
        )
    if own == "parquet" and compression:
        raise SettingsError(f"--out {out}: Parquet compresses by itself")
    return compression


def open_table(path: Path, wanted: Wanted, added: Added, reading: Reading) -> Table:
    """Open a file of names.

    Raises:
        SettingsError: an option does not fit it: a column that is not there, an unknown suffix or encoding.
        TableError: it cannot be used.
        OSError: it is not there, or may not be read.
    """
    kind, compression = _split(path)
    kind = reading.format or kind
    if not kind:
        known = ", ".join(_SUFFIXES)
        raise SettingsError(f"{path}: the suffix is none of {known}: say --format {' or '.join(FORMATS)}")
    file = InputFile(path, compression)
    if kind == "parquet":
        from marquee.matching.parquet import Parquet  # a quarter of a second

        if compression:
            raise SettingsError(f"{path}: a compressed Parquet file cannot be read: unpack it")
        return Parquet(file, wanted, added)
    text = TextFile(file, reading.encoding)
    if kind == "jsonl":
        return JsonLines(text, wanted, added)
    delimiter = reading.delimiter or ("\t" if kind == "tsv" else None)
    return Delimited(text, wanted, added, delimiter=delimiter, has_quotes=reading.has_quotes)
