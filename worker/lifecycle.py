"""Start, stop, and the supervisor of several workers."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from worker.errors import RESTARTABLE, ExitCode

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SHORTEST_PAUSE = 1.0  # seconds before a restart; doubled each time, forgotten after a calm run
LONGEST_PAUSE = 60.0
CALM_RUN = 300.0

log = structlog.get_logger("worker")


@contextmanager
def stop_on_signal(within: float = threading.TIMEOUT_MAX) -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; a second signal ends the process at once.

    So does the end of the time, in seconds from the first signal to the end of the block.
    """
    stop = threading.Event()
    too_late = threading.Timer(within, _give_up)
    too_late.daemon = True

    def handle(number: int, frame: object) -> None:
        del frame
        if stop.is_set():
            os._exit(128 + number)
        else:
            stop.set()
            too_late.start()

    previous = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield stop
    finally:
        too_late.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _give_up() -> None:
    """End a process that does not come to its end; what it did not commit is answered again."""
    try:
        log.critical("stop_took_too_long")
    finally:
        os._exit(ExitCode.STALLED)


def stop_when_orphaned(stop: threading.Event) -> None:
    """Stop this process, too, when its supervisor is gone, however it ended."""
    parent = os.getppid()

    def watch() -> None:
        while not stop.wait(1.0):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch, daemon=True).start()


@dataclass
class _Slot:
    """One supervised process, and when it is started again after it ended."""

    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float = SHORTEST_PAUSE

    def start(self) -> None:
        # In a session of its own: a Ctrl-C at the terminal is the supervisor's to pass on.
        self.process = subprocess.Popen(self.command, start_new_session=True)
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Return the exit code once, when the process has ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        if time.monotonic() - self.started > CALM_RUN:
            self.pause = SHORTEST_PAUSE
        self.due = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        return code


@dataclass
class Supervisor:
    """Keeps several workers running; restarts what a restart may help, with growing pauses.

    A worker whose exit code says that a restart would fail the same way stops them all, and its
    code is the supervisor's. `grace` is how many seconds the workers have to stop.
    """

    commands: Sequence[Sequence[str]]
    grace: float = 60.0
    _slots: list[_Slot] = field(default_factory=list)

    def run(self, stop: threading.Event) -> int:
        """Supervise until told to stop; returns an exit code."""
        self._slots = [_Slot(command) for command in self.commands]
        try:
            while not stop.wait(0.1):
                for slot in self._slots:
                    code = self._tend(slot)
                    if code is not None:
                        return code
            return ExitCode.DONE
        finally:
            self._stop_all()

    def _tend(self, slot: _Slot) -> int | None:
        """Start a slot that is due; return the exit code that ends everything, if one came."""
        if slot.process is None:
            if time.monotonic() >= slot.due:
                slot.start()
            return None
        code = slot.ended()
        if code is None:
            return None
        if code >= 0 and code not in RESTARTABLE:
            return code
        log.warning("worker_restarts", exit_code=code, seconds=slot.due - time.monotonic())
        return None

    def _stop_all(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self.grace
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def worker_commands(arguments: Sequence[str], count: int) -> list[list[str]]:
    """Return the command of each supervised worker: the same flags, and its own number."""
    return [
        [sys.executable, "-m", "worker", "run", *arguments, "--slot", str(slot)]
        for slot in range(count)
    ]
