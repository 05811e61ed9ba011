"""One contract of source and sink, held by Kafka and by the fake that other tests rely on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from deploy.local.process import wait_until
from tests.conftest import Addresses
from tests.support.inmemory import InMemorySink, InMemorySource, InMemoryTopic
from tests.support.streams import Reader, Stream
from worker.clients import member
from worker.delivery import Sink, Source, next_offsets
from worker.messages import Output, Record
from worker.settings import Settings

PARTITIONS = 2


class Transport(Protocol):
    """A topic that records are put into, read by one member of a group after another."""

    output_topic: str

    def put(self, values: list[bytes]) -> None: ...

    def join(self) -> tuple[Source, Sink]:
        """Return a new member; the one before has left."""
        ...

    def published(self, count: int) -> list[Output]:
        """Return what was published, once there is so much."""
        ...


class InMemoryTransport:
    output_topic = "suggestions"

    def __init__(self) -> None:
        self._topic = InMemoryTopic(partitions=PARTITIONS)
        self._outputs: list[Output] = []
        self._put = 0

    def put(self, values: list[bytes]) -> None:
        for value in values:
            self._topic.append(value, key=value, partition=self._put % PARTITIONS)
            self._put += 1

    def join(self) -> tuple[Source, Sink]:
        source = InMemorySource(self._topic)
        return source, InMemorySink(source, self._outputs)

    def published(self, count: int) -> list[Output]:
        assert len(self._outputs) >= count
        return self._outputs


class KafkaTransport:
    def __init__(self, stream: Stream, client: str, delivery: str) -> None:
        self._stream = stream
        self._member = ExitStack()
        self._reader: Reader | None = None
        self.output_topic = stream.suggestions
        self._settings = Settings(
            client=client,  # type: ignore[arg-type] # from the parameters below
            delivery=delivery,  # type: ignore[arg-type]
            instance_id="one",
            bootstrap_servers=stream.addresses.kafka,
            group=stream.group,
            input_topic=stream.posts,
            output_topic=stream.suggestions,
        )

    def put(self, values: list[bytes]) -> None:
        self._stream.produce((value, value) for value in values)

    def join(self) -> tuple[Source, Sink]:
        self.leave()
        return self._member.enter_context(member(self._settings))

    def leave(self) -> None:
        self._member.close()

    def published(self, count: int) -> list[Output]:
        answers = self._stream.answers()
        answers.until(lambda: len(answers.records) >= count)
        return [
            Output(record.topic, record.key, record.value, list(record.headers))
            for record in answers.records
        ]


KINDS = [
    f"{client} {delivery}"
    for client in ("kafka-python", "confluent-kafka")
    for delivery in ("at-least-once", "exactly-once")
]


@pytest.fixture(params=["memory", *KINDS])
def transport(request: pytest.FixtureRequest, unique: str, tmp_path: Path) -> Iterator[Transport]:
    if request.param == "memory":
        yield InMemoryTransport()
        return
    addresses: Addresses = request.getfixturevalue("addresses")
    stream = Stream(addresses, unique, tmp_path, partitions=PARTITIONS)
    stream.create_topics()
    kafka = KafkaTransport(stream, *request.param.split())
    yield kafka
    kafka.leave()
    stream.stop()


def read(source: Source, count: int, at_once: int = 500) -> list[Record]:
    records: list[Record] = []

    def enough() -> bool:
        polled = source.poll(at_once, 0.2)
        assert len(polled) <= at_once
        records.extend(polled)
        return len(records) >= count

    assert wait_until(enough, 30)
    return records


VALUES = [f"value-{number}".encode() for number in range(20)]


def test_every_record_is_read_once_and_in_order(transport: Transport) -> None:
    transport.put(VALUES)
    source, _ = transport.join()
    records = read(source, len(VALUES), at_once=7)
    assert sorted(record.value or b"" for record in records) == sorted(VALUES)
    assert all(record.key == record.value for record in records)
    for partition in {record.partition for record in records}:
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))
    assert source.poll(7, 0.2) == []


def test_what_is_published_is_there_with_key_and_headers(transport: Transport) -> None:
    transport.put(VALUES[:1])
    source, sink = transport.join()
    record = read(source, 1)[0]
    output = Output(transport.output_topic, b"key", b"answer", [("ce_id", b"a-0-0")])
    sink.publish([output], next_offsets([record]))
    assert transport.published(1) == [output]


def test_the_next_member_goes_on_after_what_was_published(transport: Transport) -> None:
    transport.put(VALUES)
    source, sink = transport.join()
    sink.publish([], next_offsets(read(source, len(VALUES))))
    transport.put([b"more"])
    source, _ = transport.join()
    assert [record.value for record in read(source, 1)] == [b"more"]


def test_the_next_member_reads_again_what_was_not_published(transport: Transport) -> None:
    transport.put(VALUES)
    first = read(transport.join()[0], len(VALUES))
    again = read(transport.join()[0], len(VALUES))
    name: Callable[[Record], str] = lambda record: record.coordinates  # noqa: E731
    assert sorted(again, key=name) == sorted(first, key=name)


def test_a_rewound_source_reads_again_from_the_commit_on(transport: Transport) -> None:
    transport.put(VALUES[:10])
    source, sink = transport.join()
    sink.publish([], next_offsets(read(source, 10)))
    transport.put(VALUES[10:])
    later = read(source, 10)
    source.rewind()
    assert {record.value for record in read(source, 10)} == {record.value for record in later}


def test_the_lag_names_the_partitions_and_falls_to_nothing(transport: Transport) -> None:
    transport.put(VALUES)
    source, _ = transport.join()
    read(source, len(VALUES))
    assert source.lag() == dict.fromkeys(range(PARTITIONS), 0)
