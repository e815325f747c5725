"""Parquet, a few thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from marquee.errors import SettingsError, TableError
from marquee.matching.columns import Added, Fields, Outcome, Wanted, find_columns, fit
from marquee.matching.files import InputFile, Watch

BATCH_ROWS = 10_000
_KINDS: dict[str, pl.DataType] = {"text": pl.String(), "score": pl.Float64(), "flag": pl.Boolean()}
_ARROW_SCHEMA = "ARROW:schema"
"""The one entry of a file's metadata that describes its columns, and is written anew."""


Batches = Iterator[pl.DataFrame]


class Parquet:
    """A table in a Parquet file."""

    def __init__(self, file: InputFile, wanted: Wanted, added: Added) -> None:
        """Read the schema.

        Raises:
            SettingsError: a column is not there, or its type is not one of names, years or titles.
            TableError: the file is no Parquet file, or a damaged one.
        """
        self.file = file
        if not file.begins_with(b"PAR1"):
            raise TableError(f"{file.path} is not what its suffix says: it is no Parquet file")
        try:
            self._schema = pl.read_parquet_schema(file.path)
            self._scan = pl.scan_parquet(file.path, glob=False, hive_partitioning=False)
            self._rows = self._scan.select(pl.len()).collect().item()
        except (PolarsError, OSError) as error:
            raise self._explain(error) from error
        self.columns = list(self._schema)
        places = find_columns(wanted, self.columns, file.path)
        self._added = fit(added, self.columns, file.path)
        self._expressions = [
            self._read_column(option, self.columns[places[option]]) if option in places else pl.lit(None)
            for option in ("--name", "--born", "--title")
        ]

    def _explain(self, error: Exception) -> TableError:
        return TableError(f"{self.file.path} is damaged: {str(error).splitlines()[0]}")

    def _read_column(self, option: str, column: str) -> pl.Expr:
        kind, own = self._schema[column], pl.col(column)
        is_text = kind in (pl.String, pl.Categorical, pl.Enum)
        if is_text:
            return own.cast(pl.String)
        if option == "--born" and kind in (pl.Date, pl.Datetime):
            return own.dt.year()
        if option == "--born" and kind.is_numeric():
            return own.cast(pl.Int64, strict=False)
        if option == "--title" and kind == pl.List(pl.String):
            return own
        wanted = {"--born": "text, a number or a date", "--title": "text or a list of text"}.get(
            option, "text"
        )
        raise SettingsError(f"{option} {column}: is {kind} in {self.file.path}, not {wanted}")

    def check(self, watch: Watch) -> int:
        """Read all of its bytes, and return how many rows there are."""
        self.file.read_raw(watch)
        return int(self._rows)

    def read(self, skip: int) -> Iterator[Fields]:
        """Yield what each row says of who is meant, but for the first `skip`."""
        chosen = [each.alias(f"column {place}") for place, each in enumerate(self._expressions)]
        try:
            # `pl.lit` alone would be one row, whatever the height of the rest
            for batch in (
                self._scan.with_columns(chosen)
                .select(f"column {place}" for place in range(3))
                .slice(skip)
                .collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
            ):
                yield from map(Fields._make, batch.iter_rows())
        except (PolarsError, OSError) as error:
            raise self._explain(error) from error
        self.file.check_unchanged()

    def write(self, file: IO[bytes], outcomes: Iterable[Outcome]) -> None:
        """Write the table with what is appended, in batches: what it holds besides columns is kept."""
        added = pl.Schema({name: _KINDS[kind] for name, kind in self._added.columns})
        schema = pl.Schema({**self._schema, **added})
        waiting = iter(outcomes)

        # Nothing but all columns of all rows is asked of it: what could be left out is not looked at.
        def extend(_columns: object, _predicate: object, _rows: object, batch_rows: int | None) -> Batches:
            for batch in self._scan.collect_batches(chunk_size=batch_rows or BATCH_ROWS, maintain_order=True):
                rows = [self._added.fill(each) for each in islice(waiting, batch.height)]
                yield batch.hstack(pl.DataFrame(rows, schema=added, orient="row").get_columns())

        try:
            metadata = pl.read_parquet_metadata(self.file.path)
            metadata.pop(_ARROW_SCHEMA, None)
            register_io_source(extend, schema=schema).sink_parquet(file, metadata=metadata)
        except PolarsError as error:
            raise TableError(f"the Parquet file cannot be written: {str(error).splitlines()[0]}") from error
        self.file.check_unchanged()
