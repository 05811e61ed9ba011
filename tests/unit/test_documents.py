"""What the documents tell people to type is something that our programs take."""

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from tests.support.commands import written
from trainer.cli import main as trainer
from worker.cli import main as worker

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
# What a machine of its own is needed for, or hours.
MARKS = {"docker", "kubernetes", "gpu", "suite"}
BLOCK = re.compile(r"^```sh(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS: dict[str, click.Group] = {"trainer": trainer, "worker": worker}
FOLDERS = ("CORPUS", "registry", "results", "collected", "runs/first", "runs/month/corpus")
TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE).findall((ROOT / "Makefile").read_text())
OTHERS = {"openssl"}  # those of test_signatures.py

Block = tuple[str, str]


def blocks(document: Path) -> list[Block]:
    """Return the mark of each block of shell commands, and the commands."""
    return [
        (mark, re.sub(r"\s+# .*", "", text)) for mark, text in BLOCK.findall(document.read_text())
    ]


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def test_the_documents_are_found() -> None:
    found = {name(path) for path in DOCUMENTS}
    assert found >= {"README.md", "CONTRIBUTING.md", "docs/security.md", "docs/methods.md"}
    assert sum(len(blocks(path)) for path in DOCUMENTS) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_block_is_marked_with_what_it_needs(document: Path) -> None:
    assert {mark for mark, _ in blocks(document)} <= {"", *MARKS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_our_commands_have_the_flags_that_they_are_given(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "memory.json").touch()
    monkeypatch.chdir(tmp_path)
    for _, text in blocks(document):
        for program, group in PROGRAMS.items():
            calls = [line for line in text.splitlines() if line.startswith(f"{program} ")]
            assert len(list(written(program, group, text, {}))) == len(calls)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_whatever_else_they_call_is_there(document: Path) -> None:
    for mark, text in blocks(document):
        for line in [] if mark in {"docker", "kubernetes"} else text.splitlines():
            words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
            program = words[0] if words else "make"
            if program == "make":
                assert {*words[1:]} <= {*TARGETS}, line
            elif program == "python":
                assert importlib.util.find_spec(words[2]) is not None, line
            elif program not in {*PROGRAMS, *OTHERS}:
                assert (ROOT / program).is_file(), line
