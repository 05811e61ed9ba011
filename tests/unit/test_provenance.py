"""What it takes to judge a figure: the code and the machine."""

import platform
from importlib import metadata
from pathlib import Path

import pytest

from trainer import provenance


def test_a_revision_is_a_commit_or_else_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_output", lambda *command: " ".join(command))
    assert "describe" in provenance.revision()

    def without_git(*_: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(provenance, "_output", without_git)
    assert provenance.revision() == f"tagstream {metadata.version('tagstream')}"


def test_a_machine_is_told_by_what_a_time_depends_on() -> None:
    machine = provenance.machine()
    assert machine["python"] == platform.python_version()
    assert isinstance(machine["cores"], int)
    assert machine["cores"] >= 1
    assert isinstance(machine["processor"], str)
    assert machine["system"] == platform.system()


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("processor: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other", "Some CPU @ 2 GHz"),
        ("processor: 0\nHardware: board", platform.machine()),
    ],
)
def test_a_processor_is_named_as_linux_does(
    lines: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: lines)
    assert provenance.machine()["processor"] == named


def test_a_processor_is_named_without_linux_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert provenance.machine()["processor"] == platform.processor()
