"""Each Dockerfile is clean, finds what it copies, and leaves an image that is not root's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dockerfile import ROOT, Image, context, instructions

FILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))
LINTER = Path(sys.executable).with_name("hadolint")

each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_there_is_one_for_each_image() -> None:
    assert [file.stem for file in FILES] == ["trainer", "worker-gpu", "worker"]


@each
def test_hadolint_finds_nothing(file: Path) -> None:
    assert LINTER.exists(), "hadolint is missing: `make env` installs it"
    done = subprocess.run([LINTER, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@each
def test_all_that_is_copied_is_there(file: Path, tmp_path: Path) -> None:
    image = Image(file, tmp_path)
    for made in ("tagstream", "registry"):
        (tmp_path / "build/opt" / made).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:  # one folder for all stages
        patch.setattr(Path, "rename", lambda *_: None)
        image.build(run=False)
    for name in ("pyproject.toml", "export/bundle.py", "worker/cli.py", "trainer/cli.py"):
        assert (image.root / "src" / name).is_file()


@each
def test_it_is_not_roots_and_says_what_it_is(file: Path) -> None:
    said = dict(instructions(file))
    user, group = said["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    version = re.search('version = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert version
    assert f'image.version="{version[1]}"' in said["LABEL"]
    for label in ("title", "description", "licenses", "revision"):
        assert f"org.opencontainers.image.{label}=" in said["LABEL"]


@each
def test_its_base_can_be_pinned(file: Path) -> None:
    steps = instructions(file)
    assert steps[0][0] == "ARG"
    assert steps[0][1].startswith("BASE=")
    stages = {"${BASE}"}
    for keyword, arguments in steps:
        if keyword == "FROM":
            base, _, name = arguments.partition(" AS ")
            assert base in stages
            stages.add(name)


@each
def test_packages_come_with_their_hashes(file: Path) -> None:
    for keyword, arguments in instructions(file):
        if keyword == "RUN":
            for command in arguments.split("&&"):
                if "pip --python" in command:
                    assert "--require-hashes" in command or "--no-index" in command


def test_the_context_holds_only_what_is_built(tmp_path: Path) -> None:
    top = {path.name for path in context(tmp_path / "context").iterdir()}
    sources = {"export", "trainer", "worker", "requirements"}
    assert top == sources | {"LICENSE", "README.md", "pyproject.toml"}
    assert not list((tmp_path / "context").rglob("__pycache__"))
