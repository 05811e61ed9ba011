"""What is released: it installs, says its version, and answers where nothing that learns is."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import Addresses
from worker.errors import ExitCode

ROOT = Path(__file__).parents[2]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of what is in the source distribution, beside it."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--no-build-isolation", "--out-dir", str(folder))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the built wheel and the worker's pins."""
    folder = tmp_path_factory.mktemp("install")
    uv("venv", "--python", sys.executable, str(folder / "venv"))
    python = str(folder / "venv/bin/python")
    uv("pip", "install", "--python", python, "--require-hashes", "-r", "requirements/worker.txt")
    uv("pip", "install", "--python", python, "--no-deps", str(wheel))
    uv("pip", "check", "--python", python)
    return folder / "venv"


def test_a_worker_suggests_where_nothing_that_learns_is_installed(
    environment: Path, bundle_path: Path, tmp_path: Path
) -> None:
    command = [
        str(environment / "bin/worker"),
        "suggest",
        "--bundle",
        str(bundle_path),
        "two words",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count("#") == 5
    packages = environment / "lib"
    for learner in ("torch", "gensim", "onnx"):
        assert not list(packages.glob(f"*/site-packages/{learner}"))


def test_its_doctor_finds_all_it_needs(
    environment: Path, bundle_path: Path, addresses: Addresses, unique: str, tmp_path: Path
) -> None:
    command = [
        *(str(environment / "bin/worker"), "doctor", "--create-topics"),
        *("--bundle", str(bundle_path), "--bootstrap-servers", addresses.kafka),
        *("--cache", addresses.redis, "--input-topic", unique, "--output-topic", f"{unique}.out"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "FAIL" in done.stdout) == (0, False), done.stdout + done.stderr


def test_it_helps(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "bin/worker"), "--help"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert all(name in said for name in ("run", "doctor", "suggest", "status", "watch", "dlq"))


def test_the_trainer_names_what_it_lacks(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "bin/trainer"), "--help"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.START_FAILED
    assert ended.stderr.endswith("; install tagstream[trainer]\n")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_each_extra_can_be_had(environment: Path, wheel: Path, extra: str) -> None:
    python = str(environment / "bin/python")
    uv("pip", "install", "--dry-run", "--python", python, f"tagstream[{extra}] @ {wheel.as_uri()}")


def test_the_version_is_the_same_everywhere(environment: Path, wheel: Path, tmp_path: Path) -> None:
    version = PROJECT["version"]
    command = [str(environment / "bin/worker"), "--version"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.split()[-1] == version
    assert sorted(path.name for path in wheel.parent.iterdir() if path.name[0] != ".") == [
        f"tagstream-{version}-py3-none-any.whl",
        f"tagstream-{version}.tar.gz",
    ]
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert changes.partition("\n## [")[2].startswith(f"{version}] - ")
    api = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
    assert api["info"]["version"] == version
