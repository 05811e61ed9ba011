"""What only the real broker can show of source and sink."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import MemberToRemove

from deploy.local.process import wait_until
from tests.conftest import Addresses
from tests.support.streams import Stream
from worker import clients
from worker.delivery import (
    TRANSACTION_WITHIN,
    CommitRefusedError,
    Sink,
    Source,
    next_offsets,
)
from worker.errors import FatalError, RetryLaterError
from worker.kafka_sender import KafkaSender
from worker.librdkafka_sender import RdSender
from worker.messages import Output, Record
from worker.settings import Settings
from worker.sinks import Sender
from worker.topics import partitions

Joined = AbstractContextManager[tuple[Source, Sink]]
Member = Callable[..., Joined]


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Iterator[Stream]:
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    yield stream
    stream.stop()


def settings(stream: Stream, **more: str | float) -> Settings:
    return Settings(
        bootstrap_servers=stream.addresses.kafka,
        group=stream.group,
        input_topic=stream.posts,
        output_topic=stream.suggestions,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(params=["kafka-python", "confluent-kafka"])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["at-least-once", "exactly-once"])
def member(request: pytest.FixtureRequest, stream: Stream, client: str) -> Member:
    """What joins the group; `slot` names the member."""

    def join(slot: int = 0, **more: float) -> Joined:
        modes = {"client": client, "delivery": request.param}
        return clients.member(settings(stream, instance_id="one", **modes, **more), slot)

    return join


def read(source: Source, count: int) -> list[Record]:
    records: list[Record] = []

    def enough() -> bool:
        records.extend(source.poll(500, 0.2))
        return len(records) >= count

    assert wait_until(enough, 90)
    return records


def test_posts_that_were_deleted_before_they_were_read_stop_the_worker(
    stream: Stream, member: Member
) -> None:
    stream.produce([(b"key", b"one")] * 4)
    with member() as (source, sink):
        records = read(source, 4)
        offsets = {(records[0].topic, records[0].partition): 1}
        sink.publish([], offsets)
    with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
        admin.delete_records({TopicPartition(stream.posts, records[0].partition): 3})
    with member() as (source, _), pytest.raises(FatalError, match="retention"):
        read(source, 1)


def test_a_commit_of_a_member_that_was_removed_is_refused(stream: Stream, member: Member) -> None:
    stream.produce([(b"key", b"one")])
    with member() as (source, sink):
        records = read(source, 1)
        with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
            gone = MemberToRemove(group_instance_id="one-0")
            admin.remove_group_members(stream.group, [gone])
        with pytest.raises(CommitRefusedError):
            sink.publish([], next_offsets(records))
        assert stream.committed() == {}
        source.rewind()


def test_an_output_that_the_broker_refuses_commits_nothing(stream: Stream, member: Member) -> None:
    stream.produce([(b"key", b"one")])
    with member(delivery_timeout=2) as (source, sink):
        records = read(source, 1)
        too_large = Output(stream.suggestions, b"key", b"x" * 1_048_600)
        with pytest.raises(FatalError, match=r"(?i)message.?size.?too.?large|msg_size"):
            sink.publish([too_large], next_offsets(records))
        assert stream.committed() == {}
        # One refused record does not poison those after it.
        sink.publish([Output(stream.suggestions, b"key", b"fine")], next_offsets(records))
        assert sum(stream.committed().values()) == 1
    answers = stream.answers()
    answers.until(lambda: len(answers.records) == 1)
    assert answers.records[0].value == b"fine"


def test_partitions_added_later_are_read_from_their_beginning(
    stream: Stream, member: Member
) -> None:
    stream.produce([(b"key", b"one")])
    with member() as (source, sink):
        sink.publish([], next_offsets(read(source, 1)))
        with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
            admin.create_partitions({stream.posts: 6})
            assert wait_until(lambda: partitions(admin, (stream.posts,))[stream.posts] == 6, 30)
        stream.produce([(str(n).encode(), b"more") for n in range(60)])
        assert {record.partition for record in read(source, 60)} == set(range(6))


def test_a_restarted_member_sees_partitions_added_later(stream: Stream, client: str) -> None:
    stream.produce([(b"key", b"one")])
    chosen = settings(stream, client=client, instance_id="one")
    with clients.member(chosen) as (source, sink):
        sink.publish([], next_offsets(read(source, 1)))
    with clients.member(chosen) as (source, _):
        stream.produce([(b"key", b"two")])
        read(source, 1)
        with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
            admin.create_partitions({stream.posts: 6})
            assert wait_until(lambda: partitions(admin, (stream.posts,))[stream.posts] == 6, 30)
        stream.produce([(str(n).encode(), b"more") for n in range(60)])
        assert {record.partition for record in read(source, 60)} == set(range(6))


def test_what_a_transaction_takes_back_is_never_read(stream: Stream, client: str) -> None:
    stream.produce([(b"key", b"one")])
    modes = {"client": client, "delivery": "exactly-once", "instance_id": "one"}
    with clients.member(settings(stream, **modes)) as (source, sink):
        records = read(source, 1)
        outputs = [
            Output(stream.suggestions, b"key", value) for value in (b"good", b"bad" * 400_000)
        ]
        with pytest.raises(FatalError):
            sink.publish(outputs, next_offsets(records))
        source.rewind()
        sink.publish(outputs[:1], next_offsets(read(source, 1)))
    answers = stream.answers()
    answers.rest()
    assert [record.value for record in answers.records] == [b"good"]


def test_a_restarted_worker_ends_the_transaction_of_the_killed_one(
    stream: Stream, client: str
) -> None:
    stream.produce([(b"key", b"one")])
    chosen = settings(stream, client=client, instance_id="one", session_timeout=6)
    make = KafkaSender.transactional if client == "kafka-python" else RdSender.transactional
    killed: Sender = make(chosen, 0)
    killed.begin()
    killed.deliver([Output(stream.suggestions, b"key", b"half")])
    started = time.monotonic()
    modes = {"client": client, "delivery": "exactly-once", "instance_id": "one"}
    with clients.member(settings(stream, **modes)) as (source, sink):
        answer = Output(stream.suggestions, b"key", b"whole")
        sink.publish([answer], next_offsets(read(source, 1)))
    answers = stream.answers()
    answers.until(lambda: len(answers.records) == 1)
    # Not after the transaction's own time ran out, but at once.
    assert time.monotonic() - started < TRANSACTION_WITHIN
    assert answers.records[0].value == b"whole"
    with pytest.raises(RetryLaterError):
        killed.deliver([Output(stream.suggestions, b"key", b"too late")])
    killed.drop()
