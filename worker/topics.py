"""The topics a worker needs: are they there, and how are they made?"""

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, UnknownMemberIdError

from worker.errors import StartupFailedError, UnreachableError
from worker.memory_topic import kept
from worker.security import check_login, kafka_python
from worker.settings import Settings

_MIN_INSYNC = "min.insync.replicas"


@dataclass(frozen=True)
class Replication:
    """On how many brokers a topic is, and how many must have a record until it is acknowledged.

    The latter is None where we may not read a topic's settings.
    """

    replicas: int
    min_insync: int | None


@dataclass(frozen=True)
class Shape:
    """How a topic is made, if it is missing: with so many partitions and these settings."""

    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def broker(settings: Settings, stop: threading.Event | None = None) -> Iterator[KafkaAdminClient]:
    """Give an admin client once the broker answers, or once `stop` is set.

    Raises `UnreachableError` after the start-up timeout and for what fails inside the block,
    `StartupFailedError` where the addresses are none, or a broker refuses us.
    """
    try:
        with closing(_connect(settings, stop or threading.Event())) as admin:
            yield admin
    except KafkaError as error:
        raise UnreachableError(
            f"no broker at {settings.bootstrap_servers} ({error}); "
            "check --bootstrap-servers, --security-protocol, and that the broker runs"
        ) from error
    except ValueError as error:
        raise StartupFailedError(
            f"--bootstrap-servers {settings.bootstrap_servers}: {error}; give host:port, by commas"
        ) from error


def _connect(settings: Settings, stop: threading.Event) -> KafkaAdminClient:
    deadline = time.monotonic() + settings.startup_timeout
    while True:
        try:
            check_login(settings)
            return KafkaAdminClient(
                **kafka_python(settings),
                client_id="tagstream-worker",
                bootstrap_timeout_ms=5_000,
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError:
            if time.monotonic() >= deadline or stop.wait(0.5):
                raise


def needed(settings: Settings) -> dict[str, Shape]:
    """Return the topics that a worker reads and writes, and how they would be made."""
    names = (settings.input_topic, settings.output_topic, settings.dead_letters)
    memory = memory_shape(settings) if settings.memory == "on" else {}
    return {**dict.fromkeys(names, Shape(settings.partitions)), **memory}


def memory_shape(settings: Settings) -> dict[str, Shape]:
    """Return the memory's topic, and how it would be made."""
    return {settings.memory_topic: Shape(1, kept(settings.memory_posts))}


def partitions(admin: KafkaAdminClient, names: Iterable[str]) -> Mapping[str, int]:
    """Return the number of partitions of those topics that exist."""
    present = set(admin.list_topics())
    described = admin.describe_topics([name for name in names if name in present])
    return {topic["name"]: len(topic["partitions"]) for topic in described}


def replication(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, Replication]:
    """Return how each of these topics, which must exist, is kept."""
    settings = configs(admin, names, [_MIN_INSYNC])
    found = {}
    for topic in admin.describe_topics(list(names)):
        told = settings[topic["name"]][_MIN_INSYNC]
        found[topic["name"]] = Replication(
            min(len(one["replica_nodes"]) for one in topic["partitions"]),
            None if told is None else int(told),
        )
    return found


def configs(
    admin: KafkaAdminClient, names: Iterable[str], settings: Collection[str]
) -> dict[str, dict[str, str | None]]:
    """Return settings of topics; None where we may not read them."""
    kinds = [ConfigResource(ConfigResourceType.TOPIC, name, list(settings)) for name in names]
    found = admin.describe_configs(kinds, config_filter="all")["topic"]
    return {
        name: {one: (told.get(one) or {}).get("value") for one in settings}
        for name, told in found.items()
    }


def ensure_topics(admin: KafkaAdminClient, settings: Settings, due: Mapping[str, Shape]) -> None:
    """Create missing topics where asked to.

    Raises `StartupFailedError` where not asked to.
    """
    present = partitions(admin, due)
    missing = [name for name in due if name not in present]
    if not missing:
        return
    if not settings.create_topics:
        commands = " && ".join(_command(settings, name, due[name]) for name in missing)
        raise StartupFailedError(
            f"no topic {', '.join(missing)} at {settings.bootstrap_servers}; "
            f"`{commands}` creates what is missing, or start with --create-topics"
        )
    for name in missing:
        made = {"num_partitions": due[name].partitions, "configs": dict(due[name].configs)}
        try:
            admin.create_topics({name: made}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            continue  # another worker was faster


def _command(settings: Settings, name: str, shape: Shape) -> str:
    return " ".join(
        [
            f"kafka-topics.sh --bootstrap-server {settings.bootstrap_servers} --create",
            f"--topic {name} --partitions {shape.partitions}",
            *(f"--config {key}={value}" for key, value in shape.configs.items()),
        ]
    )


def place_new_group(admin: KafkaAdminClient, settings: Settings) -> None:
    """Let a group without offsets begin at the end of the input topic, where asked to.

    Written as committed offsets, so that it decides the first start only: partitions that come
    later are read from their beginning. A group with members has begun already.
    """
    if settings.start == "earliest":
        return
    committed = _offsets(admin, settings)
    if any(partition.topic == settings.input_topic for partition in committed):
        return
    count = partitions(admin, (settings.input_topic,))[settings.input_topic]
    ends = {TopicPartition(settings.input_topic, n): OffsetSpec.LATEST for n in range(count)}
    results = admin.reset_group_offsets(settings.group, ends)
    refused = {error for result in results.values() if (error := result["error"]) is not NoError}
    # Members have begun already where another worker was faster.
    if refused - {UnknownMemberIdError}:
        names = ", ".join(sorted(error.__name__ for error in refused))
        raise UnreachableError(f"--start latest could not be written for {settings.group}: {names}")


def _offsets(admin: KafkaAdminClient, settings: Settings) -> Mapping[TopicPartition, object]:
    """Return the group's offsets; a broker's very first group waits until it has a coordinator."""
    deadline = time.monotonic() + settings.startup_timeout
    while True:
        try:
            return dict(admin.list_group_offsets({settings.group: None})[settings.group])
        except KafkaError as error:
            if not error.retriable or time.monotonic() >= deadline:
                raise
            time.sleep(0.2)
