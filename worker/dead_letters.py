"""The dead letters of a topic: read, chosen, and sent again to where they came from."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from worker.errors import UnreachableError
from worker.kafka import as_record
from worker.messages import ERRORS, Header, Output, Record
from worker.readers import reader
from worker.security import kafka_python
from worker.settings import Settings

CLIENT_ID = "tagstream-dlq"
REPLAYS = "tagstream-replays"
ORIGIN = "tagstream-replay-of"
MOST_REPLAYS = 3
LONGEST_REPLAY = 120.0  # seconds
SILENCE = 30.0  # seconds without a record, or an end, until the broker is given up


@dataclass(frozen=True)
class DeadLetter:
    """A record as the dead-letter topic holds it, and what its headers tell."""

    record: Record

    @property
    def reason(self) -> str:
        """Why it was rejected, in a word."""
        return self._header(f"{ERRORS}exception.class.name")

    @property
    def message(self) -> str:
        """Why it was rejected, in full."""
        return self._header(f"{ERRORS}exception.message")

    @property
    def topic(self) -> str:
        """The topic where it failed."""
        return self._header(f"{ERRORS}topic")

    @property
    def partition(self) -> str:
        """The partition where it failed."""
        return self._header(f"{ERRORS}partition")

    @property
    def source(self) -> str:
        """The coordinates where it failed."""
        return f"{self.topic}-{self.partition}-{self._header(f'{ERRORS}offset')}"

    @property
    def origin(self) -> str:
        """The coordinates where it failed first, before any replay."""
        return self._header(ORIGIN) or self.source

    @property
    def replays(self) -> int:
        """How often it was sent again already."""
        count = self._header(REPLAYS)
        return int(count) if count.isdecimal() else 0

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be sent again, if so."""
        if not self.topic:
            return "it does not say where it came from"
        if self._header("tagstream-value-bytes"):
            return "its value was too large for the dead-letter topic"
        if self.replays >= MOST_REPLAYS:
            return f"it was sent again {self.replays} times already"
        return None

    def again(self) -> Output:
        """Return the record as it came, with the number of this replay and where it began."""
        ours = {REPLAYS, ORIGIN}
        headers: list[Header] = [
            (name, value)
            for name, value in self.record.headers
            if name not in ours and not name.startswith(ERRORS)
        ]
        headers += [(REPLAYS, str(self.replays + 1).encode()), (ORIGIN, self.origin.encode())]
        return Output(self.topic, self.record.key, self.record.value, headers)

    def _header(self, name: str) -> str:
        """Return the last header of a name: those before it came with the record."""
        values = [value for found, value in self.record.headers if found == name]
        return (values[-1] or b"").decode(errors="replace") if values else ""


@dataclass(frozen=True)
class Choice:
    """Which dead letters are meant: all, where nothing is named."""

    reasons: frozenset[str] = frozenset()
    partitions: frozenset[int] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, letter: DeadLetter) -> bool:
        """Say whether a dead letter is meant; its time is when it was rejected."""
        at = letter.record.timestamp / 1_000
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.partitions or letter.partition in set(map(str, self.partitions)))
            and (self.since is None or at >= self.since.timestamp())
            and (self.until is None or at < self.until.timestamp())
        )


def latest(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Return one letter a record: of what failed again after a replay, the last."""
    found: dict[str, DeadLetter] = {}
    for letter in letters:
        known = found.get(letter.origin)
        if known is None or letter.replays >= known.replays:
            found[letter.origin] = letter
    return list(found.values())


def read(settings: Settings) -> Iterator[DeadLetter]:
    """Yield what the dead-letter topic holds now; raises `UnreachableError`."""
    topic = settings.dead_letters
    with reader(settings, CLIENT_ID, topic, "--dead-letter-topic") as consumer:
        yield from map(DeadLetter, _until_now(consumer, topic))


def _until_now(consumer: KafkaConsumer, topic: str) -> Iterator[Record]:
    waiting = {TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)}
    consumer.assign(list(waiting))
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(list(waiting))
    heard = time.monotonic()
    while waiting := {
        one
        for one in waiting
        if (consumer.position(one, timeout_ms=SILENCE * 1_000) or 0) < ends[one]
    }:
        for records in consumer.poll(500).values():
            heard = time.monotonic()
            for one in records:
                if one.offset < ends[TopicPartition(one.topic, one.partition)]:
                    yield as_record(one)
        if time.monotonic() - heard > SILENCE:
            raise UnreachableError(f"{topic}: the broker sent nothing for {SILENCE:.0f} s")


def replay(settings: Settings, letters: Iterable[DeadLetter]) -> int:
    """Send letters again in one transaction, all or none; returns how many (KIP-98)."""
    outputs = [letter.again() for letter in letters]
    if not outputs:
        return 0
    try:
        with closing(
            KafkaProducer(
                **kafka_python(settings),
                client_id=CLIENT_ID,
                transactional_id=f"{settings.dead_letters}-replay",
                acks="all",
                transaction_timeout_ms=int(LONGEST_REPLAY * 1_000),
                allow_auto_create_topics=False,
            )
        ) as sender:
            sender.init_transactions()
            sender.begin_transaction()
            futures = [
                sender.send(o.topic, key=o.key, value=o.value, headers=o.headers) for o in outputs
            ]
            sender.flush()
            failed = [future.exception for future in futures if not future.succeeded()]
            if failed:
                sender.abort_transaction()
                raise UnreachableError(f"nothing was sent again: {failed[0]}")
            sender.commit_transaction()
    except KafkaError as error:
        raise UnreachableError(
            f"the transaction did not end in order ({error}): look into the input topic, by its "
            f"header {REPLAYS}, before you send them once more"
        ) from error
    return len(outputs)
