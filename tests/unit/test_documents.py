"""What the documents tell people to type is something that our programs take."""

import importlib.util
import re
import shlex
from pathlib import Path

import click
import msgspec
import pytest

from tests.support.commands import written
from tests.support.documents import DOCUMENTS, MARKS, ROOT, blocks, name
from tests.unit.test_dashboards import known
from trainer.cli import main as trainer
from worker.cli import main as worker
from worker.messages import Post, Suggestion

PROGRAMS: dict[str, click.Group] = {"trainer": trainer, "worker": worker}
FOLDERS = ("CORPUS", "corpus", "registry", "results", "collected", "runs/first")
FILES = ("memory.json", "tagstream.toml")
TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE).findall((ROOT / "Makefile").read_text())
OTHERS = {".", "openssl", "torchrun"}
LANGUAGES = {"json", "math", "promql", "python", "sh", "text", "toml"}  # of blocks


def test_the_documents_are_found() -> None:
    found = {name(path) for path in DOCUMENTS}
    assert found >= {"README.md", "CONTRIBUTING.md", "docs/security.md", "docs/tutorial.md"}
    assert sum(len(blocks(path, "sh")) for path in DOCUMENTS) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_block_of_commands_is_marked_with_what_it_needs(document: Path) -> None:
    assert {block.info for block in blocks(document, "sh")} <= {"", *MARKS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_our_commands_have_the_flags_that_they_are_given(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (*FOLDERS, "runs/month/corpus"):
        (tmp_path / folder).mkdir(parents=True)
    for file in FILES:
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    for block in blocks(document, "sh"):
        text = "\n".join(block.lines)
        for program, group in PROGRAMS.items():
            calls = [line for line in block.lines if line.startswith(f"{program} ")]
            assert len(list(written(program, group, text, {}))) == len(calls)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_whatever_else_they_call_is_there(document: Path) -> None:
    for block in blocks(document, "sh"):
        for line in [] if block.info in {"docker", "kubernetes"} else block.lines:
            words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
            program = words[0] if words else "make"
            if program == "make":
                assert {*words[1:]} <= {*TARGETS}, line
            elif program == "python" and words[1] == "-m":
                assert importlib.util.find_spec(words[2]) is not None, line
            elif program == "python":
                assert words[1] in {block.file for block in blocks(document, "python")}, line
            elif program not in {*PROGRAMS, *OTHERS}:
                assert (ROOT / program).is_file(), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_nothing_but_plain_text_is_left_untried(document: Path) -> None:
    opened = re.findall(r"^```(.*)", document.read_text(), re.MULTILINE)
    assert len(opened) == 2 * len(blocks(document, *LANGUAGES))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_examples_of_messages_have_the_fields_there_are(document: Path) -> None:
    for block in blocks(document, "json"):
        example = msgspec.json.decode(block.text)
        kind = Suggestion if "suggestions" in example else Post
        read = msgspec.to_builtins(msgspec.convert(example, kind))
        assert {name: read.get(name) for name in example} == example


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_examples_of_settings_are_taken(document: Path, tmp_path: Path) -> None:
    for block in blocks(document, "toml"):
        (tmp_path / "settings.toml").write_text(block.text)
        worker.commands["run"].make_context("run", ["--config", str(tmp_path / "settings.toml")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_metrics_that_are_asked_for_are_there(document: Path) -> None:
    for block in blocks(document, "promql"):
        asked = set(re.findall(r"\b(?:messaging|tagstream)_[a-z_]+", block.text))
        assert asked
        assert asked <= known()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_what_is_said_to_compute_something_is_there(document: Path) -> None:
    said = re.compile(r"(`[^`]+`(?: and `[^`]+`)?)\s+in\s+`([\w/]+\.py)`")
    for names, path in said.findall(document.read_text()):
        code = (ROOT / path).read_text()
        for one in re.findall(r"[\w.]+", names.replace(" and ", " ")):
            made = rf"^ *(?:class |def )?{one.rpartition('.')[2]}\b ?[(:=]"
            assert re.search(made, code, re.MULTILINE), (one, path)
