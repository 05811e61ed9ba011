"""`trainer retrain` in processes of its own: killed at each step, two at once, and by the clock."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from export.bundle import read_bundle
from export.registry import CHALLENGER, CHAMPION
from tests.support import crashing_trainer
from tests.support.collecting import collect
from tests.support.crashing_trainer import POINTS
from tests.support.retraining import NEW, OLD, arguments, registry_of, retrain
from trainer.snapshot import CARD

TRAINER = [sys.executable, "-m", "trainer"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A champion, and posts that are newer."""
    collect(tmp_path / "posts", OLD)
    result = retrain(tmp_path)
    assert result.exit_code == 0, result.output
    collect(tmp_path / "posts", NEW, "newer")
    return tmp_path


def exit_codes(folder: Path) -> Iterator[tuple[str, int]]:
    """Retrain once for each point, and be killed there."""
    command = [sys.executable, crashing_trainer.__file__, *arguments(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as trainers:
        assert trainers.stdin
        assert trainers.stdout
        for point in POINTS:
            trainers.stdin.write(f"{point}\n")
            yield point, int(trainers.stdout.readline())


def test_killed_at_each_step_it_goes_on_and_there_is_never_half_a_bundle(folder: Path) -> None:
    registry = registry_of(folder)
    first = registry.aliases()[CHAMPION]
    snapshot, taken = folder / "work" / "job" / "corpus" / CARD, set()
    for point, code in exit_codes(folder):
        assert code == -signal.SIGKILL, point
        for digest in registry.digests():
            assert read_bundle(registry.bundles / digest).digest == digest
        read_bundle(registry.resolve(CHAMPION))
        if snapshot.exists():
            taken.add(snapshot.stat().st_ino)
    command = [*TRAINER, *arguments(folder, "--json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    last = registry.aliases()[CHAMPION]
    assert msgspec.json.decode(done.stdout)["challenger"] == last
    assert registry.digests() == sorted([first, last])
    assert registry.line(CHAMPION) == [first, last]
    assert [event.alias for event in registry.history()] == [CHALLENGER, CHAMPION] * 2
    assert not (folder / "work" / "job").exists()
    assert not (folder / "work" / "bundles").exists()
    assert len(taken) == 1  # all went on with the posts that the first one took


def test_of_two_at_once_one_works_and_the_other_leaves(folder: Path) -> None:
    command = [*TRAINER, *arguments(folder)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 9], told
    assert "another retraining is at work" in told[codes.index(9)]
    assert len(registry_of(folder).line(CHAMPION)) == 2


def test_the_schedule_retrains_and_ends_on_sigterm_amid_a_run(folder: Path) -> None:
    log = folder / "log"
    cron = ["schedule", "--cron", "0 0 1 1 *", "--now"]
    command = [*TRAINER, *cron, *arguments(folder)[1:]]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
        run = folder / "work" / "job" / "run" / "settings.json"
        while not run.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    assert '"event": "schedule_started"' in log.read_text()
    assert len(registry_of(folder).line(CHAMPION)) == 1
    assert retrain(folder).exit_code == 0  # nobody holds the lock, and it goes on
    assert len(registry_of(folder).line(CHAMPION)) == 2
