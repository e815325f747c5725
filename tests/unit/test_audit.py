"""The check of dependencies in CI fails where nothing was checked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "audit.py"
GOOD = {"name": "httpx", "version": "0.28.1", "vulns": []}
BAD = {
    "name": "redis",
    "version": "5.0.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.2"], "aliases": []}],
}
# What pip-audit 2.10.1 wrote where its database was out of reach; it ended with 0.
SKIPPED = {
    "name": "yarl",
    "skip_reason": "Dependency not found on PyPI and could not be audited: yarl (1.25.1)",
}


def judge(path: Path) -> tuple[int, str]:
    ended = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(
    ("dependencies", "code", "says"),
    [
        ([GOOD], 0, "1 dependencies audited, 0 known vulnerabilities"),
        ([GOOD, BAD], 1, "redis 5.0.0: PYSEC-1 (fixed in 5.2)"),
        ([GOOD, SKIPPED], 1, "not audited: yarl"),
        ([SKIPPED, SKIPPED], 1, "nothing was audited"),
        ([], 1, "nothing was audited"),
    ],
)
def test_a_report_is_judged(tmp_path: Path, dependencies: list[Any], code: int, says: str) -> None:
    report = tmp_path / "audit.json"
    report.write_text(json.dumps({"dependencies": dependencies, "fixes": []}))
    ended, text = judge(report)
    assert (ended, says in text) == (code, True)


@pytest.mark.parametrize("text", [None, "", "Traceback (most recent call last):", "[]", "{}", "null"])
def test_no_report_fails(tmp_path: Path, text: str | None) -> None:
    report = tmp_path / "audit.json"
    if text is not None:
        report.write_text(text)
    ended, said = judge(report)
    assert (ended, "nothing was audited" in said) == (1, True)


def test_the_workflow_asks_for_every_pinned_dependency_and_judges() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.search(r"pip-audit==[\d.]+ .*-r constraints\.txt .*--format json .*-o audit\.json", workflow)
    assert "python .ci/audit.py audit.json" in workflow
