import json
import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner, Result

from export.bundle import Bundle
from export.registry import Registry
from worker import cli, logs, service, topics
from worker.errors import ExitCode, FatalError, UnreachableError
from worker.lifecycle import Supervisor
from worker.settings import Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TAGSTREAM_"):
            monkeypatch.delenv(name)


def worker(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli.main, arguments, input=stdin)


@pytest.fixture
def text(bundle: Bundle) -> str:
    return " ".join(bundle.topics()[0])


@pytest.fixture
def address() -> str:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


class TestSuggest:
    def test_answers_each_text(self, registry: Registry, text: str) -> None:
        result = worker("suggest", "--registry", str(registry.root), "--top", "2", text, "...")
        assert result.exit_code == 0
        first, second = result.output.splitlines()
        assert [part[0] for part in first.split()[::2]] == ["#", "#"]
        assert all(0 < float(score) < 1 for score in first.split()[1::2])
        assert second == "no suggestions: no_words"

    def test_answers_each_line_of_standard_input(self, bundle_path: Path, text: str) -> None:
        result = worker("suggest", "--bundle", str(bundle_path), stdin=f"{text}\n\n{text}\n")
        lines = result.output.splitlines()
        assert lines[0] == lines[2] != lines[1]

    def test_writes_json(self, bundle_path: Path, bundle: Bundle, text: str) -> None:
        flags = ("--bundle", str(bundle_path), "--json", "--explain")
        result = worker("suggest", *flags, text, "...")
        first, second = map(json.loads, result.output.splitlines())
        assert (first["id"], first["model"]) == ("1", bundle.name)
        assert len(first["suggestions"]) == 5
        assert len(first["topics"]) == bundle.manifest.model.topics
        assert len(first["attention"]) == len(text.split())
        assert second == {
            "id": "2",
            "suggestions": [],
            "model": bundle.name,
            "variant": "cpu-fp32",
            "reason": "no_words",
        }

    def test_says_when_a_post_carries_all(self, bundle_path: Path, bundle: Bundle) -> None:
        every = " ".join(f"#{hashtag.spelling}" for hashtag in bundle.hashtags())
        text = f"{bundle.topics()[0][0]} {every}"
        result = worker("suggest", "--bundle", str(bundle_path), text)
        assert result.output == "no suggestions: none is left\n"
        kept = worker("suggest", "--bundle", str(bundle_path), "--keep-present", text)
        assert len(kept.output.split("#")) == 6

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--registry", "{}"], "has no alias 'champion'; `trainer export"),
            (["--bundle", "{}"], "has no readable manifest.json"),
        ],
    )
    def test_without_a_model_is_one_line_and_exit_code_3(
        self, tmp_path: Path, flags: list[str], message: str
    ) -> None:
        result = worker("suggest", *[flag.format(tmp_path) for flag in flags], "hi")
        assert result.exit_code == ExitCode.START_FAILED
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("worker: ")
        assert message in result.stderr
        assert result.stdout == ""

    def test_with_a_variant_that_is_not_there_is_too(self, bundle_path: Path) -> None:
        result = worker("suggest", "--bundle", str(bundle_path), "--variant", "tpu", "hi")
        assert result.exit_code == ExitCode.START_FAILED
        assert "no variant 'tpu', only cpu-fp32" in result.stderr


class TestDoctor:
    def test_tells_what_a_worker_would_fail_on_and_its_exit_code(
        self, registry: Registry, address: str
    ) -> None:
        result = worker(
            "doctor", "--registry", str(registry.root), "--bootstrap-servers", address,
            "--startup-timeout", "0", "--cache", f"redis://me:secret@{address}/0",
        )  # fmt: skip
        output = " ".join(result.output.split())
        assert result.exit_code == ExitCode.UNREACHABLE
        assert "ok bundle" in output
        assert f"FAIL broker and topics: no broker at {address}" in output
        assert "check --bootstrap-servers" in output
        assert "warn cache: not reachable" in output
        assert "secret" not in output

    @pytest.fixture
    def _no_broker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broker(settings: Settings) -> NoReturn:
            raise UnreachableError(f"no broker at {settings.bootstrap_servers}")

        monkeypatch.setattr(topics, "broker", broker)

    @pytest.mark.usefixtures("_no_broker")
    def test_fails_on_the_first_thing_that_a_worker_would(self, tmp_path: Path) -> None:
        result = worker("doctor", "--registry", str(tmp_path), "--cache", "none")
        assert result.exit_code == ExitCode.START_FAILED
        assert "FAIL bundle" in result.output
        assert "FAIL broker and topics" in result.output
        assert "none: every post is inferred" in result.output

    @pytest.mark.usefixtures("_no_broker")
    def test_names_a_cache_that_is_no_url(self, registry: Registry) -> None:
        result = worker("doctor", "--registry", str(registry.root), "--cache", "http://here")
        assert "FAIL cache: --cache is no Redis URL" in " ".join(result.output.split())


class Called:
    """Stands for what `worker run` starts, and keeps what it was started with."""

    def __init__(self, result: Exception | int = 0) -> None:
        self.result = result
        self.arguments: tuple[Any, ...] = ()

    def __call__(self, *arguments: object) -> int:
        self.arguments = arguments
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class TestRun:
    @pytest.fixture(autouse=True)
    def _quiet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "configure_logging", lambda *_: None)

    @pytest.fixture
    def serve(self, monkeypatch: pytest.MonkeyPatch) -> Called:
        called = Called()
        monkeypatch.setattr(service, "serve", called)
        return called

    @pytest.mark.parametrize("processes", ["0", "-1", "many", "²", ""])
    def test_refuses_a_number_of_processes_that_is_none(
        self, serve: Called, processes: str
    ) -> None:
        result = worker("run", "--processes", processes)
        assert result.exit_code == ExitCode.USAGE
        assert "a number above 0, or auto" in result.output
        assert serve.arguments == ()

    def test_serves_in_this_process_with_the_settings(self, serve: Called) -> None:
        assert worker("run", "--group", "mine").exit_code == 0
        assert serve.arguments == (Settings(group="mine"), None)

    def test_tells_why_it_ended_and_whether_a_restart_may_help(self, serve: Called) -> None:
        serve.result = FatalError("posts were deleted")
        result = worker("run")
        assert result.exit_code == ExitCode.FATAL
        assert result.stderr == "worker: posts were deleted\n"

    def test_one_of_many_serves_under_its_number(self, serve: Called) -> None:
        worker("run", "--processes", "4", "--slot", "3")
        assert serve.arguments == (Settings(processes="4"), 3)

    @pytest.mark.parametrize("processes", ["3", "auto"])
    def test_supervises_several(
        self, serve: Called, monkeypatch: pytest.MonkeyPatch, processes: str
    ) -> None:
        commands: list[Any] = []

        def run(supervisor: Supervisor, stop: object) -> int:
            commands.extend(supervisor.commands)
            return ExitCode.FATAL if stop else ExitCode.DONE

        monkeypatch.setattr(Supervisor, "run", run)
        monkeypatch.setattr(os, "cpu_count", lambda: 3)
        monkeypatch.setattr(sys, "argv", ["worker", "run", "--processes", processes])
        assert worker("run", "--processes", processes).exit_code == ExitCode.FATAL
        tail = ["run", "--processes", processes, "--slot"]
        assert [command[3:] for command in commands] == [[*tail, str(n)] for n in range(3)]
        assert serve.arguments == ()

    def test_auto_on_one_core_serves_in_this_process(
        self, serve: Called, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: None)
        worker("run", "--processes", "auto")
        assert serve.arguments == (Settings(processes="auto"), None)


def test_the_package_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", "--version"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("worker", run_name="__main__")
    assert stopped.value.code == 0
    assert "version" in capsys.readouterr().out


def test_an_error_of_ours_is_fatal_and_may_be_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("worker.service.serve", fail)
    result = CliRunner().invoke(cli.main, ["run"])
    assert result.exit_code == ExitCode.FATAL
    assert "ZeroDivisionError: ours" in result.output
