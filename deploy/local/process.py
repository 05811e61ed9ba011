"""One running program: started in its own process group, known by pid and start time."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

STOP_WITHIN = 20.0
TETHER = Path(__file__).with_name("tether.py")

# "The owner ends" means to the kernel: the thread that forked ends. So all are started by one
# thread that lives as long as the interpreter.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class ServiceError(Exception):
    """A service cannot be used; the message says why and what to do."""


class PortTakenError(ServiceError):
    """A service cannot listen at its address."""


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return True as soon as the condition holds, False if it does not within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def start_time(pid: int) -> str | None:
    """Tell when a process was started, None if it runs no more.

    A pid is used again some day; together with its start time it means one process for ever.
    """
    if not Path("/proc/self/stat").exists():
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return answer.stdout.strip() or None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may contain anything
    return None if fields[0] in "ZX" else fields[19]


class Process:
    """A running program, our child or one that another process started."""

    def __init__(self, pid: int, started: str | None) -> None:
        self.pid = pid
        self.started = started
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def spawn(cls, command: Sequence[str], log: BinaryIO, *, tethered: bool) -> "Process":
        """Start a command that says all to a log.

        Tethered, it ends with this process; else it outlives it. A Ctrl-C at the terminal
        reaches neither: the owner stops its services, in order.
        """
        child = _SPAWNER.submit(_popen, command, log, tethered=tethered).result()
        process = cls(child.pid, start_time(child.pid))
        process._child = child
        return process

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self.started is not None and start_time(self.pid) == self.started

    @property
    def exit_code(self) -> int | None:
        """How our child ended, negative for a signal; None while it runs."""
        return None if self._child is None else self._child.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is still something to send it to."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the program and tell whether it came in time."""
        return wait_until(lambda: not self.alive, seconds)

    def stop(self) -> None:
        """Ask the program to end, and make it end if it does not."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)  # a paused program would not hear
        if not self.wait(STOP_WITHIN):
            self.kill()

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        self.send(signal.SIGKILL)
        self.wait(STOP_WITHIN)


def _popen(command: Sequence[str], log: BinaryIO, *, tethered: bool) -> subprocess.Popen[bytes]:
    wrapper = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())] if tethered else []
    return subprocess.Popen(
        [*wrapper, *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0 if tethered else None,
        start_new_session=not tethered,
    )
