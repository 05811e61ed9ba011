"""Answers as they come, each beside its post; nothing is committed anywhere."""

import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from worker.errors import RecordRejectedError
from worker.formats import decode_post
from worker.messages import Suggestion, decode_suggestion
from worker.readers import reader
from worker.settings import Settings

CLIENT_ID = "tagstream-watch"
AT_ONCE = 100  # answers whose posts are looked up together
POLL_MS = 500
POST_WITHIN = 5.0  # seconds without a record until posts are given up
FETCH_BYTES = 65_536  # what is fetched around a post
ASK_MS = 3_000  # that a broker has to say that it is there

Place = tuple[int, int]
"""Partition and offset in the input topic."""


class Answered(msgspec.Struct, frozen=True):
    """An answer and the post it is about; `missing` tells why there is no text.

    `source` is the post's `ce_id`: topic, partition and offset.
    """

    source: str
    answer: Suggestion
    text: str | None = None
    missing: str | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """A record among the answers that is none."""

    source: str
    reason: str


def follow(
    settings: Settings, stop: threading.Event, *, from_beginning: bool = False
) -> Generator[Answered | Unreadable]:
    """Yield answers, from the end of their topic on or from its beginning, until told to stop.

    Raises `UnreachableError` or `StartupFailedError`, as `reader`.
    """
    with watching(settings, from_beginning=from_beginning) as answers:
        while not stop.is_set():
            yield from answers.beside_posts(answers.poll())


@contextmanager
def watching(settings: Settings, *, from_beginning: bool = False) -> Iterator["Answers"]:
    """Give the answers, from the end of their topic on or from its beginning; raises as `follow`.

    That may be inside the block, too, where the broker goes away.
    """
    start = "earliest" if from_beginning else "latest"
    answered, asked = settings.output_topic, settings.input_topic
    near = {"auto_offset_reset": "earliest", "max_partition_fetch_bytes": FETCH_BYTES}
    with (
        reader(settings, CLIENT_ID, answered, "--output-topic", auto_offset_reset=start) as answers,
        reader(settings, CLIENT_ID, asked, "--input-topic", **near) as inputs,
    ):
        answers.subscribe([answered])
        yield Answers(answers, Posts(inputs, settings))


class Answers:
    """The output topic; `beside_posts` gives answers the texts of their posts."""

    def __init__(self, consumer: KafkaConsumer, posts: "Posts") -> None:
        self._consumer, self.beside_posts = consumer, posts.beside

    def poll(self, most: int = AT_ONCE) -> list[Answered | Unreadable]:
        """Return the next answers without texts; none where none came, or no broker is there."""
        polled = self._consumer.poll(POLL_MS, max_records=most).values()
        return [_answer(one) for records in polled for one in records]

    def reached(self) -> bool:
        """Ask the broker; where it says yes, whatever is answered from now on is read."""
        parts = list(self._consumer.assignment())
        try:
            self._consumer.end_offsets(parts, ASK_MS)
            return bool(parts) and all(
                self._consumer.position(one, ASK_MS) is not None for one in parts
            )
        except KafkaError:
            return False


class Posts:
    """The input topic, read where answers point."""

    def __init__(self, consumer: KafkaConsumer, settings: Settings) -> None:
        self._consumer, self._settings = consumer, settings

    def beside(self, answers: Sequence[Answered | Unreadable]) -> Iterator[Answered | Unreadable]:
        """Yield each answer with its post."""
        places = {self._place(one.source) for one in answers if isinstance(one, Answered)}
        values = self._values({place for place in places if place is not None})
        for one in answers:
            yield one if isinstance(one, Unreadable) else self._with_text(one, values)

    def _with_text(self, one: Answered, values: dict[Place, bytes | None]) -> Answered:
        place = self._place(one.source)
        if place is None:
            return Answered(one.source, one.answer, missing="it is of another topic")
        if place not in values:
            return Answered(one.source, one.answer, missing="it is no longer there")
        try:
            post = decode_post(values[place] or b"", sys.maxsize, self._settings.format)
        except RecordRejectedError as error:
            return Answered(one.source, one.answer, missing=f"{error}; is --format right?")
        return Answered(one.source, one.answer, post.text)

    def _place(self, source: str) -> Place | None:
        topic, *numbers = source.rsplit("-", 2)
        if topic != self._settings.input_topic or not all(map(str.isdecimal, numbers)):
            return None
        partition, offset = map(int, numbers)
        return partition, offset

    def _values(self, places: set[Place]) -> dict[Place, bytes | None]:
        """Return the records at these places, without those that are not there."""
        waiting = self._there(places)
        self._consumer.assign(list(waiting))
        for partition, offsets in waiting.items():
            self._consumer.seek(partition, min(offsets))
        found: dict[Place, bytes | None] = {}
        heard = time.monotonic()
        while waiting and time.monotonic() - heard < POST_WITHIN:
            for records in self._consumer.poll(POLL_MS).values():
                heard = time.monotonic()
                read = {(one.partition, one.offset): one.value for one in records}
                found.update((place, read[place]) for place in places & read.keys())
            waiting = {
                partition: offsets
                for partition, offsets in waiting.items()
                if self._consumer.position(partition) <= max(offsets)
            }
        return found

    def _there(self, places: set[Place]) -> dict[TopicPartition, set[int]]:
        """Return the offsets that their partitions still have, or have already."""
        topic = self._settings.input_topic
        known = self._consumer.partitions_for_topic(topic) or set()
        asked = [TopicPartition(topic, number) for number in known & {one for one, _ in places}]
        first, end = self._consumer.beginning_offsets(asked), self._consumer.end_offsets(asked)
        there = {
            one: {
                at
                for number, at in places
                if number == one.partition and first[one] <= at < end[one]
            }
            for one in asked
        }
        return {one: offsets for one, offsets in there.items() if offsets}


def _answer(record: ConsumerRecord) -> Answered | Unreadable:
    here = f"{record.topic}-{record.partition}-{record.offset}"
    headers = dict(record.headers)
    source = (headers.get("ce_id") or b"").decode(errors="replace")
    try:
        return Answered(source, decode_suggestion(record.value or b""))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(here, str(error))
