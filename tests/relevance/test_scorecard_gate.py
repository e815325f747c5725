"""The scorecard's command on part of the committed queries: it runs, and quality has not dropped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests.conftest import engine_environ

# The benchmarks are a folder of the checkout, not an installed package.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.registry import MARQUEE
from benchmarks.scorecard.results import read_scorecard
from benchmarks.scorecard.tables import title_of

CHECKOUT = Path(__file__).parents[2]
# Every tenth name of each file, and the peers that need nothing.
COMMAND = [
    sys.executable, "-m", "benchmarks", "--quick", "--sections", "quality", "--every", "10", "--names", "10",
    "--only", "elasticsearch", "sqlite", "--no-install", "--check",
]  # fmt: skip


def test_quality_has_not_dropped(settings: Settings, endpoint: Endpoint, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    environ = engine_environ(settings, endpoint)
    done = subprocess.run(
        [*COMMAND, "--json", str(figures)],
        cwd=CHECKOUT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_scorecard(figures).quality
    assert found is not None
    assert list(found.peers) == [MARQUEE, "elasticsearch", "sqlite"], found.meta.not_measured
    assert found.meta.not_measured == {}
    own = found.peers[MARQUEE]
    assert (own.misspelt.names, own.misspelt.queries) == (50, 150)
    assert own.completion is not None
    assert own.completion.names == 10
    assert all(title_of(name) in done.stdout for name in found.peers)
