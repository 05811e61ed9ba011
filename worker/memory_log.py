"""The log is the memory's state: a topic of one partition, that all workers write and read.

The state at an offset is the last W distinct posts before it. So any number of workers know the
same, a crash loses nothing, and none needs another's help to start.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from kafka import KafkaConsumer, TopicPartition

from worker.errors import StartupFailedError, UnreachableError
from worker.kafka import mapped
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_topic import check_partitions
from worker.messages import Output
from worker.readers import reader
from worker.settings import Settings

FORM = 2
FORMS = (1, FORM)  # in 1, hashtags are spelt in canonical form and posts have no name
CLIENT_ID = "tagstream-memory"
AT_ONCE = 5_000  # records of one poll
SILENCE = 30.0  # seconds without a record before the broker counts as gone
Note = Callable[[Sequence[Entry], Sequence[int]], None]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A record: `signals` names how its tokens were made, the key among it."""

    form: int
    signals: str
    entry: Entry


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def memory_output(topic: str, key: bytes, signals: str, entry: Entry) -> Output:
    """Return a post as the memory's topic keeps it: hashed tokens with counts, hashtags, its id."""
    return Output(topic, key, _encode(Kept(FORM, signals, entry)))


class MemoryLog:
    """Follows the topic; `memory` is what its records come to so far.

    `note` is given the posts that are added and when their records were written, in ms since the
    epoch; some twice, where catching up goes further back.
    """

    def __init__(
        self, consumer: KafkaConsumer, topic: str, make: Callable[[], Memory], note: Note
    ) -> None:
        self._consumer, self._partition, self._make = consumer, TopicPartition(topic, 0), make
        self._note = note
        self.memory = make()
        self.passed_over = 0
        consumer.assign([self._partition])

    def catch_up(self) -> None:
        """Read back until W posts are held, or all that there is.

        Raises `StartupFailedError` where what is held was made with another key or other signals,
        `UnreachableError` where the broker goes silent.
        """
        with mapped("memory"):
            end = self._consumer.end_offsets([self._partition])[self._partition]
            first = self._consumer.beginning_offsets([self._partition])[self._partition]
        posts = self.memory.sizes.posts
        span = posts
        while True:
            start = max(first, end - span)
            self.memory, self.passed_over = self._make(), 0
            self._read(start, end)
            if start == first or len(self.memory) >= posts:
                break
            span *= 2  # repeats, and what transactions leave, take offsets too
        if self.passed_over:
            raise StartupFailedError(
                f"{self._partition.topic} has {self.passed_over} records of another memory key or "
                f"other signals than {self.memory.signals!r}; give what made them, or empty it"
            )

    @property
    def offset(self) -> int:
        """What is read next: the memory is what all records before it come to."""
        with mapped("memory"):
            return int(self._consumer.position(self._partition, timeout_ms=SILENCE * 1_000) or 0)

    def follow(self) -> int:
        """Add what came since, without waiting; return how many records that were."""
        with mapped("memory"):
            return self._add(0)

    def _read(self, start: int, end: int) -> None:
        with mapped("memory"):
            self._consumer.seek(self._partition, start)
            heard = time.monotonic()
            while (self._consumer.position(self._partition, timeout_ms=SILENCE * 1_000) or 0) < end:
                if self._add(500):
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENCE:
                    raise UnreachableError(
                        f"{self._partition.topic}: the broker sent nothing for {SILENCE:.0f} s"
                    )

    def _add(self, wait: int) -> int:
        polled = self._consumer.poll(wait, max_records=AT_ONCE).get(self._partition, [])
        entries = list(self._entries([one.value for one in polled]))
        self.memory.add(entries)
        self._note(entries, [one.timestamp for one in polled])
        return len(polled)

    def _entries(self, values: list[bytes | None]) -> Iterator[Entry]:
        """Yield what records hold; those that are none of ours, or of another key, are counted."""
        for value in values:
            try:
                kept = _decode(value or b"")
            except msgspec.DecodeError:
                kept = None
            if kept is None or kept.form not in FORMS or kept.signals != self.memory.signals:
                self.passed_over += 1
            elif kept.entry.hashtags:
                yield kept.entry


@contextmanager
def memory_log(
    settings: Settings,
    topic: str,
    make: Callable[[], Memory],
    note: Note = lambda *_: None,
) -> Iterator[MemoryLog]:
    """Give a log that has caught up, without a group: nothing is ever committed.

    Raises `StartupFailedError` where the topic is missing or has not one partition.
    """
    with reader(settings, CLIENT_ID, topic, "--input-topic") as consumer:
        check_partitions(topic, len(consumer.partitions_for_topic(topic)))
        found = MemoryLog(consumer, topic, make, note)
        found.catch_up()
        yield found
