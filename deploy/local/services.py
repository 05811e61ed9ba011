"""Kafka and Redis on this machine, for the demo, the tests and people.

with Services(directory) as services:
    run(services.environment)
"""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.broker import Broker
from deploy.local.process import PortTakenError, ServiceError
from deploy.local.redis_server import RedisServer
from deploy.local.service import Service

__all__ = ["Broker", "PortTakenError", "RedisServer", "ServiceError", "Services"]

DEFAULT_KAFKA_PORT = 9092
DEFAULT_REDIS_PORT = 6379


class Services:
    """A broker and a Redis server, by default on free ports and tethered to this process."""

    def __init__(
        self,
        directory: Path,
        *,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        tethered: bool = True,
    ) -> None:
        self.redis = RedisServer(directory / "redis", redis_port, tethered=tethered)
        self.broker = Broker(directory / "kafka", kafka_port, tethered=tethered)

    @classmethod
    def at_default_ports(cls, directory: Path, *, tethered: bool = True) -> Self:
        """Use the ports where clients look first."""
        return cls(
            directory,
            kafka_port=DEFAULT_KAFKA_PORT,
            redis_port=DEFAULT_REDIS_PORT,
            tethered=tethered,
        )

    @property
    def all(self) -> tuple[Service, ...]:
        """Both, in the order in which they start."""
        return (self.redis, self.broker)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point tagstream's programs at these services."""
        return {
            "TAGSTREAM_BOOTSTRAP_SERVERS": self.broker.address,
            "TAGSTREAM_CACHE": self.redis.url,
        }

    def start(self) -> None:
        """Start both, or none if one fails; one after the other, since Redis takes no time."""
        with ExitStack() as undo:
            for service in self.all:
                undo.callback(service.stop)
                service.start()
            undo.pop_all()

    def stop(self) -> None:
        """Stop both."""
        with ExitStack() as stack:
            for service in self.all:
                stack.callback(service.stop)

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
