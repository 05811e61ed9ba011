"""The topics a worker needs: are they there, and how are they made?"""

import time
from collections.abc import Mapping

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError

from worker.errors import StartupFailedError, UnreachableError
from worker.settings import Settings


def connect(settings: Settings) -> KafkaAdminClient:
    """Return an admin client once the broker answers.

    Raises `UnreachableError` after the start-up timeout.
    """
    deadline = time.monotonic() + settings.startup_timeout
    while True:
        try:
            return KafkaAdminClient(
                bootstrap_servers=settings.bootstrap_servers.split(","),
                client_id="tagstream-worker",
                bootstrap_timeout_ms=5_000,
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError as error:
            if time.monotonic() >= deadline:
                raise UnreachableError(
                    f"no broker at {settings.bootstrap_servers} ({error}); "
                    "check --bootstrap-servers and that the broker runs"
                ) from error
            time.sleep(0.5)


def needed(settings: Settings) -> tuple[str, str, str]:
    """Return the names of the topics that a worker reads and writes."""
    return settings.input_topic, settings.output_topic, settings.dead_letters


def partitions(admin: KafkaAdminClient, names: tuple[str, ...]) -> Mapping[str, int]:
    """Return the number of partitions of those topics that exist."""
    present = set(admin.list_topics())
    described = admin.describe_topics([name for name in names if name in present])
    return {topic["name"]: len(topic["partitions"]) for topic in described}


def ensure_topics(admin: KafkaAdminClient, settings: Settings) -> None:
    """Create missing topics where asked to; raises `StartupFailedError` where not."""
    missing = [name for name in needed(settings) if name not in partitions(admin, needed(settings))]
    if not missing:
        return
    if not settings.create_topics:
        raise StartupFailedError(
            f"no topic {', '.join(missing)} at {settings.bootstrap_servers}; create it with "
            f"`kafka-topics.sh --bootstrap-server {settings.bootstrap_servers} --create "
            f"--topic {missing[0]} --partitions {settings.partitions}`, or start with "
            "--create-topics"
        )
    for name in missing:
        try:
            admin.create_topics(
                {name: {"num_partitions": settings.partitions}}, wait_for_metadata=True
            )
        except TopicAlreadyExistsError:
            continue  # another worker was faster


def place_new_group(admin: KafkaAdminClient, settings: Settings) -> None:
    """Let a group without offsets begin at the end of the input topic, where asked to.

    Written as committed offsets, so that it decides the first start only: partitions that come
    later are read from their beginning. A group with members has begun already.
    """
    if settings.start == "earliest":
        return
    committed = admin.list_group_offsets({settings.group: None})[settings.group]
    if any(partition.topic == settings.input_topic for partition in committed):
        return
    count = partitions(admin, (settings.input_topic,))[settings.input_topic]
    ends = {TopicPartition(settings.input_topic, n): OffsetSpec.LATEST for n in range(count)}
    admin.reset_group_offsets(settings.group, ends)
