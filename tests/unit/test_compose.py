"""compose.yaml is one, and its services fit together."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from tests.support.commands import written
from tests.support.dockerfile import ROOT, instructions
from trainer.cli import main as trainer
from worker.cli import MORE_TO_STOP
from worker.settings import Settings

COMPOSE = ROOT / "deploy/compose.yaml"
STUB = 'echo "$@" >> called; [ "$1" != "$FAILS" ]'


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text()))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return dict(compose["services"])


def test_it_is_what_the_specification_calls_one(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/schemas/compose-spec.json").read_text())
    jsonschema.validate(compose, schema)
    expected = {"kafka", "redis", "trainer", "collector", "worker", "prometheus", "grafana"}
    assert compose["services"].keys() == expected


def test_what_is_mounted_is_there(compose: dict[str, Any], services: dict[str, Any]) -> None:
    used = set()
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = re.split(r":(?=/)", volume)[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), source
            elif not source.startswith("$"):
                used.add(source)
    assert used == compose["volumes"].keys()


def test_images_of_ours_are_built_here(services: dict[str, Any]) -> None:
    for name in ("worker", "trainer"):
        build = services[name]["build"]
        said = dict(instructions(COMPOSE.parent / build["context"] / build["dockerfile"]))
        assert json.loads(said["ENTRYPOINT"]) == [name]
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_its_broker_is_the_version_that_is_tested(services: dict[str, Any]) -> None:
    pom = (ROOT / "deploy/local/pom.xml").read_text()
    name, _, version = services["kafka"]["image"].partition(":")
    assert name == "apache/kafka"
    assert f">{version}</" in pom


def test_the_worker_finds_its_services(services: dict[str, Any]) -> None:
    worker = services["worker"]
    fields = {f"TAGSTREAM_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    assert worker["environment"].keys() <= fields
    assert worker["depends_on"].keys() == {"kafka", "redis", "trainer"}
    inside = worker["environment"]["TAGSTREAM_BOOTSTRAP_SERVERS"]
    broker = services["kafka"]["environment"]
    assert f"INSIDE://{inside}," in broker["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://:{inside.partition(':')[2]}," in broker["KAFKA_LISTENERS"]
    for name in worker["depends_on"]:
        assert services[name]["healthcheck"]["test"][0] == "CMD"


def test_the_worker_has_the_time_to_stop(services: dict[str, Any]) -> None:
    seconds = float(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings().stop_timeout + MORE_TO_STOP


def test_only_this_machine_reaches_it(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_scrapes_where_workers_listen(services: dict[str, Any]) -> None:
    config = yaml.safe_load((COMPOSE.parent / "prometheus/prometheus.yaml").read_text())
    (found,) = config["scrape_configs"][0]["dns_sd_configs"]
    assert found["port"] == Settings().http_port
    assert services.keys() >= set(found["names"])


def test_grafana_finds_prometheus_and_the_dashboard(services: dict[str, Any]) -> None:
    folder = COMPOSE.parent / "grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    dashboards = yaml.safe_load((folder / "dashboards/tagstream.yaml").read_text())
    path = dashboards["providers"][0]["options"]["path"]
    assert f"./grafana/tagstream.json:{path}/tagstream.json:ro" in services["grafana"]["volumes"]


@pytest.mark.parametrize(
    ("fails", "due"),
    [("none", ["show", "schedule"]), ("show", ["show", "fit", "export", "schedule"])],
)
def test_the_trainer_learns_a_first_model_and_then_by_the_clock(
    services: dict[str, Any], tmp_path: Path, fails: str, due: list[str]
) -> None:
    (tmp_path / "trainer").write_text(f"#!/bin/sh\n{STUB}\n")
    (tmp_path / "trainer").chmod(0o755)
    (script,) = services["trainer"]["command"]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [*services["trainer"]["entrypoint"], script.replace("$$", "$")],
        cwd=tmp_path,
        env={"PATH": path, "TRAIN_AT": "0 3 * * *", "FAILS": fails},
        check=False,
    )
    called = [line.split()[0] for line in (tmp_path / "called").read_text().splitlines()]
    assert called == due


def test_the_trainers_commands_are_ones(services: dict[str, Any], tmp_path: Path) -> None:
    (script,) = services["trainer"]["command"]
    paths = {"/corpus": tmp_path, "runs/first": tmp_path}
    variable = services["trainer"]["environment"]["TRAIN_AT"]
    default = variable.removeprefix("${TRAIN_AT:-").removesuffix("}")
    script = script.replace("$$TRAIN_AT", default)
    fit, export, schedule = written("trainer", trainer, script, paths)
    assert fit.params["corpus"] == str(tmp_path)
    assert export.params["alias"] == Settings().alias
    asked = trainer.commands["retrain"].make_context("retrain", [*schedule.params["arguments"]])
    assert (asked.params["url"], asked.params["registry"]) == ("collected", Settings().registry)


def test_the_collector_writes_where_the_trainer_reads(services: dict[str, Any]) -> None:
    name, *arguments = services["collector"]["command"]
    collect = trainer.commands[name].make_context(name, arguments)
    (mount,) = services["collector"]["volumes"]
    assert mount.endswith(f"/{collect.params['url']}")
    assert f"{mount}:ro" in services["trainer"]["volumes"]
