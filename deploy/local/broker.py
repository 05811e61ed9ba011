"""Apache Kafka as one node without Docker: broker and controller in one JVM."""

import base64
import shutil
import socket
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

from deploy.local.install import KAFKA_LIBS, is_kafka_installed
from deploy.local.process import Process, ServiceError
from deploy.local.service import HOST, START_WITHIN, Service, free_port

JAVA = (
    "java",
    "-Xmx256m",
    "-XX:+UseSerialGC",  # this and the next: a quick start rather than a high throughput
    "-XX:TieredStopAtLevel=1",
    "-Dlog4j2.level=WARN",
)
METADATA = 3  # the request's key in Kafka's protocol
METADATA_VERSION = 2  # the first one whose answer names the cluster

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
min.insync.replicas=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# A killed broker can come back once its old session has expired.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
# The default takes half of the heap.
log.cleaner.dedupe.buffer.size=8388608
"""


class Broker(Service):
    """A Kafka broker. Records survive a restart and a kill."""

    name: ClassVar[str] = "kafka"

    @property
    def version(self) -> str:
        """Kafka's version, after its jars."""
        (jar,) = KAFKA_LIBS.glob("kafka-clients-*.jar")
        return jar.stem.removeprefix("kafka-clients-")

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def prepare(self, log: BinaryIO) -> Sequence[str]:
        """Write the configuration, and format the data folder if it is new."""
        if shutil.which("java") is None or not is_kafka_installed():
            raise ServiceError("Kafka is not installed: run `python3 -m deploy.local.install`.")
        properties = self.directory / "server.properties"
        properties.write_text(self.properties(free_port()), encoding="utf-8")
        if self._cluster() is None:
            self._format(properties, log)
        return _java("kafka.Kafka", str(properties))

    def properties(self, controller_port: int) -> str:
        """Return the configuration."""
        return PROPERTIES.format(
            host=HOST, port=self.port, controller_port=controller_port, data=self._data
        )

    def answers(self) -> bool:
        """Whether this broker counts itself in: until then it accepts no records."""
        body = struct.pack(">hhihi", METADATA, METADATA_VERSION, 0, -1, 0)  # about no topic
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(struct.pack(">i", len(body)) + body)
                with connection.makefile("rb") as stream:
                    answer = stream.read(*struct.unpack(">i", stream.read(4)))
            _, brokers = struct.unpack_from(">ii", answer)
        except (OSError, struct.error):
            return False
        return brokers > 0 and (self._cluster() or "").encode() in answer

    def _cluster(self) -> str | None:
        """Return the cluster's id; formatting writes it last, so without it all is void."""
        try:
            meta = (self._data / "meta.properties").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return dict(line.partition("=")[::2] for line in meta.splitlines()).get("cluster.id")

    def _format(self, properties: Path, log: BinaryIO) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        # A leading "-" would be read as an option.
        cluster = "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        arguments = ["format", "--standalone", "-t", cluster, "-c", str(properties)]
        command = _java("kafka.tools.StorageTool", *arguments)
        formatting = Process.spawn(command, log, tethered=True)
        try:
            formatting.wait(START_WITHIN)
        finally:
            formatting.kill()
        if self._cluster() is None:
            raise self.failure()


def _java(main: str, *arguments: str) -> list[str]:
    return [*JAVA, "-cp", f"{KAFKA_LIBS}/*", main, *arguments]
