"""From the lines of a file to typed rows: what can be used, what becomes unknown, what is rejected.

A row is rejected only for a wrong field count, a malformed id, or a missing name or title. Any other bad
value becomes unknown. Both are counted. A carriage return before a line feed is dropped, one inside a field
becomes a blank; a tab inside a field shifts its row, which then has the wrong field count; quotes are letters
like any other.

Ids are integers from here on: the digits with a 1 in front, so that "nm0000001" and "nm1" stay different and
`text_of` gives back exactly what stood in the file, whatever its number of digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import polars as pl

from marquee.catalog.files import Block, Table
from marquee.catalog.quality import FileQuality
from marquee.errors import SourceDamagedError

Parser = Callable[[pl.Expr], pl.Expr]
"""Turns the text of a column into its value; what is unusable becomes null."""

# A noncharacter: stands for bytes that are not UTF-8 until the value they are in has been dropped.
_BAD_BYTES = "\ufdd0"
_UNDECODABLE = re.compile("[\udc80-\udcff]+")


class Column(msgspec.Struct, frozen=True):
    """How one column is read."""

    source: str
    """Name in the file's header."""
    parse: Parser
    missing: str = ""
    """Why a row without a usable value is rejected; empty: the value is optional."""


def id_of(prefix: str) -> Parser:
    """Return the parser of ids like "nm0350453" (for prefix "nm"), at most 18 digits, as Int64."""

    def parse(text: pl.Expr) -> pl.Expr:
        digits = text.str.len_bytes().cast(pl.Int64) - len(prefix)
        number = text.str.slice(len(prefix)).cast(pl.Int64, strict=False)
        key = number + pl.lit(10, dtype=pl.Int64).pow(digits)
        return pl.when(text.str.contains(f"^{prefix}[0-9]{{1,18}}$")).then(key)

    return parse


def text_of(key: pl.Expr, prefix: str) -> pl.Expr:
    """Return the text of ids that `id_of` made."""
    return pl.concat_str(pl.lit(prefix), key.cast(pl.String).str.slice(1))


def text(value: pl.Expr) -> pl.Expr:
    """Parse text: blanks around it dropped, nothing left is unknown."""
    stripped = value.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def texts(value: pl.Expr) -> pl.Expr:
    """Parse a comma-separated list; unknown is an empty one."""
    return value.fill_null("").str.split(",").list.eval(pl.element().filter(pl.element() != ""))


def between(low: int, high: int) -> Parser:
    """Return the parser of whole numbers from `low` to `high`, both included, as Int32."""

    def parse(value: pl.Expr) -> pl.Expr:
        number = value.cast(pl.Int64, strict=False)
        return pl.when(number.is_between(low, high)).then(number).cast(pl.Int32)

    return parse


def decimal(low: float, high: float) -> Parser:
    """Return the parser of decimal numbers from `low` to `high`, both included, as Float64."""

    def parse(value: pl.Expr) -> pl.Expr:
        number = value.cast(pl.Float64, strict=False)
        return pl.when(number.is_between(low, high)).then(number)

    return parse


def flag(value: pl.Expr) -> pl.Expr:
    """Parse 0 and 1 as Boolean."""
    return pl.when(value == "1").then(True).when(value == "0").then(False)


def characters(value: pl.Expr) -> pl.Expr:
    """Parse a JSON array of strings, which stays JSON text; anything else is unknown."""
    return value.map_batches(_check_characters, return_dtype=pl.String)


# Nearly all arrays are without blanks and escapes; these are taken as they are, which is fast.
_PLAIN_ARRAY = r'^\["[^"\\\x00-\x1f]*"(,"[^"\\\x00-\x1f]*")*\]$'
_DECODER = msgspec.json.Decoder(list[str])


def _check_characters(values: pl.Series) -> pl.Series:
    is_odd = ~values.str.contains(_PLAIN_ARRAY)
    if not is_odd.any():
        return values
    return values.scatter(is_odd.arg_true(), [_recode_array(value) for value in values.filter(is_odd)])


def _recode_array(value: str) -> str | None:
    try:
        return msgspec.json.encode(_DECODER.decode(value)).decode()
    except (msgspec.DecodeError, UnicodeError):
        return None


def read_rows(block: Block, table: Table, columns: dict[str, Column], quality: FileQuality) -> pl.DataFrame:
    """Return the usable rows of a block, one column per entry of `columns`; count the rest in `quality`."""
    data = block.data
    if b"\r" in data:
        quality.add(quality.repaired, "carriage return before the line end", data.count(b"\r\n"))
        data = data.replace(b"\r\n", b"\n")
        quality.add(quality.repaired, "carriage return inside a field", data.count(b"\r"))
        data = data.replace(b"\r", b" ")
    rows = data.count(b"\n")
    quality.rows += rows
    line_indexes: list[int] | None = None
    frame = _split(data, table, rows)
    if frame is None:
        data, line_indexes = _drop_bad_lines(data, block, table, quality)
        frame = _split(data, table, len(line_indexes))
        if frame is None:
            raise SourceDamagedError(f"{table.name}: lines from {block.first_line} on cannot be read")
        frame = _drop_bad_bytes(frame, columns, quality)
    typed = frame.select(column.parse(pl.col(column.source)).alias(name) for name, column in columns.items())
    usable = _reject(typed, frame, columns, block, line_indexes, quality)
    if usable is not None:
        typed, frame = typed.filter(usable), frame.filter(usable)
    quality.kept += typed.height
    for name, column in columns.items():
        if not column.missing and column.parse is not texts:
            unusable = typed[name].null_count() - frame[column.source].null_count()
            quality.add(quality.nulled, column.source, unusable)
    return typed


def _split(data: bytes, table: Table, rows: int) -> pl.DataFrame | None:
    """Split lines into fields; None where not every line is UTF-8 with the right number of fields.

    Counting the tabs of each line would cost more than all else here. Polars raises for a line with too many
    fields, not for one with too few; but where the tabs of all lines together are right, one with too few
    needs one with too many.
    """
    width = len(table.columns)
    if data.count(b"\t") != rows * (width - 1):
        return None
    try:
        frame = pl.read_csv(
            data,
            separator="\t",
            has_header=False,
            quote_char=None,
            null_values="\\N",
            schema=dict.fromkeys(table.columns, pl.String),
        )
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == rows else None


def _drop_bad_lines(data: bytes, block: Block, table: Table, quality: FileQuality) -> tuple[bytes, list[int]]:
    """Reject lines with a wrong field count, mark bytes that are not UTF-8.

    Returns the remaining lines and the index of each within the block.
    """
    tabs = len(table.columns) - 1
    kept: list[bytes] = []
    indexes: list[int] = []
    for index, line in enumerate(data.split(b"\n")[:-1]):
        if line.count(b"\t") == tabs:
            kept.append(line)
            indexes.append(index)
        else:
            quality.reject("wrong field count", block.first_line + index, line)
    good = b"".join(line + b"\n" for line in kept)
    try:
        good.decode()
    except UnicodeDecodeError:
        marked = _UNDECODABLE.sub(_BAD_BYTES, good.decode("utf-8", "surrogateescape"))
        good = marked.encode()
    return good, indexes


def _drop_bad_bytes(frame: pl.DataFrame, columns: dict[str, Column], quality: FileQuality) -> pl.DataFrame:
    """Make optional values that are not UTF-8 unknown, and count them."""
    for column in columns.values():
        if not column.missing:
            is_bad = frame[column.source].str.contains(_BAD_BYTES, literal=True)
            if is_bad.any():
                quality.add(quality.nulled, column.source, is_bad.arg_true().len())
                frame = frame.with_columns(pl.when(~is_bad).then(pl.col(column.source)).alias(column.source))
    return frame


def _reject(
    typed: pl.DataFrame,
    frame: pl.DataFrame,
    columns: dict[str, Column],
    block: Block,
    line_indexes: list[int] | None,
    quality: FileQuality,
) -> pl.Series | None:
    """Count the rows that lack a required value; return which rows are usable, None for all.

    `line_indexes` holds the index within the block of each row's line, None where they are the same.
    """
    reasons: dict[int, str] = {}
    for name, column in columns.items():
        if not column.missing:
            continue
        is_missing = typed[name].is_null()
        if column.parse is text and line_indexes is not None:
            has_bad_bytes = frame[column.source].str.contains(_BAD_BYTES, literal=True).fill_null(value=False)
            not_utf8 = column.missing.removeprefix("missing ") + " is not UTF-8"
            reasons.update(dict.fromkeys(has_bad_bytes.arg_true(), not_utf8) | reasons)
        if is_missing.any():
            reasons.update(dict.fromkeys(is_missing.arg_true(), column.missing) | reasons)
    if not reasons:
        return None
    lines = block.data.split(b"\n")
    for row in sorted(reasons):
        index = line_indexes[row] if line_indexes is not None else row
        quality.reject(reasons[row], block.first_line + index, lines[index])
    usable = pl.repeat(True, typed.height, dtype=pl.Boolean, eager=True)
    return usable.scatter(sorted(reasons), False)
