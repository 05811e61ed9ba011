"""The input topic through confluent-kafka, which the extra `fast` brings."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from worker.delivery import (
    CLIENT_ID,
    METADATA_MS,
    POLL_INTERVAL,
    RECONNECT_MS,
    CommitRefusedError,
    Offsets,
    instance,
)
from worker.errors import FatalError, RetryLaterError
from worker.messages import Header, Record
from worker.profiles import PROFILES
from worker.security import librdkafka
from worker.settings import Settings

ASKED_WITHIN = 10.0  # seconds for a question to the broker
STATISTICS_MS = 1_000  # how old the news may be that the coordinator is gone
PREFETCHED_KILOBYTES = 16_384  # what waits in memory, however long the lag
log = logging.getLogger("librdkafka")
_NO_OFFSET = 0  # below it stand librdkafka's signs for no offset
_REFUSALS = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - librdkafka's own errors begin with a line
    KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001
}
_PERMANENT = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001
    # A batch that is compressed as this build of librdkafka cannot read, or not as it says.
    KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001
    KafkaError._BAD_COMPRESSION,  # noqa: SLF001
}


class _Group(msgspec.Struct, frozen=True):
    state: str = ""


class _Statistics(msgspec.Struct, frozen=True):
    """What is read of librdkafka's statistics, which a poll brings."""

    cgrp: _Group = _Group()


_STATISTICS = msgspec.json.Decoder(_Statistics)


def _consumer(settings: Settings, slot: int, heard: Callable[[str], None]) -> Consumer:
    """Return a member of the consumer group, not yet subscribed; `heard` gets statistics."""
    profile = PROFILES[settings.profile]
    config: dict[str, Any] = {
        **common(settings),
        "group.id": settings.group,
        "statistics.interval.ms": STATISTICS_MS,
        "stats_cb": heard,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(settings.session_timeout * 1_000),
        "heartbeat.interval.ms": int(settings.session_timeout * 1_000 / 5),
        "max.poll.interval.ms": int(settings.stall_timeout * 1_000 * POLL_INTERVAL),
        "fetch.min.bytes": profile.fetch_min_bytes,
        "fetch.wait.max.ms": profile.fetch_max_wait_ms,
        "queued.max.messages.kbytes": PREFETCHED_KILOBYTES,
    }
    name = instance(settings, slot)
    if name is not None:
        config["group.instance.id"] = name
    return Consumer(config)


def common(settings: Settings) -> dict[str, Any]:
    """Return what consumer and producer are told alike."""
    return {
        **librdkafka(settings),
        "client.id": CLIENT_ID,
        "reconnect.backoff.max.ms": RECONNECT_MS,
        "topic.metadata.refresh.interval.ms": METADATA_MS,
        "logger": log,
        "error_cb": lambda error: log.warning("%s", error),
    }


class RdSource:
    """The input topic, as one member of a consumer group reads it."""

    def __init__(self, settings: Settings, slot: int = 0) -> None:
        self._consumer = _consumer(settings, slot, self._heard)
        self._connected = False
        self._gone: set[tuple[str, int]] = set()
        self._closing = False
        self.membership: object = None
        self._consumer.subscribe(
            [settings.input_topic], on_assign=self._assigned, on_revoke=self._revoked
        )

    def _heard(self, statistics: str) -> None:
        self._connected = _STATISTICS.decode(statistics).cgrp.state == "up"

    def connected(self) -> bool:
        """Return whether the group's coordinator is reached, as of the last statistics."""
        return self._connected

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next records; raises `FatalError` where posts were deleted unread."""
        self._gone.clear()
        with mapped("poll"):
            first = self._consumer.poll(timeout)
            read = [] if first is None else [first]
            if read and max_records > 1:  # what else is there already: to wait here costs latency
                read += self._consumer.consume(max_records - 1, 0)
            self.membership = self._consumer.consumer_group_metadata()
        if self._gone:
            # Partitions left within the call: their records are another's, or are read again.
            read = [one for one in read if (one.topic(), one.partition()) not in self._gone]
            with mapped("poll"):
                self._place(self._owned(self._gone))
        for one in read:
            _check(one)
        return [as_record(one) for one in read]

    def rewind(self) -> None:
        """Read every owned partition from its committed offset on."""
        with mapped("rewind"):
            self._place(self._consumer.assignment())

    def _place(self, owned: list[TopicPartition]) -> None:
        if owned:
            starts = self._starts(owned)
            self._consumer.incremental_unassign(owned)
            self._consumer.incremental_assign(starts)

    def _assigned(self, member: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._closing:  # then no broker is asked any more
            member.incremental_assign(self._starts(partitions) if partitions else [])

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._gone.update((p.topic, p.partition) for p in partitions)

    def _owned(self, some: set[tuple[str, int]]) -> list[TopicPartition]:
        return [p for p in self._consumer.assignment() if (p.topic, p.partition) in some]

    def _starts(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return where each begins: after the commit, or where there is none at its beginning."""
        plain = [TopicPartition(p.topic, p.partition) for p in partitions]
        committed = self._consumer.committed(plain, ASKED_WITHIN)
        for one in committed:
            if one.error is not None:
                raise KafkaException(one.error)
            if one.offset < _NO_OFFSET:
                one.offset = OFFSET_BEGINNING
        return committed

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by assigned partition; 0 until a fetch told."""
        with mapped("position"):
            owned = self._consumer.position(self._consumer.assignment())
            return {p.partition: self._unread(p) for p in owned}

    def _unread(self, position: TopicPartition) -> int:
        ends = self._consumer.get_watermark_offsets(position, cached=True)
        known = ends is not None and ends[1] >= 0 and position.offset >= 0
        return max(0, ends[1] - position.offset) if known and ends is not None else 0

    def commit(self, offsets: Offsets) -> None:
        """Commit; raises `CommitRefusedError` where the partitions are another member's now."""
        with mapped("commit"):
            results = self._consumer.commit(offsets=positions(offsets), asynchronous=False)
            for one in results or ():
                if one.error is not None:
                    raise KafkaException(one.error)

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._closing = True
        self._consumer.close()


def as_record(read: Message) -> Record:
    """Return what the client read as our own."""
    kind, timestamp = read.timestamp()
    return Record(
        read.topic() or "",
        read.partition() or 0,
        read.offset() or 0,
        read.key(),
        read.value(),
        tuple(cast("list[Header]", read.headers() or [])),
        -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
    )


def positions(offsets: Offsets) -> list[TopicPartition]:
    """Return offsets as the client wants them."""
    return [TopicPartition(*partition, offset) for partition, offset in offsets.items()]


def _check(read: Message) -> None:
    """Raise what stands in the place of a record."""
    error = read.error()
    if error is None:
        return
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
        raise FatalError(
            f"posts were deleted before they were read, in partition {read.partition()} from "
            f"{read.offset()} on; lengthen the topic's retention, then reset the group's offsets"
        )
    raise failure("poll", error)


@contextmanager
def mapped(step: str) -> Iterator[None]:
    """Turn the client's errors into ours.

    The client raises a fatal one amid its callbacks, which then comes out as a `SystemError`.
    """
    try:
        yield
    except (KafkaException, BufferError, SystemError) as error:
        raise failure(step, error.args[0]) from error


def failure(step: str, error: KafkaError | str) -> FatalError | RetryLaterError:
    """Return what an error of the client means: no retry mends a setting or a missing right."""
    code = error.code() if isinstance(error, KafkaError) else None
    if code in _REFUSALS:
        return CommitRefusedError(f"{step}: {error}")
    kind = FatalError if code in _PERMANENT else RetryLaterError
    return kind(f"{step}: {error}")
