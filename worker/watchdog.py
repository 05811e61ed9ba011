"""Ends a process whose loop hangs: what is not committed is answered again after a restart.

Calls into a Kafka client can wait for ever when a broker dies under them; no time limit of theirs
helps then, and a worker that hangs keeps its partitions from all others.
"""

import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from typing import Self

import structlog

from worker.errors import ExitCode
from worker.telemetry import Health

LAST_WORDS = 5.0  # seconds for the log, which may be what hangs
log = structlog.get_logger("worker")


def end_process() -> None:
    """Say where every thread stands, and be gone, even if it is the log that hangs."""
    last = threading.Timer(LAST_WORDS, os._exit, (ExitCode.STALLED,))
    last.daemon = True
    last.start()
    try:
        log.critical("loop_stalled")
        faulthandler.dump_traceback(sys.stderr)
    finally:
        os._exit(ExitCode.STALLED)


class Watchdog:
    """Watches the loop inside the block, and calls `end` once it is no longer live."""

    def __init__(
        self, health: Health, end: Callable[[], None] = end_process, pause: float = 1.0
    ) -> None:
        self._health, self._end, self._pause = health, end, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> Self:
        self._health.beat()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._pause):
            if not self._health.live:
                self._end()
                return
