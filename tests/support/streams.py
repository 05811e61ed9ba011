"""A stream of one test: its own topics and group, posts produced, everything that came back."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from deploy.local.worker import WorkerProcess
from tests.conftest import Addresses
from worker.messages import Suggestion, decode_suggestion

PATIENCE = 150.0  # seconds without news until a test gives up; a hung worker is ended before


@dataclass
class Stream:
    """The topics and the group of one test, on real services."""

    addresses: Addresses
    name: str
    folder: Path
    partitions: int = 6
    workers: list[WorkerProcess] = field(default_factory=list)
    readers: list["Reader"] = field(default_factory=list)

    @property
    def posts(self) -> str:
        return f"{self.name}-tweets"

    @property
    def suggestions(self) -> str:
        return f"{self.name}-suggestions"

    @property
    def dead_letters(self) -> str:
        return f"{self.posts}.dead-letter"

    @property
    def group(self) -> str:
        return f"{self.name}-group"

    def settings(self, **more: str | float | bool) -> dict[str, str | int | float | bool]:
        """Settings of a worker on this stream."""
        return {
            "bootstrap_servers": self.addresses.kafka,
            "cache": self.addresses.redis,
            "cache_prefix": self.name,
            "group": self.group,
            "input_topic": self.posts,
            "output_topic": self.suggestions,
            "session_timeout": 6,
            "memory": "off",  # answers are the network's alone, where a test asks for no more
            **more,
        }

    def create_topics(self) -> None:
        """Make the three topics."""
        with closing(KafkaAdminClient(bootstrap_servers=self.addresses.kafka)) as admin:
            names = (self.posts, self.suggestions, self.dead_letters)
            admin.create_topics(
                {name: {"num_partitions": self.partitions} for name in names},
                wait_for_metadata=True,
            )

    def worker(self, *program: str, **more: str | float | bool) -> WorkerProcess:
        """Start a worker on this stream; `program` stands for `-m worker`."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        worker = WorkerProcess(log, self.settings(**more), program or ("-m", "worker"))
        self.workers.append(worker)
        return worker.start()

    def answers(self) -> "Answers":
        """Return a reader of the suggestions."""
        reader = Answers(self.addresses, self.suggestions)
        self.readers.append(reader)
        return reader

    def dead(self) -> "Reader":
        """Return a reader of the dead letters."""
        reader = Reader(self.addresses, self.dead_letters)
        self.readers.append(reader)
        return reader

    def stop(self) -> None:
        """End every worker that still runs, and close every reader."""
        for worker in self.workers:
            worker.kill()
        for reader in self.readers:
            reader.close()

    def producer(self) -> closing[KafkaProducer]:
        """Return a producer that is closed after its block."""
        sender = KafkaProducer(
            bootstrap_servers=self.addresses.kafka, acks="all", max_request_size=4_000_000
        )
        return closing(sender)

    def produce(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Write keys and values to the input topic; all are acknowledged when it returns."""
        with self.producer() as producer:
            futures = [producer.send(self.posts, key=k, value=v) for k, v in records]
            for future in futures:
                future.get(timeout=60)

    def produce_posts(self, texts: dict[str, str]) -> None:
        """Write posts, by id."""
        self.produce((i.encode(), post(i, text)) for i, text in texts.items())

    def committed(self, group: str | None = None) -> dict[int, int]:
        """Return the offsets of the group, or of another, by partition."""
        group = group or self.group
        with closing(KafkaAdminClient(bootstrap_servers=self.addresses.kafka)) as admin:
            offsets = admin.list_group_offsets({group: None})[group]
        return {p.partition: o.offset for p, o in offsets.items() if p.topic == self.posts}


def post(identity: str, text: str, **more: Any) -> bytes:  # noqa: ANN401
    """Return a post as a producer writes it."""
    return msgspec.json.encode({"id": identity, "text": text, **more})


class Reader:
    """Reads a topic from its beginning, on and on."""

    def __init__(self, addresses: Addresses, topic: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=addresses.kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            reconnect_backoff_max_ms=1_000,
            max_partition_fetch_bytes=8_000_000,
        )
        numbers = sorted(self._consumer.partitions_for_topic(topic) or ())
        self._consumer.assign([TopicPartition(topic, number) for number in numbers])
        self._consumer.seek_to_beginning()
        self.records: list[Any] = []

    def until(self, done: Callable[[], bool]) -> None:
        """Read until the condition holds; gives up when nothing came for long."""
        heard = time.monotonic()
        while not done():
            for records in self._consumer.poll(200).values():
                heard = time.monotonic()
                self.records += records
            assert time.monotonic() - heard < PATIENCE, f"{len(self.records)} records, then none"

    def rest(self) -> None:
        """Read what else is there."""
        while polled := self._consumer.poll(1_000):
            for records in polled.values():
                self.records += records

    def close(self) -> None:
        self._consumer.close()


class Answers(Reader):
    """Reads the suggestions of a stream."""

    def __iter__(self) -> Iterator[Suggestion]:
        return (decode_suggestion(record.value) for record in self.records)

    @property
    def counts(self) -> Counter[str]:
        """How often each post was answered."""
        return Counter(answer.id for answer in self)

    def until_answered(self, ids: Iterable[str]) -> None:
        """Read until each of these posts has an answer."""
        wanted = set(ids)
        seen, missing = 0, set(wanted)

        def done() -> bool:
            nonlocal seen
            for record in self.records[seen:]:
                missing.discard(decode_suggestion(record.value).id)
            seen = len(self.records)
            return not missing

        self.until(done)
