"""The worker's image: its Dockerfile's own commands, in an empty folder."""

import json
from pathlib import Path

import pytest

from tests.support.dockerfile import ROOT, Image
from worker.telemetry import Health, HealthServer, Metrics

pytestmark = pytest.mark.timeout(1_800)  # half a gigabyte is unpacked


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(ROOT / "deploy/worker.Dockerfile", tmp_path_factory.mktemp("image")).build()


def test_it_answers_and_writes_nothing(image: Image, bundle_path: Path, tmp_path: Path) -> None:
    before = sorted(image.root.rglob("*"))
    (entry,) = json.loads(image.said["ENTRYPOINT"])
    done = image.run(entry, "suggest", "--bundle", str(bundle_path), "two words", cwd=tmp_path)
    assert done.stdout.count("#") == 5, done.stderr
    assert sorted(image.root.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_what_is_compiled_is_there_already(image: Image, tmp_path: Path) -> None:
    before = sorted(image.root.rglob("*"))
    assert [path for path in before if path.suffix == ".nbc"]
    done = image.run("python", "-m", "worker.compile", cwd=tmp_path)
    assert done.stdout.endswith(f"kept in {image.root}/opt/tagstream/numba\n"), done.stderr
    assert sorted(image.root.rglob("*")) == before


def test_it_runs_by_itself(image: Image, tmp_path: Path) -> None:
    (entry,), arguments = json.loads(image.said["ENTRYPOINT"]), json.loads(image.said["CMD"])
    done = image.run(entry, *arguments, cwd=tmp_path)
    assert done.returncode == 3
    assert f"registry {image.root}/var/lib/tagstream/registry has no alias" in done.stderr


def test_nothing_that_learns_or_installs_is_in_it(image: Image) -> None:
    (packages,) = image.root.glob("opt/tagstream/lib/*/site-packages")
    assert (packages / "onnxruntime").is_dir()
    for name in ("torch", "gensim", "onnx", "pip", "hatchling"):
        assert not (packages / name).exists()
    assert sorted(path.name for path in image.root.iterdir()) == ["opt", "var"]


def test_buckets_traces_and_the_other_client_are_a_setting_away(image: Image) -> None:
    imports = "import confluent_kafka, opentelemetry.exporter.otlp.proto.http, s3fs"
    done = image.run("python", "-c", imports, cwd=image.root)
    assert done.returncode == 0, done.stderr


def test_its_health_is_the_loops(image: Image, tmp_path: Path) -> None:
    health = Health()
    with HealthServer("127.0.0.1", 0, Metrics(), health) as server:
        image.environment["TAGSTREAM_HTTP_PORT"] = str(server.port)
        assert image.run(*image.health_command(), cwd=tmp_path).returncode == 1
        health.beat()
        assert image.run(*image.health_command(), cwd=tmp_path).returncode == 0
