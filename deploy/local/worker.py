"""A `worker run` of our own, as the demo and the tests start it: a process, watched over HTTP."""

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.local.process import Process, ServiceError, wait_until
from deploy.local.service import HOST, free_port

READY_WITHIN = 60.0
TAIL_LINES = 30


class WorkerProcess:
    """One worker; settings by the names of its flags, `True` for a switch.

    It ends with this process. `program` stands for `-m worker`, where a test brings its own.
    """

    def __init__(
        self,
        log: Path,
        settings: Mapping[str, str | int | float | bool],
        program: tuple[str, ...] = ("-m", "worker"),
    ) -> None:
        self.log = log
        self.port = free_port()
        flags: list[str] = []
        for name, value in settings.items():
            flag = f"--{name.replace('_', '-')}"
            flags += [flag] if value is True else [flag, str(value)]
        self._command = [sys.executable, *program, "run", "--http-port", str(self.port), *flags]
        self.process: Process | None = None

    def start(self) -> Self:
        """Start it; it is ready some seconds later."""
        with self.log.open("ab") as log:
            self.process = Process.spawn(self._command, log, tethered=True)
        return self

    def wait_ready(self) -> Self:
        """Return once it has a model and partitions; raises `ServiceError` if it never has."""
        wait_until(lambda: not self.running or self.ready, READY_WITHIN)
        if not self.ready:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
            raise ServiceError(f"a worker is not ready. The end of {self.log}:\n{tail}")
        return self

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.alive

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self.process is None else self.process.exit_code

    @property
    def ready(self) -> bool:
        """What its readiness probe says."""
        return self._get("/v2/health/ready") is not None

    @property
    def answered(self) -> int:
        """How many posts it answered and committed."""
        return int(self.metric("messaging_client_sent_messages_total"))

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over its children with these labels, 0 where there is none."""
        lines = (self._get("/metrics") or "").splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        asked = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(value)
            for key, _, value in samples
            if key.partition("{")[0] == name and all(one in key for one in asked)
        )

    def stop(self) -> int | None:
        """Let it finish its batch and leave; returns its exit code."""
        if self.process is not None:
            self.process.stop()
        return self.exit_code

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.URLError):
            return None
