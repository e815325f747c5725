"""Rows in Parquet become `_bulk` bodies."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from marquee.catalog.assemble import assemble
from marquee.catalog.documents import Actor, CastEntry, Credit, Title, read_entries
from marquee.catalog.encoding import ROW_GROUP, encode, encode_actors, encode_titles
from marquee.catalog.sources import open_sample
from marquee.settings import Settings


def write_rows(path: Path, count: int, start: int = 0) -> Path:
    numbers = range(start, start + count)
    frame = pl.DataFrame(
        {"id": [f"nm{n:07}" for n in numbers], "text": [f"row {n} " + "x" * 80 for n in numbers]}
    )
    frame.write_parquet(path, row_group_size=ROW_GROUP)
    return path


def test_a_body_is_pairs_of_action_and_document(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame(
        {
            "id": ["nm0000001", "nm0000002"],
            "text": ['quotes " and \\ and \n\t\x00\x1f', "Zoë 周 😀 \u2028"],
            "number": [None, 3],
            "score": [0.1429, 1.0],
            "list": [[], ["a", 'b"']],
            "json": ['[{"a":"x","b":null}]', "[]"],
        },
    ).write_parquet(path)
    [(body, count)] = encode([path], ("id", "text", "number", "score", "list"), ("json",), 1 << 20)
    assert count == 2
    lines = body.split(b"\n")
    assert lines[0] == b'{"index":{"_id":"nm0000001"}}'
    assert lines[4:] == [b""]
    assert msgspec.json.decode(lines[1]) == {
        "id": "nm0000001",
        "text": 'quotes " and \\ and \n\t\x00\x1f',
        "score": 0.1429,
        "list": [],
        "json": [{"a": "x", "b": None}],
    }
    assert msgspec.json.decode(lines[3]) == {
        "id": "nm0000002",
        "text": "Zoë 周 😀 \u2028",
        "number": 3,
        "score": 1.0,
        "list": ["a", 'b"'],
        "json": [],
    }


def test_chunks_are_about_as_large_as_asked_and_cross_files(tmp_path: Path) -> None:
    files = [write_rows(tmp_path / "a", 40_000), write_rows(tmp_path / "b", 3, 40_000)]
    chunks = list(encode(files, ("id", "text"), (), 1 << 20))
    assert sum(count for _, count in chunks) == 40_003
    assert all((1 << 20) <= len(body) < (1 << 20) + (400 << 10) for body, _ in chunks[:-1])
    identifiers = [
        msgspec.json.decode(line)["index"]["_id"] for body, _ in chunks for line in body.splitlines()[::2]
    ]
    assert identifiers == [f"nm{n:07}" for n in range(40_003)]


def test_only_the_named_columns_are_documents(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a", 1)
    [(body, _)] = encode([path], ("id",), (), 1)
    assert body == b'{"index":{"_id":"nm0000000"}}\n{"id":"nm0000000"}\n'


def test_no_files_make_no_chunks(tmp_path: Path) -> None:
    assert list(encode([], ("id",), (), 1)) == []


def test_documents_hold_the_structs_of_the_answers(tmp_path: Path) -> None:
    assembly = assemble(open_sample().folder, Settings(), tmp_path)
    for chunks, struct, lists in (
        (encode_actors(assembly.actor_files), Actor, {"credits": Credit}),
        (encode_titles(assembly.title_files), Title, {"cast": CastEntry}),
    ):
        body, _ = next(iter(chunks))
        for line in body.splitlines()[1::2]:
            document = msgspec.json.decode(line)
            required = {each.name for each in msgspec.structs.fields(struct) if each.required}
            assert required < set(document)
            assert None not in document.values()
            msgspec.convert(document, struct)
            for field, entry in lists.items():
                assert len(read_entries(entry, document[field])) == len(document[field])
