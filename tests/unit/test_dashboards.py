"""Alerts fire when they should; they, the dashboard and the runbook speak of metrics there are."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.tools import install
from deploy.metrics_page import ENDS, series
from tests.support.dockerfile import ROOT
from worker.telemetry import declared

ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/tagstream.json"
RUNBOOK = ROOT / "docs/runbook.md"
_NAME = re.compile(r"\b(?:messaging|tagstream)_[a-z_]+")


def known() -> set[str]:
    """The names of the series that a worker shows."""
    found = {name for kind, shown in declared().values() for name in series(kind, shown.name)}
    return found | {shown.name + "_created" for kind, shown in declared().values() if kind in ENDS}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def expressions() -> Iterator[str]:
    """The dashboard's and the alerts' expressions."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


@pytest.fixture(scope="module", autouse=True)
def _promtool() -> None:
    install()


def promtool(*arguments: str | Path) -> None:
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    tests = (ROOT / "tests/unit/alerts.yaml").read_text().replace("RULES", str(ALERTS))
    (tmp_path / "alerts.yaml").write_text(tests)
    promtool("test", "rules", tmp_path / "alerts.yaml")


def test_each_alert_is_tried_both_ways() -> None:
    cases = yaml.safe_load((ROOT / "tests/unit/alerts.yaml").read_text())["tests"]
    tried = {
        (case["alertname"], bool(case.get("exp_alerts")))
        for one in cases
        for case in one["alert_rule_test"]
    }
    assert tried == {(rule["alert"], fires) for rule in rules() for fires in (True, False)}


def test_prometheus_takes_the_configuration() -> None:
    promtool("check", "config", ALERTS.with_name("prometheus.yaml"))
    config = yaml.safe_load(ALERTS.with_name("prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    for rule in rules():
        assert f'job="{job["job_name"]}"' in rule["expr"]


def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    """What Grafana fills in is filled in."""
    filled = [one.replace("$__rate_interval", "5m") for one in expressions()]
    made = [{"record": f"tried:{number}", "expr": one} for number, one in enumerate(filled)]
    groups = {"groups": [{"name": "tried", "rules": made}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    promtool("check", "rules", tmp_path / "rules.yaml")


def test_every_metric_that_is_asked_for_is_there() -> None:
    for one in expressions():
        named = set(_NAME.findall(one))
        assert named or "up{" in one, one
        assert named <= known(), one
    code = " ".join(re.findall(r"`([^`]*)`", RUNBOOK.read_text()))
    assert set(_NAME.findall(code)) <= known()
    assert "tagstream_consumer_lag_records" in code


def test_the_dashboard_shows_every_metric() -> None:
    asked = {name for one in expressions() for name in _NAME.findall(one)}
    for _, shown in declared().values():
        assert any(name.startswith(shown.name) for name in asked), shown.name


def test_each_alert_leads_to_its_section() -> None:
    text = RUNBOOK.read_text()
    sections = {
        title.lower().replace(" ", "-"): body
        for title, body in re.findall(r"^## (.*)\n\n((?:.|\n(?!## ))*)", text, re.MULTILINE)
    }
    for rule in rules():
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert ROOT / path == RUNBOOK
        assert f"`{rule['alert']}`" in sections[anchor]
    for body in sections.values():
        for part in ("Seen", "Ask", "Why", "Do"):
            assert f"- **{part}**:" in body


def test_panels_do_not_overlap_and_name_no_data_source() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in dashboard["panels"]]
    assert len(set(places)) == len(places)
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"].endswith(".")
