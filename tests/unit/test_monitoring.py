"""The shipped alert rules: promtool accepts them, they fire on what they should, and on metrics there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from marquee.api.telemetry import measure
from tests.statuses import make_status, make_unreachable

MONITORING = Path(__file__).parents[2] / "monitoring"


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
    assert "8 rules found" in run_promtool("check", "rules", "alerts.yml")


def test_each_rule_fires_and_does_not_as_it_should() -> None:
    run_promtool("test", "rules", "alerts.test.yml")


def test_the_rules_name_metrics_that_there_are() -> None:
    rules = (MONITORING / "alerts.yml").read_text()
    expressions = re.findall(r"expr: (.+)", rules)
    named = {name for each in expressions for name in re.findall(r"marquee_\w+", each)}
    assert len(expressions) == rules.count("- alert:")
    assert len(named) >= 6
    assert named <= {metric.name for metric in measure(make_status())}


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
