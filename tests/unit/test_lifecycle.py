import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from worker import lifecycle
from worker.errors import ExitCode
from worker.lifecycle import (
    CALM_RUN,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    Supervisor,
    _Slot,
    stop_on_signal,
    stop_when_orphaned,
    worker_commands,
)

PATIENCE = 60.0  # seconds until a test gives up


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_one_sets_the_event(self, number: signal.Signals) -> None:
        with stop_on_signal() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), number)
            assert stop.wait(PATIENCE)

    def test_the_handlers_before_come_back(self) -> None:
        before = [signal.getsignal(number) for number in lifecycle.STOP_SIGNALS]
        with stop_on_signal():
            assert [signal.getsignal(n) for n in lifecycle.STOP_SIGNALS] != before
        assert [signal.getsignal(number) for number in lifecycle.STOP_SIGNALS] == before

    def test_a_second_one_exits_as_the_shell_expects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        codes: list[int] = []
        monkeypatch.setattr(os, "_exit", codes.append)
        with stop_on_signal() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wait(PATIENCE)
            os.kill(os.getpid(), signal.SIGTERM)
            wait_for(lambda: codes == [128 + signal.SIGTERM])

    def test_a_second_one_ends_the_process_at_once(self) -> None:
        code = (
            "import time\n"
            "from worker.lifecycle import stop_on_signal\n"
            "with stop_on_signal() as stop:\n"
            "    print('ready', flush=True); stop.wait(); print('stopping', flush=True)\n"
            "    while True: time.sleep(0.01)\n"
        )
        with subprocess.Popen(
            python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in ("ready\n", "stopping\n"):
                assert process.stdout.readline() == line
                process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM


class TestOrphans:
    def test_stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parents, stop = iter([7, 7]), threading.Event()
        monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
        stop_when_orphaned(stop)
        assert stop.wait(PATIENCE)
        assert next(parents, None) is None


class TestSupervisor:
    @pytest.fixture(autouse=True)
    def logs(self) -> Iterator[list[structlog.typing.EventDict]]:
        with capture_logs() as logs:
            yield logs

    @pytest.fixture(autouse=True)
    def _short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pauses a hundredth as long, so that what is watched is their number."""
        monkeypatch.setattr(_Slot, "pause", SHORTEST_PAUSE / 100)
        monkeypatch.setattr(_Slot.__init__, "__defaults__", (None, 0.0, 0.0, SHORTEST_PAUSE / 100))

    def test_restarts_what_a_restart_may_help_until_one_comes_that_it_does_not(
        self, tmp_path: Path, logs: list[structlog.typing.EventDict]
    ) -> None:
        starts = tmp_path / "starts"
        code = (
            "import os, pathlib, sys\n"
            "path = pathlib.Path(sys.argv[1]); count = path.exists() and len(path.read_text())\n"
            "path.open('a').write('x')\n"
            "codes = [6, 7, 6, -9, 3]\n"
            "os.kill(os.getpid(), 9) if codes[count] < 0 else sys.exit(codes[count])\n"
        )
        assert Supervisor([python(code, starts)]).run(threading.Event()) == ExitCode.START_FAILED
        assert starts.read_text() == "xxxxx"
        assert [line["exit_code"] for line in logs] == [6, 7, 6, -9]

    @pytest.mark.parametrize("code", [ExitCode.START_FAILED, ExitCode.TOO_MANY_REJECTS])
    def test_one_that_cannot_be_helped_stops_the_others(self, tmp_path: Path, code: int) -> None:
        stopped, ready = tmp_path / "stopped", tmp_path / "ready"
        calm = (
            "import pathlib, signal, sys, time\n"
            "def stop(*_): pathlib.Path(sys.argv[1]).touch(); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, stop)\n"
            "pathlib.Path(sys.argv[2]).touch()\n"
            "while True: time.sleep(1)\n"
        )
        failing = (
            "import pathlib, sys, time\n"
            "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n"
            f"sys.exit({int(code)})\n"
        )
        commands = [python(calm, stopped, ready), python(failing, ready)]
        assert Supervisor(commands).run(threading.Event()) == code
        assert stopped.exists()

    def test_one_that_is_told_to_stop_ends_its_workers_even_the_deaf(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        deaf = (
            "import os, pathlib, signal, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "path = pathlib.Path(sys.argv[1])\n"
            "path.with_suffix('.new').write_text(str(os.getpid()))\n"
            "path.with_suffix('.new').rename(path)\n"
            "while True: time.sleep(1)\n"
        )
        stop, codes = threading.Event(), list[int]()
        supervisor = Supervisor([python(deaf, pid)], grace=0.2)
        thread = threading.Thread(target=lambda: codes.append(supervisor.run(stop)))
        thread.start()
        wait_for(pid.exists)
        stop.set()
        thread.join(PATIENCE)
        assert codes == [ExitCode.DONE]
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


class Ended:
    """A process that ended with an exit code."""

    def __init__(self, code: int) -> None:
        self._code = code

    def poll(self) -> int:
        return self._code


class TestPauses:
    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(subprocess, "Popen", lambda _, **__: Ended(6))

    def _end(self, slot: _Slot, after: float) -> float:
        """Let a process run so long, and return the pause that follows."""
        slot.start()
        self.now += after
        assert slot.ended() == 6
        assert slot.ended() is None
        return slot.due - self.now

    def test_double_up_to_a_bound(self) -> None:
        slot = _Slot(["worker"])
        pauses = [self._end(slot, after=1.0) for _ in range(8)]
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_PAUSE, LONGEST_PAUSE]

    def test_are_waited_for(self) -> None:
        slot = _Slot(["worker"])
        pause = self._end(slot, after=1.0)
        supervisor = Supervisor([])
        self.now += pause - 0.1
        assert supervisor._tend(slot) is None
        assert slot.process is None
        self.now += 0.1
        assert supervisor._tend(slot) is None
        assert slot.process is not None

    def test_are_forgotten_after_a_calm_run(self) -> None:
        slot = _Slot(["worker"])
        for _ in range(4):
            self._end(slot, after=1.0)
        assert self._end(slot, after=CALM_RUN + 1) == SHORTEST_PAUSE


def test_each_worker_gets_the_same_flags_and_its_own_number() -> None:
    commands = worker_commands(["--processes", "2", "--group", "g"], 2)
    tails = [["run", "--processes", "2", "--group", "g", "--slot", str(slot)] for slot in (0, 1)]
    assert commands == [[sys.executable, "-m", "worker", *tail] for tail in tails]
