"""Finding, checking and reading the files of a source."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from marquee.catalog.files import NAMES, RATINGS, TABLES, locate, preflight, read_blocks
from marquee.errors import SourceDamagedError, SourceMissingError

HEADER = "\t".join(RATINGS.columns)
ROWS = [f"tt{number:07}\t{number % 10}.5\t{number * 7919 % 10007}" for number in range(1, 5001)]
CONTENT = "\n".join([HEADER, *ROWS, ""]).encode()


def write_all(folder: Path, suffix: str = ".tsv.gz") -> dict[str, Path]:
    for table in TABLES:
        data = ("\t".join(table.columns) + "\n").encode()
        (folder / f"{table.name}{suffix}").write_bytes(gzip.compress(data) if suffix == ".tsv.gz" else data)
    return {table.name: folder / f"{table.name}{suffix}" for table in TABLES}


def write_ratings(folder: Path, data: bytes, suffix: str = ".tsv.gz") -> Path:
    path = folder / f"title.ratings{suffix}"
    path.write_bytes(data)
    return path


def read(path: Path, block_bytes: int = 1 << 20) -> bytes:
    return b"".join(block.data for block in read_blocks(path, RATINGS, block_bytes))


def test_compressed_files_win_over_plain_ones(tmp_path: Path) -> None:
    plain, packed = write_all(tmp_path, ".tsv"), write_all(tmp_path)
    packed["title.ratings"].unlink()
    assert locate(tmp_path) == {**packed, "title.ratings": plain["title.ratings"]}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="nowhere is not a folder"):
        locate(tmp_path / "nowhere")


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    paths = write_all(tmp_path)
    paths["title.basics"].unlink()
    paths["title.ratings"].unlink()
    with pytest.raises(SourceMissingError, match=r"lacks title\.basics\.tsv\.gz, title\.ratings\.tsv\.gz \("):
        locate(tmp_path)


def test_preflight_passes_good_files(tmp_path: Path) -> None:
    preflight(write_all(tmp_path))
    preflight(write_all(tmp_path, ".tsv"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (
            b"<!DOCTYPE html><html>503</html>",
            "is a web page, not gzip data: it begins with b'<!DOCTYPE html>",
        ),
        (b"  <html>", "is a web page, not gzip data"),
        (gzip.compress(b"<html>\n<body>", mtime=0), "is a web page, not data: it begins with '<html>'"),
        (b"PK\x03\x04", r"is not gzip data: it begins with b'PK"),
        (gzip.compress(b"", mtime=0), "has the header '' instead of 'nconst"),
        (
            gzip.compress(b"nconst\tname\n", mtime=0),
            r"has the header 'nconst\\tname' instead of 'nconst\\tprimaryName",
        ),
        (gzip.compress(b"\xff\xfe", mtime=0), r"has the header '\\\\xff\\\\xfe' instead"),
        (
            gzip.compress(b"\xef\xbb\xbf" + "\t".join(NAMES.columns).encode(), mtime=0),
            r"has the header '\\ufeffnconst",
        ),
        (b"\x1f\x8b\x08", "is truncated: its gzip data stops after 3 bytes, before its end"),
    ],
)
def test_preflight_refuses_what_is_no_such_file(tmp_path: Path, data: bytes, message: str) -> None:
    paths = write_all(tmp_path)
    paths["name.basics"].write_bytes(data)
    with pytest.raises(SourceDamagedError, match=r"name\.basics\.tsv\.gz " + message):
        preflight(paths)


def test_a_web_page_saved_as_tsv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceDamagedError, match="is a web page, not data"):
        read(write_ratings(tmp_path, b"<html></html>", ".tsv"))


@pytest.mark.parametrize("block_bytes", [1, 100, 4096, 1 << 20])
@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz"])
def test_blocks_are_whole_lines_with_their_numbers(tmp_path: Path, block_bytes: int, suffix: str) -> None:
    path = write_ratings(tmp_path, gzip.compress(CONTENT) if suffix == ".tsv.gz" else CONTENT, suffix)
    blocks = list(read_blocks(path, RATINGS, block_bytes))
    line = 2
    for block in blocks:
        assert block.first_line == line
        assert block.data.endswith(b"\n")
        line += block.data.count(b"\n")
    assert b"".join(block.data for block in blocks) == CONTENT.split(b"\n", 1)[1]
    assert sum(block.read_bytes for block in blocks) == path.stat().st_size


def test_large_files_come_in_blocks_of_about_the_asked_size(tmp_path: Path) -> None:
    path = write_ratings(tmp_path, "\n".join([HEADER, *ROWS * 200]).encode(), ".tsv")
    sizes = [len(block.data) for block in read_blocks(path, RATINGS, 1 << 20)]
    assert len(sizes) > 10
    assert all((1 << 20) - 100 < size < (1 << 20) + (300 << 10) for size in sizes[:-1])


def test_a_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    assert read(write_ratings(tmp_path, gzip.compress(HEADER.encode()))) == b""
    assert read(write_ratings(tmp_path, gzip.compress(HEADER.encode() + b"\r\n"))) == b""


def test_a_missing_last_line_feed_is_added(tmp_path: Path) -> None:
    path = write_ratings(tmp_path, gzip.compress(CONTENT.removesuffix(b"\n")))
    assert read(path) == CONTENT.split(b"\n", 1)[1]


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    middle = len(CONTENT) // 2
    packed = gzip.compress(CONTENT[:middle]) + gzip.compress(b"") + gzip.compress(CONTENT[middle:])
    assert read(write_ratings(tmp_path, packed)) == CONTENT.split(b"\n", 1)[1]


def test_zeros_after_the_end_are_padding(tmp_path: Path) -> None:
    padded = gzip.compress(CONTENT) + bytes(600_000)
    assert read(write_ratings(tmp_path, padded)) == CONTENT.split(b"\n", 1)[1]


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_wherever_it_stops(tmp_path: Path, share: float) -> None:
    packed = gzip.compress(CONTENT)
    size = max(2, int(len(packed) * share))
    with pytest.raises(SourceDamagedError, match=f"is truncated: its gzip data stops after {size} bytes"):
        read(write_ratings(tmp_path, packed[:size]))


@pytest.mark.parametrize("lost", [1, 4, 7, 8])
def test_a_missing_end_mark_is_a_truncation(tmp_path: Path, lost: int) -> None:
    with pytest.raises(SourceDamagedError, match="is truncated"):
        read(write_ratings(tmp_path, gzip.compress(CONTENT)[:-lost]))


def test_a_second_member_may_be_truncated_too(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    with pytest.raises(SourceDamagedError, match="is truncated"):
        read(write_ratings(tmp_path, packed + packed[:500]))


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (-8, "is damaged: the checksum of its content is wrong"),
        (-4, "is damaged: the length of its content is wrong"),
        (3, "is damaged: its gzip data is invalid"),
    ],
)
def test_a_flipped_byte_is_found(tmp_path: Path, position: int, message: str) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[position] ^= 0xFF
    with pytest.raises(SourceDamagedError, match=message):
        read(write_ratings(tmp_path, bytes(packed)))


def test_a_flipped_byte_in_the_middle_is_found(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    for position in range(len(packed) // 5, len(packed) - 8, len(packed) // 5):
        damaged = bytearray(packed)
        damaged[position] ^= 0x55
        with pytest.raises(SourceDamagedError, match=r"is damaged|is truncated"):
            read(write_ratings(tmp_path, bytes(damaged)))


def test_garbage_after_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceDamagedError, match="has garbage after the end of its gzip data: b'<html>'"):
        read(write_ratings(tmp_path, gzip.compress(CONTENT) + b"<html>"))


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = write_ratings(tmp_path, gzip.compress(HEADER.encode() + b"\n" + b"x" * (18 << 20)))
    with pytest.raises(SourceDamagedError, match="line 2 has no end within"):
        read(path)


def test_an_unreadable_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="cannot be read: No such file"):
        read(tmp_path / "title.ratings.tsv.gz")
