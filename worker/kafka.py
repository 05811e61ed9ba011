"""Kafka as the loop sees it: a source that polls and seeks, a sink that publishes and commits.

At least once: send, flush, check every future, and only then commit. While `poll` runs nothing
is in flight, so a rebalance finds clean hands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    SaslAuthenticationFailedError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from worker.errors import FatalError, RetryLaterError
from worker.messages import Output, Record
from worker.settings import Settings

Offsets = Mapping[tuple[str, int], int]
"""(topic, partition) → the offset to read next."""

COMMIT_WITHIN = 30.0  # seconds
_REFUSALS = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

_PERMANENT = (
    AuthorizationError,
    FencedInstanceIdError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    MessageSizeTooLargeError,  # an output of ours is below the usual limit: raise the topic's
    SaslAuthenticationFailedError,
)


class CommitRefusedError(RetryLaterError):
    """The partitions went to another member, who answers the posts again."""


class Source(Protocol):
    """Where records come from."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next records, at most `max_records`, after at most `timeout` seconds."""
        ...

    def rewind(self) -> None:
        """Go back to what is committed: all records after it are read again."""
        ...

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by assigned partition, as last heard."""
        ...


class Sink(Protocol):
    """Where answers go."""

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Deliver all outputs, then commit the offsets.

        Raises `RetryLaterError` when that did not work: nothing was committed.
        """
        ...


def as_record(read: ConsumerRecord) -> Record:
    """Return what the client read as our own."""
    return Record(
        read.topic, read.partition, read.offset, read.key, read.value, tuple(read.headers),
        read.timestamp,
    )  # fmt: skip


def next_offsets(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    """Return what is to be committed once these records are answered."""
    return {(r.topic, r.partition): r.offset + 1 for r in records}


def consumer(settings: Settings, slot: int = 0) -> KafkaConsumer:
    """Return a member of the consumer group, subscribed to the input topic.

    `slot` tells the processes of one supervisor apart where membership is static.

    There is no offset reset policy: it would skip posts in silence when offsets are out of range.
    """
    member = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers.split(","),
        client_id="tagstream-worker",
        group_id=settings.group,
        group_instance_id=settings.instance_id and f"{settings.instance_id}-{slot}",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",  # what a producer took back is no post
        allow_auto_create_topics=False,
        partition_assignment_strategy=(CooperativeStickyAssignor,),
        session_timeout_ms=int(settings.session_timeout * 1_000),
        heartbeat_interval_ms=int(settings.session_timeout * 1_000 / 5),
        max_poll_records=settings.max_batch_size,
        reconnect_backoff_max_ms=1_000,
        metadata_max_age_ms=10_000,  # how long a new partition may go unseen
    )
    member.subscribe([settings.input_topic])
    return member


def producer(settings: Settings) -> KafkaProducer:
    """Return a producer for at-least-once: one refused record must not poison those after it."""
    return KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers.split(","),
        client_id="tagstream-worker",
        acks="all",
        enable_idempotence=False,
        max_in_flight_requests_per_connection=1,
        compression_type="lz4",
        linger_ms=5,
        batch_size=65_536,
        delivery_timeout_ms=int(settings.delivery_timeout * 1_000),
        request_timeout_ms=int(settings.delivery_timeout * 1_000 * 0.9),
        allow_auto_create_topics=False,
        reconnect_backoff_max_ms=1_000,
    )


class KafkaSource:
    """The input topic, as one member of a consumer group reads it."""

    def __init__(self, member: KafkaConsumer) -> None:
        self._consumer = member

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next records; raises `FatalError` where posts were deleted unread."""
        try:
            polled = self._consumer.poll(int(timeout * 1_000), max_records=max_records)
        except NoOffsetForPartitionError as error:
            # The group's first sight of these partitions: nothing in them may be skipped.
            self._consumer.seek_to_beginning(*error.args[0])
            return []
        except OffsetOutOfRangeError as error:
            raise FatalError(
                f"posts were deleted before they were read, from {error.args[0]} on; "
                "lengthen the topic's retention, then reset the group's offsets"
            ) from error
        except KafkaError as error:
            raise _failure("poll", error) from error
        return [as_record(one) for records in polled.values() for one in records]

    def rewind(self) -> None:
        """Seek every owned partition to its committed offset."""
        for partition in self._consumer.assignment():
            try:
                offset = self._consumer.committed(partition, timeout_ms=10_000)
            except KafkaError as error:
                raise _failure("rewind", error) from error
            if offset is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by assigned partition; 0 until a fetch told."""
        try:
            return {p.partition: self._unread(p) for p in self._consumer.assignment()}
        except KafkaError as error:
            raise _failure("position", error) from error

    def _unread(self, partition: TopicPartition) -> int:
        end = self._consumer.highwater(partition)
        read = None if end is None else self._consumer.position(partition, timeout_ms=0)
        return 0 if end is None or read is None else int(end - read)

    def commit(self, offsets: Offsets) -> None:
        """Commit; raises `CommitRefusedError` where the partitions are another member's now."""
        positions = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        try:
            self._consumer.commit(positions, timeout_ms=int(COMMIT_WITHIN * 1_000))
        except _REFUSALS as error:
            raise CommitRefusedError(str(error)) from error
        except KafkaError as error:
            raise _failure("commit", error) from error

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._consumer.close(autocommit=False, timeout_ms=5_000)


class KafkaSink:
    """The output topics; commits through the source once all is delivered."""

    def __init__(self, sender: KafkaProducer, source: KafkaSource, timeout: float) -> None:
        self._producer = sender
        self._source = source
        self._timeout = timeout

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Send, flush, check every future, commit."""
        try:
            futures = [
                self._producer.send(o.topic, key=o.key, value=o.value, headers=o.headers)
                for o in outputs
            ]
            self._producer.flush(self._timeout + 5)
        except KafkaError as error:
            raise _failure("send", error) from error
        for future in futures:  # flush returns normally after failed sends
            if not future.succeeded():
                raise _failure("delivery", future.exception or KafkaTimeoutError("in flight"))
        self._source.commit(offsets)

    def close(self) -> None:
        """Let go of the connections; everything was flushed by `publish`."""
        self._producer.close(timeout=5)


def _failure(step: str, error: KafkaError) -> FatalError | RetryLaterError:
    """Return what an error of the client means: no retry mends a setting or a missing right."""
    kind = FatalError if isinstance(error, _PERMANENT) else RetryLaterError
    return kind(f"{step}: {error}")
