"""The demo's two ends of the stream: posts without their hashtags in, suggestions out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from export.text import without_hashtags
from trainer.corpus import LabelledPost
from trainer.progress import progress
from worker.messages import Suggestion, decode_suggestion

GIVE_UP_AFTER = 60.0  # seconds without any answer


@dataclass
class Received:
    """What came back: answers by post, how often each came, dead letters, and how long it took."""

    answers: dict[str, Suggestion] = field(default_factory=dict)
    messages: int = 0
    dead: set[str] = field(default_factory=set)
    seconds: float = 0.0


@dataclass(frozen=True)
class Topics:
    """Where posts go, and where answers and dead letters come from."""

    posts: str = "tweets"
    suggestions: str = "suggestions"

    @property
    def dead_letters(self) -> str:
        """What the worker could not answer."""
        return f"{self.posts}.dead-letter"


def send(brokers: str, topics: Topics, posts: Sequence[LabelledPost]) -> None:
    """Produce posts, their hashtags taken out: the answers stay here."""
    producer = KafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=5)
    futures = []
    with progress("posts sent", len(posts)) as advance:
        for post in posts:
            body = {"id": post.id, "text": without_hashtags(post.text)}
            value = msgspec.json.encode(body | {"created_at": post.created_at})
            futures.append(producer.send(topics.posts, key=post.id.encode(), value=value))
            advance(1)
        producer.flush()
    for future in futures:
        future.get(timeout=30)
    producer.close()


def receive(brokers: str, topics: Topics, expected: set[str], started: float) -> Received:
    """Read both output topics from their beginning until every post is accounted for.

    It then listens a moment longer, so that an answer that comes twice is counted.
    """
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    partitions = [
        TopicPartition(topic, number)
        for topic in (topics.suggestions, topics.dead_letters)
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    received, heard = Received(), time.monotonic()
    with progress("suggestions received", len(expected)) as advance:
        while (
            expected - received.answers.keys() - received.dead
            and time.monotonic() - heard < GIVE_UP_AFTER
        ):
            before = len(received.answers) + len(received.dead)
            if polled := consumer.poll(500, max_records=5_000):
                heard = time.monotonic()
                _note(received, polled, topics)
            advance(len(received.answers) + len(received.dead) - before)
    received.seconds = time.monotonic() - started
    while polled := consumer.poll(2_000):
        _note(received, polled, topics)
    consumer.close()
    return received


def _note(received: Received, polled: Mapping[TopicPartition, list[Any]], topics: Topics) -> None:
    for partition, records in polled.items():
        if partition.topic == topics.dead_letters:
            received.dead |= {record.key.decode() for record in records}
            continue
        for record in records:
            answer = decode_suggestion(record.value)
            received.messages += 1
            received.answers.setdefault(answer.id, answer)
