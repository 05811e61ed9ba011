"""What the measurements of a running memory share: topics, workers, posts and answers."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.stream import PARTITIONS, Backlog
from deploy.local.worker import WorkerProcess
from worker.settings import Settings
from worker.topics import broker, ensure_topics, needed

SETTINGS = (
    "bootstrap_servers", "group", "input_topic", "output_topic", "memory", "memory_posts", "cache",
    "max_batch_time", "top",
)  # fmt: skip


def services_for(stream: Backlog, topic: str) -> Backlog:
    """Return the same services with empty topics of another name, a memory's among them."""
    found = Backlog(stream.services, stream.folder, topic)
    settings = found.settings(memory="on", create_topics=True, partitions=PARTITIONS)
    with broker(settings) as admin:
        ensure_topics(admin, settings, needed(settings))
    return found


@contextmanager
def ready(stream: Backlog, settings: Settings, bundle: Path) -> Iterator[WorkerProcess]:
    """Give a worker that is ready."""
    given = {name: getattr(settings, name) for name in SETTINGS}
    if settings.keep_present:
        given["keep_present"] = True
    log = stream.folder / f"worker-{secrets.token_hex(4)}.log"
    worker = WorkerProcess(log, {"bundle": str(bundle), **given}).start()
    try:
        yield worker.wait_ready()
    finally:
        worker.stop()


def sent(producer: Producer, topic: str, partition: int, post: Mapping[str, object]) -> None:
    """Send a post to a partition."""
    key = str(post["id"]).encode()
    producer.produce(topic, msgspec.json.encode(post), key, partition=partition)
    producer.poll(0)


def answers_of(stream: Backlog) -> Consumer:
    """Return a reader of the answers from now on."""
    reader = Consumer(
        {
            "bootstrap.servers": stream.services.broker.address,
            "group.id": "reader",
            "fetch.wait.max.ms": 10,
        }
    )
    reader.assign([TopicPartition("suggestions", n, OFFSET_END) for n in range(PARTITIONS)])
    reader.poll(2.0)  # it stands at the end by then
    return reader
