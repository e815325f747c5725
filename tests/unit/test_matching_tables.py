"""Tables in every format: what cannot be used is said in one line, the rest comes out as it went in."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from backports import zstd

from marquee.errors import MarqueeError, SettingsError, TableError
from marquee.matching.columns import Added, Outcome, Wanted
from marquee.matching.delimited import MAX_CELL_LETTERS
from marquee.matching.tables import Reading, Table, check_output, name_output, open_table

JAKE = Outcome(hits=(("nm1", "Jake", 0.9), ("nm2", 'Jay "J"; K', 0.4)), ambiguous=True)
NOBODY = Outcome()
ADDED = Added()


def watch(_: bytes) -> None:
    """See nothing of what is read."""


def open_file(path: Path, content: bytes, **reading: object) -> Table:
    path.write_bytes(content)
    wanted = Wanted(name="name")
    return open_table(path, wanted, ADDED, Reading(**reading))  # type: ignore[arg-type]


def write(table: Table, *outcomes: Outcome) -> bytes:
    rows = table.check(watch)
    out = io.BytesIO()
    table.write(out, iter(outcomes or [JAKE] * rows))
    return out.getvalue()


def fail(path: Path, content: bytes, **reading: object) -> str:
    with pytest.raises(MarqueeError) as caught:
        open_file(path, content, **reading).check(watch)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_keeps_its_dialect(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = 'id,"name",n\r\n1,"a ""b"" c",2\r\n\n2,"x\r\ny",\n3,é , z\r4,d,"e"'.replace(",", delimiter)
    told = None if encoding in ("utf-8", "utf-8-sig", "utf-16") else encoding
    table = open_file(tmp_path / "in.csv", text.encode(encoding), encoding=told)
    written = write(table).decode(encoding)
    own = ["nconst", "match_name", "score", "ambiguous"]
    first, second = delimiter.join(["", *own]), delimiter.join(["", "nm1", "Jake", "0.9", "true"])
    assert written.startswith(text[: text.index("\r")] + first + "\r\n")
    assert written.replace(first, "").replace(second, "") == text
    assert written.count(second) == 4
    # And what reads CSV reads it so.
    rows = list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter))
    assert [row[1] for row in rows if row] == ["name", 'a "b" c', "x\r\ny", "é ", "d"]
    assert [row[-4:] for row in rows if row][1:] == [["nm1", "Jake", "0.9", "true"]] * 4


def test_a_mark_at_the_start_is_kept(tmp_path: Path) -> None:
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        written = write(open_file(tmp_path / "in.csv", mark + "name\nJaké\n".encode(codec)))
        assert written.startswith(mark + "name,nconst".encode(codec))
        assert mark not in written[2:] or codec == "utf-16-be"


def test_where_all_is_quoted_what_is_appended_is_too(tmp_path: Path) -> None:
    table = open_file(tmp_path / "in.csv", b'"id","name"\n"1","jake"\n')
    assert write(table).splitlines()[1] == b'"1","jake","nm1","Jake","0.9","true"'


def test_a_name_with_the_delimiter_is_quoted(tmp_path: Path) -> None:
    odd = Outcome(hits=(("nm2", 'Jay "J"; K', 0.75),))
    table = open_file(tmp_path / "in.csv", b"name;n\nj;1\n")
    assert write(table, odd).splitlines()[1] == b'j;1;nm2;"Jay ""J""; K";0.75;false'
    plain = open_file(tmp_path / "in.csv", b'name;n\n"j;1\n', has_quotes=False)
    assert write(plain, odd).splitlines()[1] == b'"j;1;nm2;Jay "J"  K;0.75;false'


def test_a_letter_that_the_encoding_lacks_is_a_question_mark(tmp_path: Path) -> None:
    table = open_file(tmp_path / "in.csv", b"name\nj\xe9\n", encoding="latin-1")
    assert write(table, Outcome(hits=(("nm1", "Łukasz", 0.9),))).endswith(b"j\xe9,nm1,?ukasz,0.9,false\n")


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    assert write(open_file(tmp_path / "in.csv", b"name")).startswith(b"name,nconst,")
    frame = pl.DataFrame(schema={"name": pl.String})
    frame.write_parquet(tmp_path / "in.parquet")
    assert open_file(tmp_path / "in.parquet", (tmp_path / "in.parquet").read_bytes()).check(watch) == 0


def test_json_lines_are_kept_to_the_digit(tmp_path: Path) -> None:
    lines = ['{"name": "j", "n": 1.0, "big": 123456789012345678901}  ', "", "{ }", '{"name":{"}":"}"}}']
    table = open_file(tmp_path / "in.jsonl", "\r\n".join(lines).encode())
    written = write(table, JAKE, NOBODY, Outcome(hits=(("nm2", "Ké", 0.1),))).decode().split("\r\n")
    own = '"nconst":"nm1","match_name":"Jake","score":0.9,"ambiguous":true}'
    assert written[0] == f"{lines[0].rstrip().removesuffix('}')},{own}  "
    assert written[1] == ""
    nobody = '"nconst":null,"match_name":null,"score":null,"ambiguous":null}'
    assert written[2] == "{" + nobody
    assert written[3] == lines[3][:-1] + "," + nobody.replace('score":null', 'score":0.1')


def test_parquet_keeps_types_and_metadata(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"name": ["a", None, "c"], "day": [date(1980, 1, 1), None, None], "tags": [["x"], [], None]},
        schema_overrides={"name": pl.Categorical},
    )
    frame.write_parquet(tmp_path / "in*.parquet", metadata={"owner": "me"})
    path = tmp_path / "in*.parquet"
    wanted = Wanted(name="name", born="day", title="tags")
    table = open_table(path, wanted, Added(candidates=1), Reading())
    assert table.check(watch) == 3
    assert list(table.read(0)) == [("a", 1980, ["x"]), (None, None, []), ("c", None, None)]
    assert list(table.read(2)) == [("c", None, None)]
    with (tmp_path / "out.parquet").open("wb") as file:
        table.write(file, iter([JAKE, NOBODY, NOBODY]))
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.select(frame.columns).equals(frame)
    assert out.schema["name"] == pl.Categorical
    assert out["score"].to_list() == [0.9, None, None]
    assert out["ambiguous"].to_list() == [True, None, None]
    assert out["candidate_1_nconst"].to_list() == ["nm2", None, None]
    assert pl.read_parquet_metadata(tmp_path / "out.parquet")["owner"] == "me"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_tables(tmp_path: Path, suffix: str) -> None:
    options = {int(zstd.CompressionParameter.checksum_flag): 1}
    pack: Callable[[bytes], bytes] = (
        gzip.compress if suffix == ".gz" else lambda content: zstd.compress(content, options=options)
    )
    content = b"name\n" + b"jake\n" * 20_000
    whole = pack(content)
    # several members, as parallel packers write them
    table = open_file(tmp_path / f"in.csv{suffix}", pack(b"name\n") + pack(b"jake\n"))
    assert list(table.read(0)) == [("jake", None, None)]
    assert open_file(tmp_path / f"in.csv{suffix}", whole).check(watch) == 20_000
    assert "is truncated" in fail(tmp_path / f"in.csv{suffix}", whole[:-7])
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    assert "is damaged" in fail(tmp_path / f"in.csv{suffix}", damaged)
    assert f"give it the suffix {suffix}" in fail(tmp_path / "in.csv", whole)
    assert "it is no" in fail(tmp_path / f"in.csv{suffix}", content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "holds no line but blank ones"),
        (b"\xef\xbb\xbf", "holds no line but blank ones"),
        (b"id,nom,year\n", "--name name: PATH has no such column; it has: id, nom, year"),
        (b"id,names\n", "did you mean names?"),
        (b"name,name\n", "has 2 columns of that name"),
        (b"name,score,match_score\n", "has a column match_score already: choose another --prefix"),
        (b"name,n\na,1\nb\n", "PATH, row 2 (line 3): has 1 cells where the header has 2"),
        (b"name,n\na,1\nb,2,3\n", "row 2 (line 3): has 3 cells where the header has 2"),
        (b'name,n\na,"1\nb,2\nc,"3"\n', "row 1 (line 2): goes over 3 lines: a quote is missing"),
        (b'name,n\na,1\n"b,2\nc,3\n', "row 2 (line 3): a quote that opens there never closes"),
        (b'name\na\n"b\n', "row 2 (line 3): a quote that opens there never closes; `--no-quotes`"),
        (b'name\n"' + b"a" * (MAX_CELL_LETTERS + 2), "line 2: its cell has more than 1,048,576 characters"),
        (b"name\na\n\0b\n", "row 2 (line 3): holds a NUL byte"),
        (b"\0n\0a\0m\0e", "line 1: holds a NUL byte: is it UTF-16"),
        (b"name\na\nb\xe9c\n", "line 3: the byte 0xE9 is not UTF-8; `--encoding`"),
        (b"name\nb\xc3", "line 2: the byte 0xC3 is not UTF-8"),
        (b"\xff\xfen\0a\0m\0e\0\n\0\x00\xd8a\0", "line 2: the byte 0x00 is not UTF-16-LE"),
        (b"name\n" + b"a\n" * 200_000 + b"\xff", "line 200,002: the byte 0xFF"),
        (b"PK\x03\x04etc", "is a zip archive or a spreadsheet"),
        (b"PAR1etc", "is a Parquet file"),
        (b"<!DOCTYPE html><title>name</title>", "is an HTML page"),
    ],
)
def test_a_csv_that_cannot_be_used(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "in.csv"
    assert said.replace("PATH", str(path)) in fail(path, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"name":"a"}\n{"name":\n', "row 2 (line 2): is not JSON"),
        (b'\n{"name":"a"}\n[1]\n', "row 2 (line 3): is no JSON object"),
        (b'[\n{"name":"a"}\n]\n', "a JSON array is no JSON lines"),
        (b'[{"name":"a"}]', "a JSON array is no JSON lines"),
        (b'{"nom":"a"}\n{"id":1}', "no row of PATH has it; it has: nom, id"),
        (b'{"name":"a"}\n{"match_name":1}', "has a column match_name already"),
        (b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "row 1 (line 1): is nested too deeply"),
        (b'{"name":"a\0"}', "row 1 (line 1): is not JSON"),
        (b'{"name":"\xff"}', "line 1: the byte 0xFF is not UTF-8"),
    ],
)
def test_json_lines_that_cannot_be_used(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "in.jsonl"
    assert said.replace("PATH", str(path)) in fail(path, content)


def test_a_line_without_end_is_no_table(tmp_path: Path) -> None:
    assert "line 1: is longer than 16,777,216 characters" in fail(
        tmp_path / "in.jsonl", b"1" * (1 << 24 | 1 << 19)
    )


def test_parquet_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    assert "is not what its suffix says" in fail(path, b"name\na\n")
    assert "is damaged" in fail(path, b"PAR1 and no more PAR1")
    pl.DataFrame({"name": [1, 2]}).write_parquet(path)
    assert "--name name: is Int64" in fail(path, path.read_bytes())
    pl.DataFrame({"nom": ["a"]}).write_parquet(path)
    assert "it has: nom" in fail(path, path.read_bytes())
    assert "unpack it" in fail(tmp_path / "in.parquet.gz", gzip.compress(b"PAR1"))
    pl.DataFrame({"name": [f"name {number}" for number in range(9_000)]}).write_parquet(
        path, compression="uncompressed"
    )
    content = path.read_bytes()
    damaged = open_file(path, content[:8] + b"\xff" * 3_000 + content[3_008:])
    with pytest.raises(TableError, match="is damaged"):
        list(damaged.read(0))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    table = open_file(tmp_path / "in.csv", b"name\na\n")
    (tmp_path / "in.csv").write_bytes(b"name\nb,c\n")
    with pytest.raises(TableError, match="was changed while it was read"):
        table.check(watch)


def test_an_odd_option(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    assert "the suffix is none of .csv" in fail(path, b"name\na\n")
    assert open_file(path, b"name\na\n", format="csv").check(watch) == 1
    path = tmp_path / "in.csv"
    with pytest.raises(SettingsError, match="--encoding utf-99 is not known"):
        open_file(path, b"name\n", encoding="utf-99")
    with pytest.raises(SettingsError, match="--encoding zlib is not known"):
        open_file(path, b"name\n", encoding="zlib")
    with pytest.raises(SettingsError, match="is not one character"):
        open_file(path, b"name\n", delimiter=";;")


def test_where_the_output_goes(tmp_path: Path) -> None:
    names = {"a.csv": "a.matched.csv", "a.b.CSV.gz": "a.b.matched.CSV.gz", "a.parquet": "a.matched.parquet"}
    assert {name: name_output(Path("x") / name).name for name in names} == names
    own, link = tmp_path / "in.csv", tmp_path / "link.csv"
    own.write_text("name\n")
    link.symlink_to(own)
    for out in (own, link):
        with pytest.raises(SettingsError, match="is the input, which is never written to"):
            check_output(own, out, Reading())
    with pytest.raises(SettingsError, match="matches come in the input's format"):
        check_output(own, tmp_path / "out.parquet", Reading())
    with pytest.raises(SettingsError, match="Parquet compresses by itself"):
        check_output(Path("in.parquet"), tmp_path / "out.parquet.zst", Reading())
    assert check_output(own, tmp_path / "out.csv.zst", Reading()) == ".zst"
