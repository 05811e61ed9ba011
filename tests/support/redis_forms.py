"""Redis in its other forms: a cluster of one node, a Sentinel beside a server, one that hangs."""

import socket
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

import redis

from deploy.local.process import wait_until
from deploy.local.redis_server import RedisServer

SLOTS = 16_384
SERVICE = "main"


class RedisCluster(RedisServer):
    """A cluster whose one node holds all slots."""

    name: ClassVar[str] = "redis-cluster"

    @property
    def url(self) -> str:
        """The address as `--cache` takes it."""
        return f"redis+cluster://{self.address}"

    def prepare(self, log: BinaryIO) -> Sequence[str]:
        """Return the command."""
        soon = ["--cluster-node-timeout", "500"]  # the state turns to ok in a multiple of it
        return [*super().prepare(log), "--cluster-enabled", "yes", *soon]

    def start(self) -> None:
        """Start the node and give it the slots."""
        super().start()
        with redis.Redis.from_url(f"redis://{self.address}") as client:
            client.cluster("addslotsrange", 0, SLOTS - 1)
            if not wait_until(lambda: client.cluster("info")["cluster_state"] == "ok", 30):
                raise self.failure()


class RedisSentinel(RedisServer):
    """A Sentinel that watches one server."""

    name: ClassVar[str] = "redis-sentinel"
    watched: RedisServer

    @property
    def url(self) -> str:
        """The address as `--cache` takes it."""
        return f"redis+sentinel://{self.address}/{SERVICE}/0"

    def prepare(self, log: BinaryIO) -> Sequence[str]:
        """Write the configuration, which a Sentinel goes on writing; return the command."""
        del log
        file = self.directory / "sentinel.conf"
        host, port = self.watched.address.split(":")
        lines = [
            f"bind {host}",
            f"port {self.port}",
            f"dir {self.directory}",
            f"sentinel monitor {SERVICE} {host} {port} 1",
        ]
        file.write_text("\n".join(lines) + "\n")
        return ["redis-server", str(file), "--sentinel"]

    def answers(self) -> bool:
        """Whether the Sentinel at the port is this process; it knows no QUIT."""
        try:
            with redis.Redis.from_url(f"redis://{self.address}") as client:
                pid = self.process.pid if self.process else None
                return bool(pid == client.info()["process_id"])
        except redis.RedisError:
            return False


class HangingServer:
    """Accepts connections and never answers; each costs its client one timeout."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0)
        self._accepted: list[socket.socket] = []

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many clients came so far."""
        while True:
            try:
                self._accepted.append(self._listener.accept()[0])
            except BlockingIOError:
                return len(self._accepted)

    def close(self) -> None:
        """Hang up."""
        for connection in [self._listener, *self._accepted]:
            connection.close()
