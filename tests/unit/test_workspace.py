from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marquee.reindex.workspace import Note, Workspace, find_abandoned

BUILDING = """
import sys, time
from pathlib import Path
from marquee.reindex.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
workspace.note("marquee", "v1-20261122t030512")
print(workspace.folder, flush=True)
time.sleep(60)
"""


def test_a_workspace_is_gone_when_closed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (workspace.folder / "rows").mkdir()
    workspace.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_one_in_use_is_left_alone_and_a_killed_ones_is_found(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with find_abandoned(tmp_path) as notes:
            assert notes == []
        assert folder.exists()
        process.kill()
    with find_abandoned(tmp_path) as notes:
        assert notes == [Note(prefix="marquee", generation="v1-20261122t030512")]
    assert not folder.exists()


def test_what_could_not_be_cleaned_up_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "reindex-x"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "generation.json").write_text('{"prefix":"p","generation":"g"}')
    with pytest.raises(RuntimeError), find_abandoned(tmp_path):
        raise RuntimeError
    with find_abandoned(tmp_path) as notes:
        assert notes == [Note(prefix="p", generation="g")]
    assert not folder.exists()


def test_a_folder_without_a_lock_is_abandoned_only_when_old(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "reindex-x"
    folder.mkdir(parents=True)
    with find_abandoned(tmp_path) as notes:
        assert notes == []
    assert folder.exists()
    os.utime(folder, (0, 0))
    with find_abandoned(tmp_path) as notes:
        assert notes == []
    assert not folder.exists()
