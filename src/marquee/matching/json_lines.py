"""JSON lines. An object is written as it was read, digit for digit, with what is appended before its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from marquee.errors import SettingsError, TableError
from marquee.matching.columns import Added, Fields, Outcome, Wanted, describe, fit
from marquee.matching.files import Watch
from marquee.matching.text import TextFile, split_end

MAX_KEYS = 10_000
"""Distinct keys that are remembered: of more, it is no table."""


class JsonLines:
    """A table whose rows are JSON objects, one a line."""

    def __init__(self, text: TextFile, wanted: Wanted, added: Added) -> None:
        """Nothing is read yet."""
        self.file = text.file
        self._text, self._wanted, self._added = text, wanted, added
        self.columns: list[str] = []
        """The keys of all rows, once they were checked."""

    def _read_objects(self, watch: Watch | None = None) -> Iterator[tuple[str, str, int]]:
        """Yield each line without its end, the end, and its number."""
        for number, line in enumerate(self._text.read_lines(watch), 1):
            yield *split_end(line), number

    def check(self, watch: Watch) -> int:
        """Read all of it, and return how many rows there are.

        Raises:
            TableError: a line is no JSON object.
            SettingsError: no row has a wanted key, or one has a key that is to be appended.
        """
        decoder, keys, rows = msgspec.json.Decoder(), dict[str, None](), 0
        for body, _, line in self._read_objects(watch):
            if not body.strip():
                continue
            rows += 1
            where = f"{self.file.path}, row {rows:,} (line {line:,})"
            try:
                row = decoder.decode(body)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                why = "is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON: {error}"
                raise TableError(f"{where}: {why}{_explain_array(body, rows)}") from error
            if not isinstance(row, dict):
                raise TableError(f"{where}: is no JSON object{_explain_array(body, rows)}")
            if len(keys) < MAX_KEYS:
                keys.update(dict.fromkeys(row))
        self.columns = list(keys)
        if rows:
            for option, column in self._wanted.options.items():
                if column not in keys:
                    raise SettingsError(
                        f"{option} {column}: no row of {self.file.path} has it; {describe(self.columns)}"
                    )
        self._added = fit(self._added, self.columns, self.file.path)
        return rows

    def read(self, skip: int) -> Iterator[Fields]:
        """Yield what each row says of who is meant, but for the first `skip`."""
        decoder, wanted = msgspec.json.Decoder(dict[str, object]), self._wanted
        rows = (body for body, _, _ in self._read_objects() if body.strip())
        for number, body in enumerate(rows):
            if number >= skip:
                row = decoder.decode(body)
                yield Fields(row.get(wanted.name), row.get(wanted.born or ""), row.get(wanted.title or ""))

    def write(self, file: IO[bytes], outcomes: Iterable[Outcome]) -> None:
        """Write the table with what is appended."""
        waiting, names = iter(outcomes), self._added.names
        file.write(self._text.bom)
        for body, end, _ in self._read_objects():
            stripped = body.rstrip()
            if stripped:
                values = self._added.fill(next(waiting))
                own = msgspec.json.encode(dict(zip(names, values, strict=True))).decode()
                start = stripped.removesuffix("}").rstrip()
                comma = "" if start.endswith("{") else ","
                # the blanks after the object are part of the line
                body = f"{start}{comma}{own.removeprefix('{')}{body[len(stripped) :]}"
            file.write((body + end).encode(self._text.codec, "replace"))


def _explain_array(body: str, rows: int) -> str:
    is_array = rows == 1 and body.lstrip().startswith("[")
    return ": a JSON array is no JSON lines, `jq -c '.[]'` makes them" if is_array else ""
