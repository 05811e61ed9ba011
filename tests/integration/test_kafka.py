"""What only the real broker can show of source and sink."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import MemberToRemove

from deploy.local.process import wait_until
from tests.conftest import Addresses
from tests.support.streams import Stream
from worker.errors import FatalError
from worker.kafka import (
    CommitRefusedError,
    KafkaSink,
    KafkaSource,
    consumer,
    next_offsets,
    producer,
)
from worker.messages import Output, Record
from worker.settings import Settings
from worker.topics import partitions


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Iterator[Stream]:
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    yield stream
    stream.stop()


def settings(stream: Stream, **more: float) -> Settings:
    return Settings(
        bootstrap_servers=stream.addresses.kafka,
        group=stream.group,
        input_topic=stream.posts,
        output_topic=stream.suggestions,
        **more,  # type: ignore[arg-type]
    )


@contextmanager
def member(stream: Stream, **more: float) -> Iterator[tuple[KafkaSource, KafkaSink]]:
    chosen = settings(stream, **more)
    with closing(KafkaSource(consumer(chosen))) as source:
        sink = KafkaSink(producer(chosen), source, chosen.delivery_timeout)
        with closing(sink):
            yield source, sink


def read(source: KafkaSource, count: int) -> list[Record]:
    records: list[Record] = []

    def enough() -> bool:
        records.extend(source.poll(500, 0.2))
        return len(records) >= count

    assert wait_until(enough, 90)
    return records


def test_posts_that_were_deleted_before_they_were_read_stop_the_worker(stream: Stream) -> None:
    stream.produce([(b"key", b"one")] * 4)
    with member(stream) as (source, sink):
        records = read(source, 4)
        offsets = {(records[0].topic, records[0].partition): 1}
        sink.publish([], offsets)
    with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
        admin.delete_records({TopicPartition(stream.posts, records[0].partition): 3})
    with member(stream) as (source, _), pytest.raises(FatalError, match="retention"):
        read(source, 1)


def test_a_commit_of_a_member_that_was_removed_is_refused(stream: Stream) -> None:
    stream.produce([(b"key", b"one")])
    with member(stream) as (source, sink):
        records = read(source, 1)
        with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
            (described,) = admin.describe_groups([stream.group]).values()
            gone = MemberToRemove(member_id=described["members"][0]["member_id"])
            admin.remove_group_members(stream.group, [gone])
        with pytest.raises(CommitRefusedError):
            sink.publish([], next_offsets(records))
        assert stream.committed() == {}
        source.rewind()


def test_an_output_that_the_broker_refuses_commits_nothing(stream: Stream) -> None:
    stream.produce([(b"key", b"one")])
    with member(stream, delivery_timeout=2) as (source, sink):
        records = read(source, 1)
        too_large = Output(stream.suggestions, b"key", b"x" * 1_048_600)
        with pytest.raises(FatalError, match="MessageSizeTooLarge"):
            sink.publish([too_large], next_offsets(records))
        assert stream.committed() == {}
        # One refused record does not poison those after it.
        sink.publish([Output(stream.suggestions, b"key", b"fine")], next_offsets(records))
        assert sum(stream.committed().values()) == 1
    answers = stream.answers()
    answers.until(lambda: len(answers.records) == 1)
    assert answers.records[0].value == b"fine"


def test_partitions_added_later_are_read_from_their_beginning(stream: Stream) -> None:
    stream.produce([(b"key", b"one")])
    with member(stream) as (source, sink):
        sink.publish([], next_offsets(read(source, 1)))
        with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
            admin.create_partitions({stream.posts: 6})
            assert wait_until(lambda: partitions(admin, (stream.posts,))[stream.posts] == 6, 30)
        stream.produce([(str(n).encode(), b"more") for n in range(60)])
        assert {record.partition for record in read(source, 60)} == set(range(6))
