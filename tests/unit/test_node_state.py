"""What the node remembers of its processes, and how it tells them from others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marquee.engine.node.boot import end
from marquee.engine.node.layout import Layout
from marquee.engine.node.locks import User, forget_dead_users, hold, list_users
from marquee.engine.node.process import find_strays
from marquee.engine.node.state import ProcessId, State, read_state, write_state


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.root.mkdir()
    return layout


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"port": "many"}', "\0\0\0"])
def test_no_state_and_damaged_state_mean_that_nothing_runs(layout: Layout, text: str | None) -> None:
    if text is not None:
        layout.state.write_text(text)
    assert read_state(layout) == State()


def test_a_state_survives_being_written(layout: Layout) -> None:
    me = ProcessId.of(os.getpid())
    state = State(launch="a", phase="running", supervisor=me, port=4711)
    write_state(layout, state)
    assert read_state(layout) == state
    assert read_state(layout).url == "http://127.0.0.1:4711"


def test_a_recycled_process_id_is_not_our_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        found = ProcessId.of(stranger.pid)
        assert found is not None
        assert found.is_alive()
        recorded = ProcessId(pid=stranger.pid, birth=found.birth + "0")
        assert not recorded.is_alive()
        recorded.signal(signal.SIGKILL)
        assert recorded.wait(0)
        time.sleep(0.1)
        assert stranger.poll() is None, "a stranger was killed"


def test_a_process_of_an_earlier_boot_is_told_apart() -> None:
    me = ProcessId.of(os.getpid())
    assert me is not None
    assert me.is_of_this_boot()
    assert ProcessId(pid=2**22 + 1, birth=me.birth).is_of_this_boot(), "it need not live"
    assert not ProcessId(pid=me.pid, birth="an earlier boot/17").is_of_this_boot()
    # Where there is no /proc the birth is a time.
    assert ProcessId(pid=me.pid, birth=f"{time.time():.2f}").is_of_this_boot()
    assert not ProcessId(pid=me.pid, birth="1000000000.00").is_of_this_boot()
    assert not ProcessId(pid=me.pid, birth="damaged").is_of_this_boot()


def test_a_process_nobody_has_reaped_yet_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = ProcessId.of(child.pid)
        assert found is not None
        assert not found.wait(0)
        found.signal(signal.SIGKILL)
        assert found.wait(5), "a zombie counts as running"


def test_a_node_is_found_when_its_state_file_is_lost(layout: Layout) -> None:
    other = Layout(layout.home / "other")
    sleep = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen([*sleep, f"-Des.path.conf={layout.config}"], stdin=subprocess.PIPE) as ours,
        subprocess.Popen([*sleep, f"-Des.path.conf={other.config}"], stdin=subprocess.PIPE) as theirs,
    ):
        assert [process.pid for process in find_strays(layout)] == [ours.pid]
        layout.state.write_text("lost")
        end(layout)
        assert ours.wait(5) == -signal.SIGTERM
        assert theirs.poll() is None


def test_no_such_process() -> None:
    assert ProcessId.of(2**22 + 1) is None


def test_users_are_counted_while_they_live(layout: Layout) -> None:
    assert list_users(layout) == []
    first, second = User(layout), User(layout)
    assert list_users(layout) == [os.getpid()] * 2
    first.leave()
    first.leave()
    assert list_users(layout) == [os.getpid()]
    second.leave()
    assert list_users(layout) == []
    assert list(layout.users.iterdir()) == []


def test_a_killed_user_does_not_count(layout: Layout) -> None:
    script = (
        "import sys, pathlib; from marquee.engine.node import layout, locks;"
        "user = locks.User(layout.Layout(pathlib.Path(sys.argv[1]))); print(flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(layout.home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert list_users(layout) == [process.pid]
        forget_dead_users(layout)
        assert list_users(layout) == [process.pid], "a living user was forgotten"
        process.kill()
        process.wait()
        assert list_users(layout) == []
    assert len(list(layout.users.iterdir())) == 1
    forget_dead_users(layout)
    assert list(layout.users.iterdir()) == []


def test_the_lock_is_held_by_one(layout: Layout) -> None:
    with hold(layout.lock) as held:
        assert held
        with hold(layout.lock, wait=False) as again:
            assert not again
    with hold(layout.lock, wait=False) as held:
        assert held
