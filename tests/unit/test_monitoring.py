"""The shipped alert rules and dashboard: promtool accepts them, and the rules fire on what they should.

That both name metrics that there are is seen of a running service, in `tests/integration/test_observing.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from marquee.api.telemetry import measure
from tests.statuses import make_status, make_unreachable

MONITORING = Path(__file__).parents[2] / "monitoring"


def read_dashboard() -> Any:
    return json.loads((MONITORING / "grafana.json").read_text())


def dashboard_expressions() -> list[str]:
    """All that the dashboard asks Prometheus, with values in the place of its variables."""
    board = read_dashboard()
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    notes = [each["expr"] for each in board["annotations"]["list"]]
    return [each.replace("$__rate_interval", "1m") for each in targets + notes]


def rule_expressions() -> list[str]:
    """All that the rules ask Prometheus."""
    rules = (MONITORING / "alerts.yml").read_text()
    found = re.findall(r"expr: (.+?)\n +(?:for|labels):", rules, re.DOTALL)
    assert len(found) == rules.count("- alert:")
    return found


def metrics_in(expressions: list[str]) -> set[str]:
    return {name for each in expressions for name in re.findall(r"\b(?:marquee|process)_\w+", each)}


def run_promtool(*arguments: str) -> str:
    if shutil.which("promtool") is None:
        message = "promtool is not installed (Debian: apt-get install --no-install-recommends prometheus)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    done = subprocess.run(["promtool", *arguments], cwd=MONITORING, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid() -> None:
    assert "13 rules found" in run_promtool("check", "rules", "alerts.yml")


def test_each_rule_fires_and_does_not_as_it_should() -> None:
    run_promtool("test", "rules", "alerts.test.yml")


def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    """As the expressions of a file of rules, which promtool can check."""
    expressions = dashboard_expressions()
    assert len(expressions) > 40
    rules = tmp_path / "dashboard.yml"
    records = [{"record": f"expression:{number}", "expr": each} for number, each in enumerate(expressions)]
    rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}))  # JSON is YAML
    assert f"{len(expressions)} rules found" in run_promtool("check", "rules", "--lint=none", str(rules))


def test_the_dashboard_can_be_imported() -> None:
    board = read_dashboard()
    panels = board["panels"]
    assert len({each["id"] for each in panels}) == len(panels) > 25
    places = {
        (x, y)
        for each in panels
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    }
    assert len(places) == sum(each["gridPos"]["w"] * each["gridPos"]["h"] for each in panels), (
        "no two overlap"
    )
    assert max(x for x, _ in places) < 24
    variables = {each["name"]: each for each in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in panels:
        sources = [panel, *panel["targets"]] if panel["type"] != "row" else []
        assert all(each["datasource"]["uid"] == "${datasource}" for each in sources), panel["title"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    assert used - {"__rate_interval", "__all"} == set(variables)


def test_the_dashboard_shows_the_promise() -> None:
    lines = {
        panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in read_dashboard()["panels"]
        if panel["type"] == "timeseries"
    }
    assert lines["Time to answer"] == [None, 0.5]
    assert lines["Age of the data"] == [None, 24 * 3600]


def test_every_rule_is_tested_both_ways() -> None:
    rules, tests = ((MONITORING / name).read_text() for name in ("alerts.yml", "alerts.test.yml"))
    for alert in re.findall(r"- alert: (\w+)", rules):
        assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", tests), f"{alert} is never seen silent"
        assert re.search(rf"alertname: {alert}\n", tests), f"{alert} is never seen to fire"


def test_what_is_not_known_is_left_out() -> None:
    away = {metric.name: metric for metric in measure(make_unreachable())}
    assert set(away) == {"marquee_build_info", "marquee_engine_up", "marquee_engine_status"}
    assert away["marquee_engine_up"].samples[0].value == 0
    names = {metric.name for metric in measure(make_status(data_age_s=None, workers=None))}
    assert not names & {"marquee_data_age_seconds", "marquee_workers"}
    nothing_ran = measure(
        make_status(last_job=None, last_result=None, last_success_at=None, next_run_at=None)
    )
    empty = {metric.name for metric in nothing_ran if not metric.samples}
    assert empty == {
        "marquee_last_job_state",
        "marquee_last_result_state",
        "marquee_last_success_timestamp_seconds",
        "marquee_next_run_timestamp_seconds",
    }


def test_one_state_holds_at_a_time() -> None:
    for metric in measure(make_status()):
        if metric.name in ("marquee_engine_status", "marquee_last_job_state", "marquee_last_result_state"):
            assert sum(sample.value for sample in metric.samples) == 1
            assert len(metric.samples) >= 3
