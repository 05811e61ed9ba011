"""The input topic through kafka-python."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, TopicPartition
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
    MessageSizeTooLargeError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    SaslAuthenticationFailedError,
    UnknownMemberIdError,
    UnsupportedCodecError,
)
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from worker.delivery import (
    CLIENT_ID,
    COMMIT_WITHIN,
    METADATA_MS,
    POLL_INTERVAL,
    RECONNECT_MS,
    CommitRefusedError,
    Offsets,
    instance,
)
from worker.errors import FatalError, RetryLaterError
from worker.messages import Record
from worker.profiles import PROFILES
from worker.security import kafka_python
from worker.settings import Settings

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


def consumer(settings: Settings, slot: int = 0) -> KafkaConsumer:
    """Return a member of the consumer group, subscribed to the input topic.

    There is no offset reset policy: it would skip posts in silence when offsets are out of range.
    """
    profile = PROFILES[settings.profile]
    member = KafkaConsumer(
        **kafka_python(settings),
        client_id=CLIENT_ID,
        group_id=settings.group,
        group_instance_id=instance(settings, slot),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",  # what a producer took back is no post
        allow_auto_create_topics=False,
        partition_assignment_strategy=(CooperativeStickyAssignor,),
        session_timeout_ms=int(settings.session_timeout * 1_000),
        heartbeat_interval_ms=int(settings.session_timeout * 1_000 / 5),
        max_poll_interval_ms=int(settings.stall_timeout * 1_000 * POLL_INTERVAL),
        max_poll_records=settings.max_batch_size,
        fetch_min_bytes=profile.fetch_min_bytes,
        fetch_max_wait_ms=profile.fetch_max_wait_ms,
        reconnect_backoff_max_ms=RECONNECT_MS,
        metadata_max_age_ms=METADATA_MS,
    )
    member.subscribe([settings.input_topic])
    return member


class KafkaSource:
    """The input topic, as one member of a consumer group reads it."""

    def __init__(self, member: KafkaConsumer, *, static: bool = False) -> None:
        self._consumer = member
        self._to_rejoin = static
        self.membership: ConsumerGroupMetadata | None = None

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
        except UnsupportedCodecError as error:
            raise FatalError(
                f"posts are compressed as this client cannot read them ({error}); install the "
                "packages that tagstream[worker] names, python-snappy and zstandard among them"
            ) from error
        except KafkaError as error:
            raise failure("poll", error) from error
        # Taken now: after an eviction it would name no generation, and a broker takes that commit.
        self.membership = self._consumer.group_metadata()
        if self._to_rejoin and self.membership.generation_id >= 0:
            # Only a leader sees partitions that are added. A static one that was restarted is given
            # what it had without being told that it leads, until it joins once more.
            self._consumer._coordinator.request_rejoin()  # noqa: SLF001 - no other way
            self._to_rejoin = False
        if polled and self.membership.generation_id < 0:
            raise CommitRefusedError("the group took this member's partitions")
        return [as_record(one) for records in polled.values() for one in records]

    def rewind(self) -> None:
        """Seek every owned partition to its committed offset."""
        for partition in self._consumer.assignment():
            with mapped("rewind"):
                offset = self._consumer.committed(partition, timeout_ms=10_000)
            if offset is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by assigned partition; 0 until a fetch told."""
        with mapped("position"):
            return {p.partition: self._unread(p) for p in self._consumer.assignment()}

    def _unread(self, partition: TopicPartition) -> int:
        end = self._consumer.highwater(partition)
        read = None if end is None else self._consumer.position(partition, timeout_ms=0)
        return 0 if end is None or read is None else int(end - read)

    def connected(self) -> bool:
        """Return whether the group's coordinator is reached, as of the last poll."""
        coordinator = self._consumer._coordinator.coordinator_id  # noqa: SLF001 - nothing tells
        return coordinator is not None and self._consumer._client.connected(coordinator)  # noqa: SLF001

    def commit(self, offsets: Offsets) -> None:
        """Commit; raises `CommitRefusedError` where the partitions are another member's now."""
        with mapped("commit"):
            self._consumer.commit(positions(offsets), timeout_ms=int(COMMIT_WITHIN * 1_000))

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._consumer.close(autocommit=False, timeout_ms=5_000)


def as_record(read: ConsumerRecord) -> Record:
    """Return what the client read as our own."""
    return Record(
        read.topic, read.partition, read.offset, read.key, read.value, tuple(read.headers),
        read.timestamp,
    )  # fmt: skip


def positions(offsets: Offsets) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return offsets as the client wants them."""
    return {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}


@contextmanager
def mapped(step: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except KafkaError as error:
        raise failure(step, error) from error


def failure(step: str, error: KafkaError) -> FatalError | RetryLaterError:
    """Return what an error of the client means: no retry mends a setting or a missing right."""
    if isinstance(error, _REFUSALS):
        return CommitRefusedError(f"{step}: {error}")
    kind = FatalError if isinstance(error, _PERMANENT) else RetryLaterError
    return kind(f"{step}: {error}")
