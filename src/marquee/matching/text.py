"""The lines of a table: decoded, each with its own end, so that they can be written again as they were."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from itertools import chain

from marquee.errors import SettingsError, TableError
from marquee.matching.files import InputFile, Watch

MAX_LINE_LETTERS = 1 << 24
"""A longer line is no line of a table; it would have to be held in memory as a whole."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class TextFile:
    """An input file as lines of text."""

    def __init__(self, file: InputFile, encoding: str | None = None) -> None:
        """Open it as `encoding`, or as UTF-8 or what its byte-order mark says.

        Raises:
            SettingsError: there is no such encoding.
            TableError: the file cannot be decompressed.
        """
        self.file = file
        head = next(file.read(), b"")
        if not head:
            raise TableError(f"{file.path} is empty")
        self.bom, self.codec = _detect(head, encoding)
        self.label = codecs.lookup(self.codec).name.upper()
        if head[len(self.bom) :].lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
            raise TableError(f"{file.path} is not what its suffix says: it is an HTML page")

    def read_lines(self, watch: Watch | None = None) -> Iterator[str]:
        """Yield the lines, each with its end: CR, LF or both. The byte-order mark is no part of the first.

        Raises:
            TableError: a byte does not fit the encoding; says which, and in what line.
        """
        decoder = codecs.getincrementaldecoder(self.codec)()
        chunks = self.file.read(watch)
        first = next(chunks, b"")[len(self.bom) :]
        pending, line = "", 0
        for chunk in chain([first], chunks, [b""]):
            try:
                text = pending + decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise TableError(self._explain(error, pending, line)) from error
            # A CR at the end of a chunk may have its LF in the next.
            held = "\r" if chunk and text.endswith("\r") else ""
            lines = list(io.StringIO(text.removesuffix(held) if held else text, newline=""))
            pending = held
            if held and lines:
                pending = lines.pop() + held
            elif chunk and lines and not lines[-1].endswith(("\n", "\r")):
                pending = lines.pop()
            if len(pending) > MAX_LINE_LETTERS:
                raise TableError(
                    f"{self.file.path}, line {line + len(lines) + 1:,}: is longer than "
                    f"{MAX_LINE_LETTERS:,} characters: is this a table?"
                )
            line += len(lines)
            yield from lines

    def _explain(self, error: UnicodeDecodeError, pending: str, line: int) -> str:
        before = pending + error.object[: error.start].decode(self.codec, "replace")
        at = line + max(1, len(list(io.StringIO(before + "x", newline=""))))
        hint = "" if self.codec != "utf-8" else "; `--encoding` says what it is, cp1252 say"
        bad = error.object[error.start : error.start + 1].hex().upper()
        return f"{self.file.path}, line {at:,}: the byte 0x{bad} is not {self.label}{hint}"


def _detect(head: bytes, encoding: str | None) -> tuple[bytes, str]:
    """Return the byte-order mark, which may be none, and the codec of what follows it."""
    name = "utf-8"
    if encoding is not None:
        try:
            name = codecs.lookup(encoding).name
            "a".encode(name)  # "zlib" is a codec, and none of text
        except LookupError as error:
            raise SettingsError(
                f"--encoding {encoding} is not known: utf-8, cp1252, utf-16, … are"
            ) from error
    for bom, marked in _BOMS:
        is_meant = encoding is None or marked.startswith(name.removesuffix("-sig").removesuffix("-le"))
        if head.startswith(bom) and is_meant:
            return bom, marked
    # Python's "utf-16" would expect, and write, a mark before every line.
    return b"", {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)


def split_end(line: str) -> tuple[str, str]:
    """Return a line without its end, and the end: CR, LF, both or none."""
    for end in ("\r\n", "\n", "\r"):
        if line.endswith(end):
            return line.removesuffix(end), end
    return line, ""
