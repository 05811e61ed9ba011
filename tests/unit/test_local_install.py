import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local import install
from deploy.local.process import ServiceError


class Machine:
    """A machine whose programs and commands are made up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.programs = {
            "apt-get": "",
            "java": 'openjdk version "17.0.15" 2025-04-15',
            "mvn": "Apache Maven 3.8.7",
            "redis-server": "Redis server v=7.0.15 sha=00000000:0",
        }
        self.ran: list[str] = []
        self.fails_with = ""
        self.policy = folder / "policy-rc.d"
        self.policy_during_install = ""
        monkeypatch.setattr(install, "STATE", folder)
        monkeypatch.setattr(install, "KAFKA", folder / "kafka")
        monkeypatch.setattr(install, "KAFKA_LIBS", folder / "kafka" / "libs")
        monkeypatch.setattr(install, "POLICY", self.policy)
        monkeypatch.setattr(shutil, "which", lambda name: name if name in self.programs else None)
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def run(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[1] in {"-version", "--version"}:
            return subprocess.CompletedProcess(command, 0, self.programs[command[0]], "")
        self.ran.append(" ".join(command))
        if self.policy.exists():
            self.policy_during_install = self.policy.read_text(encoding="utf-8")
        if command[0] == "mvn":
            option = next(word for word in command if word.startswith("-DoutputDirectory="))
            libs = Path(option.partition("=")[2])
            libs.mkdir(parents=True)
            (libs / "kafka-clients-4.3.0.jar").touch()
        if command[:2] == ["apt-get", "install"]:
            self.programs["redis-server"] = "Redis server v=7.0.15"
        return subprocess.CompletedProcess(command, int(bool(self.fails_with)), self.fails_with)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


@pytest.fixture
def root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Make the machine's user root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_fetches_the_jars_once(machine: Machine) -> None:
    install.install()
    install.install()
    assert [command.split()[0] for command in machine.ran] == ["mvn"]
    assert (install.KAFKA_LIBS / "kafka-clients-4.3.0.jar").exists()


def test_fetches_again_when_the_pom_has_changed(machine: Machine) -> None:
    install.install()
    (install.KAFKA / "pom.xml").write_text("an older one", encoding="utf-8")
    assert not install.is_kafka_installed()
    install.install()
    assert len(machine.ran) == 2


def test_an_interrupted_download_does_not_count(machine: Machine) -> None:
    machine.fails_with = "no network"
    with pytest.raises(ServiceError, match=r"Fetching Apache Kafka failed[\s\S]*no network"):
        install.install()
    assert not install.is_kafka_installed()
    machine.fails_with = ""
    install.install()
    assert install.is_kafka_installed()


def test_maven_is_needed_only_for_the_download(machine: Machine) -> None:
    install.install()
    del machine.programs["mvn"]
    install.install()


def test_names_in_one_line_what_a_user_must_install(machine: Machine) -> None:
    del machine.programs["mvn"], machine.programs["redis-server"]
    with pytest.raises(ServiceError) as caught:
        install.install()
    assert str(caught.value) == (
        "Please install mvn >= 3, redis-server >= 7 (Debian's packages: maven redis-server)."
    )
    assert not machine.ran


@pytest.mark.parametrize("java", ['java version "1.8.0_402"', 'openjdk version "11.0.20"', "?"])
def test_an_old_program_is_as_good_as_none(machine: Machine, java: str) -> None:
    machine.programs["java"] = java
    with pytest.raises(ServiceError, match=r"install java >= 17 \("):
        install.install()


@pytest.mark.usefixtures("root")
def test_root_gets_missing_packages_and_no_service_with_them(machine: Machine) -> None:
    del machine.programs["redis-server"]
    install.install()
    assert machine.ran[:2] == [
        "apt-get update",
        "apt-get install --yes --no-install-recommends redis-server",
    ]
    assert machine.policy_during_install.endswith("exit 101\n")
    assert not machine.policy.exists()


@pytest.mark.usefixtures("root")
def test_a_policy_that_exists_is_left_alone(machine: Machine) -> None:
    machine.policy.write_text("mine", encoding="utf-8")
    del machine.programs["redis-server"]
    install.install()
    assert machine.policy.read_text(encoding="utf-8") == "mine"


@pytest.mark.usefixtures("root")
def test_the_policy_goes_when_installing_fails(machine: Machine) -> None:
    del machine.programs["redis-server"]
    machine.fails_with = "E: Unable to locate package"
    with pytest.raises(ServiceError, match="Unable to locate"):
        install.install()
    assert not machine.policy.exists()


@pytest.mark.usefixtures("root")
def test_root_without_apt_is_told_too(machine: Machine) -> None:
    del machine.programs["redis-server"], machine.programs["apt-get"]
    with pytest.raises(ServiceError, match=r"^Please install redis-server >= 7 .*\.$"):
        install.install()


@pytest.mark.usefixtures("root")
def test_a_package_that_is_too_old_is_reported(machine: Machine) -> None:
    machine.programs["java"] = 'openjdk version "11.0.20"'
    with pytest.raises(ServiceError, match=r"^Please install java >= 17 .*\.$"):
        install.install()
    assert "default-jre-headless" in machine.ran[1]
