"""Retraining by the clock: at its times, never twice at once, until it is told to stop."""

import sys
import threading
from pathlib import Path

import pytest

from tests.support.cli import squeezed, trainer
from trainer.schedule_cli import follow

HOUR = 3_600.0


class Clock:
    """A clock that goes on by some seconds each time it is read; it stops a schedule at an end."""

    def __init__(self, stop: threading.Event, step: float, end: float) -> None:
        self.now, self._stop, self._step, self._end = 0.0, stop, step, end

    def __call__(self) -> float:
        self.now += self._step
        if self.now >= self._end:
            self._stop.set()
        return self.now


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.schedule_cli.STEP", 0.001)


def ran(folder: Path, *, hours: int, cron: str = "0 */6 * * *", code: str = "") -> int:
    """Return how often a command was run in so many hours."""
    stop, file = threading.Event(), folder / "ran"
    command = [sys.executable, "-c", f"open({str(file)!r}, 'a').write('.'); {code}"]
    follow(cron, command, stop, clock=Clock(stop, 600.0, hours * HOUR))
    return len(file.read_text()) if file.exists() else 0


def test_it_runs_at_each_time_and_not_before(tmp_path: Path) -> None:
    assert ran(tmp_path, hours=5) == 0
    assert ran(tmp_path, hours=25) == 4


def test_a_run_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    assert ran(tmp_path, hours=13, code="raise SystemExit(1)") == 2


def test_a_time_that_comes_amid_a_run_is_passed_over(tmp_path: Path) -> None:
    stop, file = threading.Event(), tmp_path / "ran"

    class SlowRuns(Clock):
        """A clock by which each run takes seven hours."""

        seen = 0

        def __call__(self) -> float:
            runs = len(file.read_text()) if file.exists() else 0
            self.now += 7 * HOUR * (runs - self.seen)
            self.seen = runs
            return super().__call__()

    command = [sys.executable, "-c", f"open({str(file)!r}, 'a').write('.')"]
    follow("0 */6 * * *", command, stop, clock=SlowRuns(stop, 600.0, 25 * HOUR))
    assert len(file.read_text()) == 2  # at 6 and at 18, not at 12


def test_a_stop_ends_the_run_and_the_schedule(tmp_path: Path) -> None:
    stop, file = threading.Event(), tmp_path / "ran"
    code = f"import time; open({str(file)!r}, 'w').close(); time.sleep(600)"

    def when_it_runs() -> None:
        while not file.exists():
            pass
        stop.set()

    threading.Thread(target=when_it_runs, daemon=True).start()
    follow("0 0 1 1 *", [sys.executable, "-c", code], stop, at_once=True)
    assert stop.is_set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cron", "every night", "posts", "registry"], "'every night' is no time of cron"),
        (["--cron", "0 3 * * *", "posts"], "Missing argument 'REGISTRY'"),
        (["--cron", "0 3 * * *", "posts", "registry", "--margins", "1"], "No such option"),
        (["posts", "registry"], "Missing option '--cron'"),
    ],
)
def test_a_wrong_flag_is_told_at_once(arguments: list[str], words: str) -> None:
    result = trainer("schedule", *arguments)
    assert result.exit_code == 2
    assert words in squeezed(result.stderr)
