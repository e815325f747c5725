"""CSV and TSV. A row is written as it was read, to the last quote; what is appended comes before its end."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Literal

from marquee.errors import SettingsError, TableError
from marquee.matching.columns import Added, Fields, Outcome, Value, Wanted, find_columns, fit
from marquee.matching.files import Watch
from marquee.matching.text import TextFile, split_end

MAX_CELL_LETTERS = 1 << 20
"""A quote that never closes would otherwise have the rest of the file in memory."""
_DELIMITERS = ",;\t|"


class Delimited:
    """A table whose first line names its columns."""

    def __init__(
        self,
        text: TextFile,
        wanted: Wanted,
        added: Added,
        *,
        delimiter: str | None = None,
        has_quotes: bool = True,
    ) -> None:
        """Read the header; without a `delimiter`, it is the one that splits the header best.

        Raises:
            SettingsError: a column is not there, or there twice, or the delimiter is none.
            TableError: the file cannot be read.
        """
        self.file = text.file
        self._text = text
        self._quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise SettingsError(f"--delimiter {delimiter!r} is not one character")
        csv.field_size_limit(MAX_CELL_LETTERS)
        self._delimiter, self.columns = self._read_header(delimiter or _DELIMITERS, wanted)
        self._places = find_columns(wanted, self.columns, self.file.path)
        self._added = fit(added, self.columns, self.file.path)

    def _read_header(self, delimiters: str, wanted: Wanted) -> tuple[str, list[str]]:
        """Return the delimiter, and the names of the columns."""
        candidates: list[tuple[bool, int, str, list[str]]] = []
        for delimiter in delimiters:
            self._delimiter = delimiter
            _, fields, line = next((each for each in self._read_records() if each[1]), ("", [], 0))
            if any("\0" in field for field in fields):
                raise TableError(
                    f"{self.file.path}, line {line}: holds a NUL byte: is it UTF-16 (`--encoding utf-16`), "
                    "or no text at all?"
                )
            # max keeps the first of equals
            candidates.append((wanted.name in fields, len(fields), delimiter, fields))
        best = max(candidates, key=lambda each: each[:2])
        if not best[3]:
            raise TableError(f"{self.file.path} holds no line but blank ones")
        return best[2], best[3]

    def _read_records(self, watch: Watch | None = None) -> Iterator[tuple[str, list[str], int]]:
        """Yield each record as it stands in the file, its fields (none: a blank line), and its first line."""
        taken: list[str] = []

        def take() -> Iterator[str]:
            for line in self._text.read_lines(watch):
                taken.append(line)
                yield line

        quote = None if self._quoting == csv.QUOTE_NONE else '"'
        reader = csv.reader(take(), delimiter=self._delimiter, quotechar=quote, quoting=self._quoting)
        line = 1
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                limit = f"{MAX_CELL_LETTERS:,}"
                why = f"its cell has more than {limit} characters, or a quote that opens there never closes"
                if "field larger than" not in str(error):
                    why = str(error)
                raise TableError(f"{self.file.path}, line {line:,}: {why}") from error
            yield "".join(taken), fields, line
            taken.clear()
            line = reader.line_num + 1

    def check(self, watch: Watch) -> int:
        """Read all of it, and return how many rows there are; raises TableError as `_read_records`."""
        path, width, rows = self.file.path, len(self.columns), -1
        for raw, fields, line in self._read_records(watch):
            if not fields:
                continue
            rows += 1
            where = f"{path}, row {rows:,} (line {line:,})" if rows else f"{path}, line {line:,}"
            if "\0" in raw:
                raise TableError(f"{where}: holds a NUL byte: is it damaged, or not {self._text.label}?")
            fault = self._find_fault(raw)
            if fault or len(fields) != width:
                cells = f"has {len(fields)} cells where the header has {width}"
                raise TableError(f"{where}: {fault or cells}")
        return rows

    def _find_fault(self, raw: str) -> str:
        """Return what is wrong with the quotes of a record, "" for nothing.

        Of one line, what the lenient reader makes of stray quotes is right. Of several, a quote that is
        missing would have made one row of many.
        """
        if self._quoting == csv.QUOTE_NONE or '"' not in raw:
            return ""
        lines = list(io.StringIO(raw, newline=""))
        try:
            list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            hint = "; `--no-quotes` reads quotes as letters"
            if "unexpected end of data" in str(error):
                return f"a quote that opens there never closes{hint}"
            if len(lines) > 1:
                return f"goes over {len(lines):,} lines: a quote is missing{hint}"
        return ""

    def read(self, skip: int) -> Iterator[Fields]:
        """Yield what each row says of who is meant, but for the first `skip`."""
        name, born, title = (self._places.get(option) for option in ("--name", "--born", "--title"))
        for row, fields in enumerate(fields for _, fields, _ in self._read_records() if fields):
            if row > skip:  # the header is row 0
                yield Fields(
                    fields[name or 0],
                    None if born is None else fields[born],
                    None if title is None else fields[title],
                )

    def write(self, file: IO[bytes], outcomes: Iterable[Outcome]) -> None:
        """Write the table with what is appended."""
        codec, waiting = self._text.codec, iter(outcomes)
        records = self._read_records()
        file.write(self._text.bom)
        join = None
        for raw, fields, _ in records:
            body, end = split_end(raw)
            if fields and join is None:
                join = self._make_join(body)
                body += join(self._added.names)
            elif fields and join:
                body += join(self._added.fill(next(waiting)))
            # a name with letters that the encoding does not have: its id says who it is
            file.write((body + end).encode(codec, "replace"))

    def _make_join(self, header: str) -> _Join:
        is_quoted = self._quoting != csv.QUOTE_NONE and header == _Join(
            "", self._delimiter, csv.QUOTE_ALL
        ).write(self.columns)
        return _Join(self._delimiter, self._delimiter, csv.QUOTE_ALL if is_quoted else self._quoting)


class _Join:
    """Writes cells as the file writes its own."""

    def __init__(self, first: str, delimiter: str, quoting: int) -> None:
        self._first, self._sink = first, _Sink()
        self._unwritable = str.maketrans(dict.fromkeys(delimiter + "\r\n", " "))
        self._has_quotes = quoting != csv.QUOTE_NONE
        self._writer = csv.writer(
            self._sink, delimiter=delimiter, quoting=quoting, lineterminator="",  # type: ignore[arg-type]
            quotechar='"' if self._has_quotes else None,
        )  # fmt: skip

    def write(self, cells: Sequence[str]) -> str:
        self._writer.writerow(cells)
        return self._first + self._sink.text

    def __call__(self, values: Sequence[Value]) -> str:
        cells = [_format(value) for value in values]
        if not self._has_quotes:
            cells = [cell.translate(self._unwritable) for cell in cells]
        return self.write(cells)


class _Sink:
    """Holds what was written last."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _format(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
