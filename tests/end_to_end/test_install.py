"""A worker installs and answers without anything that learns."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the built wheel and the worker's pins."""
    folder = tmp_path_factory.mktemp("install")
    uv("build", "--wheel", "--no-build-isolation", "--out-dir", str(folder / "dist"))
    (wheel,) = (folder / "dist").glob("*.whl")
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


def test_the_version_is_the_same_everywhere(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "bin/worker"), "--version"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    version = said.split()[-1]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
