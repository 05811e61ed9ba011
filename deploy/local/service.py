"""What the services have in common: an address, a folder, a log and a life."""

import fcntl
import secrets
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

from deploy.local.process import PortTakenError, Process, ServiceError, wait_until

HOST = "127.0.0.1"
START_WITHIN = 60.0
START_TRIES = 3
TAIL_LINES = 20


def check_port(port: int) -> None:
    """Raise PortTakenError unless a service could listen at the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            message = f"{HOST}:{port} cannot be used ({error.strerror}): "
            message += "stop what listens there, or choose another port."
            raise PortTakenError(message) from error


def free_port() -> int:
    """Choose a port that nothing listens at.

    It lies below those that the kernel gives to clients. Else a client that tries again while
    its service is down could be given that very port, and the service could not come back.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        try:
            check_port(port)
        except PortTakenError:
            continue
        return port


class Service(ABC):
    """A server on this machine; as a context manager it is up inside the block.

    Without a port one is chosen at the first start and kept. Tethered, the server ends with
    this process whatever happens to it; else it stays until somebody stops it.
    """

    name: ClassVar[str]

    def __init__(self, directory: Path, port: int | None = None, *, tethered: bool = True) -> None:
        self.directory = directory.resolve()
        self.port = port or free_port()
        self.log = self.directory / f"{self.name}.log"
        self.process: Process | None = None
        self._port_is_settled = port is not None
        self._tethered = tethered
        self._log_offset = 0

    @property
    def address(self) -> str:
        """Host and port; final after the first start."""
        return f"{HOST}:{self.port}"

    @property
    @abstractmethod
    def version(self) -> str:
        """The server's version."""

    @property
    def running(self) -> bool:
        """Whether the server's process is there, paused or not."""
        return self.process is not None and self.process.alive

    @abstractmethod
    def prepare(self, log: BinaryIO) -> Sequence[str]:
        """Write what the server needs to start, and return its command."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether this very server, not another one at its port, serves requests."""

    def start(self) -> None:
        """Start the server and return once it serves requests."""
        for tries_left in reversed(range(START_TRIES)):
            if self.running:
                break
            try:
                self._start()
            except PortTakenError:
                if not tries_left:
                    raise
                if not self._port_is_settled:
                    self.port = free_port()
                else:
                    check_port(self.port)
        self._port_is_settled = True

    def stop(self) -> None:
        """Let the server end in order."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """End the server as a crash would."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop and start at the same address."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        if self.process is not None:
            self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        if self.process is not None:
            self.process.send(signal.SIGCONT)

    def _start(self) -> None:
        check_port(self.port)
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._lock(log)
            self._log_offset = log.tell()
            command = self.prepare(log)
            self.process = Process.spawn(command, log, tethered=self._tethered)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _lock(self, log: BinaryIO) -> None:
        """Claim the folder; the server inherits the open log, so the claim ends with the server.

        Kafka's own lock comes too late: a second broker has by then taken over the first one's
        metadata.
        """
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{self.directory} is in use: stop its {self.name}, or choose another folder."
            raise ServiceError(message) from None

    def _wait_until_ready(self) -> None:
        wait_until(lambda: not self.running or self.answers(), START_WITHIN)
        if not self.running or not self.answers():
            raise self.failure()

    def failure(self) -> ServiceError:
        """Say why the server did not start, from what it logged."""
        with self.log.open("rb") as log:
            log.seek(self._log_offset)
            said = log.read().decode(errors="replace")
        if "Address already in use" in said:
            return PortTakenError(f"{self.name} found a port of its own taken: start it again.")
        reason = f"not ready after {START_WITHIN:.0f} s" if self.running else "it ended"
        tail = "\n".join(said.splitlines()[-TAIL_LINES:])
        return ServiceError(f"{self.name} did not start: {reason}. The end of {self.log}:\n{tail}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
