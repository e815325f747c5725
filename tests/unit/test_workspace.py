from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from marquee.reindex.workspace import Workspace, remove_abandoned

BUILDING = """
import sys, time
from pathlib import Path
from marquee.reindex.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
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
        remove_abandoned(tmp_path)
        assert folder.exists()
        process.kill()
    remove_abandoned(tmp_path)
    assert not folder.exists()


def test_a_folder_without_a_lock_is_abandoned_only_when_old(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "reindex-x"
    folder.mkdir(parents=True)
    remove_abandoned(tmp_path)
    assert folder.exists()
    os.utime(folder, (0, 0))
    remove_abandoned(tmp_path)
    assert not folder.exists()
