"""Redis as a cache without Docker: nothing is written to disk."""

import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

from deploy.local.process import ServiceError
from deploy.local.service import HOST, Service


class RedisServer(Service):
    """A Redis server. Its content ends with it, as a cache's may."""

    name: ClassVar[str] = "redis"

    @property
    def url(self) -> str:
        """The address as Redis clients take it."""
        return f"redis://{self.address}/0"

    @property
    def version(self) -> str:
        """The version of the server that PATH names."""
        answer = subprocess.run(
            ["redis-server", "--version"], capture_output=True, text=True, check=True
        )
        found = re.search(r"v=(\S+)", answer.stdout)
        return found[1] if found else "unknown"

    def prepare(self, log: BinaryIO) -> Sequence[str]:  # noqa: ARG002
        """Return the command; all of the configuration is in it."""
        if shutil.which("redis-server") is None:
            raise ServiceError("Redis is not installed: run `python3 -m deploy.local.install`.")
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",  # a cache forgets, rather than refuse
        }
        command = ["redis-server"]
        for name, value in options.items():
            command += [f"--{name}", value]
        return command

    def answers(self) -> bool:
        """Whether the server at the port is this process."""
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                with connection.makefile("rb") as stream:
                    answer = stream.read()
        except OSError:
            return False
        pid = self.process.pid if self.process else None
        return answer.startswith(b"+PONG\r\n") and b"\r\nprocess_id:%d\r\n" % (pid or 0) in answer
