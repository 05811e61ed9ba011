"""The unit restarts what a restart may help, and waits as long as the supervisor does."""

import configparser
import shlex
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from worker.cli import main
from worker.errors import RESTARTABLE, ExitCode
from worker.lifecycle import Supervisor

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "tagstream-worker.service"


def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    return parser["Service"]


def test_it_restarts_what_may_be_restarted_only() -> None:
    kept = {int(code) for code in service()["RestartPreventExitStatus"].split()}
    assert kept == set(ExitCode) - RESTARTABLE - {ExitCode.DONE}
    assert service()["Restart"] == "on-failure"


def test_it_waits_for_a_stop_in_order() -> None:
    grace = next(field.default for field in fields(Supervisor) if field.name == "grace")
    assert isinstance(grace, float)
    assert float(service()["TimeoutStopSec"]) > grace


def test_its_command_is_one(tmp_path: Path) -> None:
    _, *arguments = shlex.split(service()["ExecStart"])
    config = tmp_path / "worker.toml"
    config.write_text(f'bundle = "{tmp_path / "none"}"\nprocesses = "1"\nhttp_port = 0\n')
    arguments[arguments.index("--config") + 1] = str(config)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == ExitCode.START_FAILED, result.output
