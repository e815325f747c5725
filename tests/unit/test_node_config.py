"""What the server is told, as whom it runs, and what is said when it does not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import bcrypt
import pytest

from marquee.engine.node import account as accounts
from marquee.engine.node.account import Account, choose_account, find_closed
from marquee.engine.node.config import (
    choose_heap_mb,
    measure_memory,
    read_password,
    render_settings,
    write_config,
    write_private,
    write_settings,
)
from marquee.engine.node.layout import Layout
from marquee.engine.node.log import read_tail, summarize_failure
from marquee.errors import NodeStartError

GIB = 1 << 30


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "a home")
    layout.instance.mkdir(parents=True)
    return layout


@pytest.mark.parametrize(
    ("memory", "heap_mb"),
    [(0, 400), (2 * GIB, 400), (4 * GIB, 512), (8 * GIB, 1024), (24 * GIB, 2048), (512 * GIB, 2048)],
)
def test_the_heap_is_an_eighth_of_the_memory_within_limits(memory: int, heap_mb: int) -> None:
    assert choose_heap_mb(memory) == heap_mb


def test_the_memory_of_a_container_counts_where_it_is_less(tmp_path: Path) -> None:
    machine = measure_memory(tmp_path)
    assert machine > GIB // 4
    (tmp_path / "memory.max").write_text("max\n")
    assert measure_memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text("123456789\n")
    assert measure_memory(tmp_path) == 123456789


def test_the_settings(layout: Layout) -> None:
    lines = render_settings(layout, 9321).splitlines()
    settings = {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}
    assert settings["network.host"] == "127.0.0.1"
    assert settings["http.port"] == "9321,0"
    assert settings["xpack.security.enabled"] is True
    assert settings["path.data"] == str(layout.data)
    for level in ("low", "high", "flood_stage"):
        assert settings[f"cluster.routing.allocation.disk.watermark.{level}"].endswith("mb")
    assert 'http.port: "0"\n' in render_settings(layout, 0)


def test_the_password_is_random_and_private(layout: Layout, tmp_path: Path) -> None:
    password = read_password(layout)
    assert len(password) >= 32
    assert read_password(layout) == password
    assert stat.S_IMODE(layout.password.stat().st_mode) == 0o600
    other = Layout(tmp_path / "other")
    other.root.mkdir(parents=True)
    assert read_password(other) != password
    layout.password.write_text("")
    assert read_password(layout), "an empty file must not become an empty password"


def test_the_server_knows_the_password_only_as_a_hash(layout: Layout) -> None:
    write_config(layout, Account(), heap_mb=512, password="geheim")
    write_settings(layout, Account(), 0)
    name, _, hashed = (layout.config / "users").read_text().strip().partition(":")
    assert name == "marquee"
    assert hashed.startswith("$2a$")
    assert bcrypt.checkpw(b"geheim", hashed.encode())
    assert (layout.config / "users_roles").read_text() == "superuser:marquee\n"
    for path in layout.config.iterdir():
        assert path.is_dir() or stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.is_dir() or "geheim" not in path.read_text()
    options = (layout.config / "jvm.options").read_text()
    assert "-Xmx512m" in options
    assert "incubator" not in options
    assert layout.logs.is_dir(), "the server insists on it"


def test_a_private_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target = tmp_path / "target"
    (tmp_path / "target.unfinished").symlink_to(victim)
    target.symlink_to(victim)
    write_private(target, "new")
    assert victim.read_text() == "precious"
    assert target.read_text() == "new"
    assert not target.is_symlink()


def test_an_ordinary_user_runs_the_server_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    tmp_path.chmod(0o700)
    assert choose_account(tmp_path) == Account()


def test_a_closed_folder_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "open"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert find_closed(inner) in (inner.parent, *tmp_path.parents, tmp_path)
    assert find_closed(Path("/")) is None


def test_root_hands_over_to_nobody_where_that_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    account = choose_account(Path("/"))
    assert account.uid not in (None, 0)
    assert account.prefix == ()


def test_root_without_a_way_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_works", lambda command: False)
    tmp_path.chmod(0o700)
    with pytest.raises(NodeStartError, match=r"refuses to run as root.*MARQUEE_HOME.*chmod o\+x"):
        choose_account(tmp_path)


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert read_tail(path, 5) == []
    path.write_text("".join(f"line {number} é\n" for number in range(50_000)))
    assert read_tail(path, 2) == ["line 49998 é", "line 49999 é"]
    assert len(read_tail(path, 10**6)) == 50_000


def test_a_failure_is_explained_from_this_lifes_logs(layout: Layout) -> None:
    layout.logs.mkdir()
    layout.console.write_text("\n  ERROR: it died\n")
    layout.log.write_text(
        "[2026-01-01T00:00:00,000][INFO ][o.e.n.Node] no error here\n"
        "[2026-01-01T00:00:01,000][ERROR][o.e.b.Elasticsearch] fatal exception while booting\n"
        "java.lang.IllegalStateException: cannot lock\n\tat org.elasticsearch.Frame\n"
    )
    text = summarize_failure(layout, "It did not start")
    assert text.splitlines()[0] == "It did not start"
    assert "ERROR: it died" in text
    assert "IllegalStateException: cannot lock" in text
    assert "no error here" not in text
    assert "Frame" not in text
    assert str(layout.log) in text
    os.utime(layout.log, (1, 1))
    assert "cannot lock" not in summarize_failure(layout, "It did not start", since=1000)
