from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local import tools
from deploy.local.install import Tool
from deploy.local.process import ServiceError


class Machine:
    """Records what would be installed and run; Go leaves a program where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.needed: list[Tool] = []
        self.ran: list[str] = []
        self.goes_wrong = False
        monkeypatch.setattr(tools, "STATE", folder)
        monkeypatch.setattr(tools, "KUSTOMIZE", folder / "kustomize-v5" / "kustomize")
        monkeypatch.setattr(tools, "ensure", self.needed.extend)
        monkeypatch.setattr(tools, "run", self.run)

    def run(self, command: Sequence[str], purpose: str) -> None:
        self.ran.append(" ".join(command))
        settings = dict(word.split("=", 1) for word in command if "=" in word)
        Path(settings["GOPATH"]).mkdir(exist_ok=True)
        if self.goes_wrong:
            raise ServiceError(purpose)
        Path(settings["GOBIN"]).mkdir()
        (Path(settings["GOBIN"]) / "kustomize").touch()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_kustomize_is_made_once_and_leaves_no_modules(machine: Machine, tmp_path: Path) -> None:
    tools.install()
    tools.install()
    assert len(machine.ran) == 1
    assert machine.ran[0].endswith("go install sigs.k8s.io/kustomize/kustomize/v5@v5.0.1")
    assert not (tmp_path / "go.partial").exists()


def test_go_is_needed_only_for_that(machine: Machine) -> None:
    tools.install()
    assert machine.needed == [tools.PROMTOOL, tools.CHROMIUM, tools.GO]
    machine.needed.clear()
    tools.install()
    assert machine.needed == [tools.PROMTOOL, tools.CHROMIUM]


def test_what_failed_is_made_again(machine: Machine) -> None:
    machine.goes_wrong = True
    with pytest.raises(ServiceError):
        tools.install()
    machine.goes_wrong = False
    tools.install()
    assert len(machine.ran) == 2


def test_the_tools_that_are_here_are_known_by_their_versions() -> None:
    tools.install()
    assert tools.PROMTOOL.is_usable
    assert tools.CHROMIUM.is_usable
    assert tools.KUSTOMIZE.is_file()
