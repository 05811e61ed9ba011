"""Both overlays are valid objects of Kubernetes and KEDA, and safe to run."""

import json
import subprocess
from typing import Any, get_args, get_type_hints

import jsonschema
import kubernetes_validate
import msgspec
import pytest
import yaml

from deploy.local.tools import KUSTOMIZE, install
from tests.support.dockerfile import ROOT, instructions
from trainer.cli import main as trainer
from trainer.settings import CollectSettings
from worker.cli import MORE_TO_STOP
from worker.settings import Settings

SCHEMAS = ROOT / "tests/schemas"
TRAINERS = ("trainer", "collector", "compaction")  # containers of its image
Objects = dict[tuple[str, str], Any]  # by kind and name


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def objects(overlay: str) -> Objects:
    install()
    folder = ROOT / "deploy/kubernetes/overlays" / overlay
    done = subprocess.run([KUSTOMIZE, "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    found = {(one["kind"], one["metadata"]["name"]): one for one in made}
    assert len(found) == len(made) == 14
    return found


@pytest.fixture
def pods(objects: Objects) -> dict[str, Any]:
    """What runs, by the name of its container."""
    deployed = [one["spec"] for (kind, _), one in objects.items() if kind == "Deployment"]
    jobs = [
        one["spec"]["jobTemplate"]["spec"]
        for (kind, _), one in objects.items()
        if kind == "CronJob"
    ]
    specs = [one["template"]["spec"] for one in (*deployed, *jobs)]
    found = {one["containers"][0]["name"]: one for one in specs}
    assert found.keys() == {"worker", *TRAINERS}
    return found


@pytest.fixture
def worker(pods: dict[str, Any]) -> Any:  # noqa: ANN401
    return pods["worker"]["containers"][0]


def named(objects: Objects, kind: str) -> Any:  # noqa: ANN401
    (one,) = (value for (of, _), value in objects.items() if of == kind)
    return one


def closed(schema: Any) -> Any:  # noqa: ANN401
    """The schema, refusing fields that it does not name, as `kubectl apply` does."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return more | {key: closed(value) for key, value in schema.items()}


def test_kubernetes_knows_each_object(objects: Objects) -> None:
    for (kind, _), one in objects.items():
        if kind != "ScaledObject":
            kubernetes_validate.validate(one, "1.34", strict=True)


def test_keda_knows_its_own(objects: Objects) -> None:
    one = named(objects, "ScaledObject")
    schema = closed(json.loads((SCHEMAS / "keda-scaledobject.json").read_text()))
    schema["properties"]["metadata"] = {"type": "object"}  # Kubernetes' own
    jsonschema.validate(one, schema)
    known = json.loads((SCHEMAS / "keda-kafka.json").read_text())
    (trigger,) = one["spec"]["triggers"]
    assert trigger["metadata"].keys() <= {*known["metadata"], *known["fromEnv"]}
    assert one["spec"]["scaleTargetRef"]["name"] == "tagstream-worker"


def test_keda_reads_what_the_workers_read(objects: Objects, worker: Any) -> None:  # noqa: ANN401
    config = named(objects, "ConfigMap")
    assert worker["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
    (trigger,) = named(objects, "ScaledObject")["spec"]["triggers"]
    asked = {value for key, value in trigger["metadata"].items() if key.endswith("FromEnv")}
    assert len(asked) == 3
    assert asked <= config["data"].keys()


def test_its_variables_are_settings(objects: Objects, worker: Any, overlay: str) -> None:  # noqa: ANN401
    data = named(objects, "ConfigMap")["data"]
    names = {*data, *(one["name"] for one in worker["env"])}
    fields = {f"TAGSTREAM_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    assert names <= fields
    assert data.get("TAGSTREAM_VARIANT") == {"cpu": None, "gpu": "cuda-fp16"}[overlay]


def test_probes_ask_the_worker(worker: Any) -> None:  # noqa: ANN401
    (port,) = worker["ports"]
    assert port["containerPort"] == Settings().http_port
    for probe, path in (("livenessProbe", "live"), ("readinessProbe", "ready")):
        asked = {"path": f"/v2/health/{path}", "port": port["name"]}
        assert worker[probe]["httpGet"] == asked


def test_what_serves_has_the_time_to_stop(pods: dict[str, Any]) -> None:
    for name, settings in (("worker", Settings()), ("collector", CollectSettings())):
        longest = settings.stop_timeout + MORE_TO_STOP
        assert pods[name]["terminationGracePeriodSeconds"] > longest


def test_nothing_runs_as_root_nor_writes_where_it_should_not(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert not pod["automountServiceAccountToken"]
        (container,) = pod["containers"]
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"]
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}


def test_the_user_is_the_images(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        image = pod["containers"][0]["image"].rpartition("/tagstream-")[-1].partition(":")[0]
        said = dict(instructions(ROOT / f"deploy/{image}.Dockerfile"))
        user = pod["securityContext"]
        assert said["USER"] == f"{user['runAsUser']}:{user['runAsGroup']}"


def test_there_are_limits(pods: dict[str, Any], overlay: str) -> None:
    for pod in pods.values():
        (container,) = pod["containers"]
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
    gpus = pods["worker"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
    assert gpus == {"cpu": None, "gpu": "1"}[overlay]


def test_secrets_are_only_referred_to(objects: Objects, worker: Any) -> None:  # noqa: ANN401
    assert not [kind for kind, _ in objects if kind == "Secret"]
    hints = get_type_hints(Settings, include_extras=True).items()
    cards = {f"TAGSTREAM_{name.upper()}": get_args(hint)[1] for name, hint in hints}
    secret = {name for name, card in cards.items() if card.secret or card.hidden}
    names = {one["name"] for one in worker["env"]}
    assert {"TAGSTREAM_CACHE", "TAGSTREAM_MEMORY_KEY"} <= secret & names
    assert not secret & named(objects, "ConfigMap")["data"].keys()
    for one in worker["env"]:
        assert "secretKeyRef" in one["valueFrom"]


def test_workers_only_read_the_registry(pods: dict[str, Any], worker: Any) -> None:  # noqa: ANN401
    assert all(mount["readOnly"] for mount in worker["volumeMounts"])
    mounts = {one["name"]: one for one in pods["trainer"]["containers"][0]["volumeMounts"]}
    assert not mounts["registry"].get("readOnly")
    assert mounts["registry"]["mountPath"] == worker["volumeMounts"][0]["mountPath"]


def test_selectors_meet_the_pods(objects: Objects) -> None:
    deployment = objects["Deployment", "tagstream-worker"]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    selectors = [
        objects["PodDisruptionBudget", "tagstream-worker"]["spec"]["selector"],
        objects["NetworkPolicy", "tagstream-worker"]["spec"]["podSelector"],
        deployment["spec"]["selector"],
        *(one["labelSelector"] for one in template["spec"]["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector["matchLabels"].items() <= labels


def test_every_pod_has_its_network_policy(objects: Objects) -> None:
    policies = [one["spec"] for (kind, _), one in objects.items() if kind == "NetworkPolicy"]
    selected = [one["podSelector"]["matchLabels"] for one in policies]
    for (kind, _), one in objects.items():
        if kind not in {"Deployment", "CronJob"}:
            continue
        of = one["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else one["spec"]
        labels = of["template"]["metadata"]["labels"].items()
        assert [s for s in selected if s.items() <= labels], one["metadata"]["name"]


def test_what_is_collected_is_learned_from(objects: Objects, pods: dict[str, Any]) -> None:
    claim = objects["PersistentVolumeClaim", "tagstream-collected"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for name in TRAINERS:
        claims = {v["name"]: v.get("persistentVolumeClaim") for v in pods[name]["volumes"]}
        assert claims["collected"]["claimName"] == claim["metadata"]["name"]
    for name in ("collector", "compaction"):
        container = pods[name]["containers"][0]
        command, *arguments = container["args"]
        asked = trainer.commands[command].make_context(command, arguments).params["url"]
        assert f"/var/lib/tagstream/{asked}" in {m["mountPath"] for m in container["volumeMounts"]}
    config = named(objects, "ConfigMap")
    [source] = pods["collector"]["containers"][0]["envFrom"]
    assert source == {"configMapRef": {"name": config["metadata"]["name"]}}


def test_the_trainers_command_is_one(pods: dict[str, Any], overlay: str) -> None:
    container = pods["trainer"]["containers"][0]
    (variants,) = (one["value"] for one in container["env"] if one["name"] == "VARIANTS")
    name, *arguments = [word.replace("$(VARIANTS)", variants) for word in container["args"]]
    retrain = trainer.commands[name].make_context(name, arguments)
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert retrain.params["url"] in mounts
    for folder in ("registry", "work"):
        assert f"/var/lib/tagstream/{retrain.params[folder]}" in mounts
    assert ("cuda-fp16" in retrain.params["variants"]) == (overlay == "gpu")
