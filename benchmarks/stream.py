"""A topic full of posts on real services, and members of a group that answer them."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from confluent_kafka import Producer
from kafka import KafkaAdminClient

from benchmarks.made_up import MadeUp
from deploy.local.install import install
from deploy.local.services import Services
from trainer.corpus import LabelledPost
from worker import clients
from worker.delivery import Sink, Source
from worker.messages import Record
from worker.settings import Settings

PARTITIONS = 4


@dataclass(frozen=True)
class Backlog:
    """A topic whose posts any number of groups may read."""

    services: Services
    folder: Path
    topic: str = "tweets"

    def fill(self, texts: Sequence[str], **more: str) -> None:
        """Make the topics and write the posts, `more` in each."""
        with closing(KafkaAdminClient(bootstrap_servers=self.services.broker.address)) as admin:
            names = (self.topic, "suggestions", f"{self.topic}.dead-letter")
            admin.create_topics(
                {name: {"num_partitions": PARTITIONS} for name in names}, wait_for_metadata=True
            )
        producer = Producer({"bootstrap.servers": self.services.broker.address, "linger.ms": 20})
        for number, text in enumerate(texts):
            value = msgspec.json.encode({"id": str(number), "text": text, **more})
            producer.produce(self.topic, value, str(number).encode())
            producer.poll(0)
        producer.flush()

    def settings(self, **more: str | float) -> Settings:
        """Return the settings of a member of a new group."""
        return Settings(
            bootstrap_servers=self.services.broker.address,
            input_topic=self.topic,
            group=f"group-{secrets.token_hex(4)}",
            **{"memory": "off", **more},  # type: ignore[arg-type]
        )

    @contextmanager
    def member(self, settings: Settings) -> Iterator[tuple[Source, Sink, list[Record]]]:
        """Join; gives the first records too, at which all is set up."""
        with clients.member(settings) as (source, sink):
            first: list[Record] = []
            while not first:
                first = source.poll(settings.max_batch_size, 0.5)
            yield source, sink, first


@contextmanager
def backlog() -> Iterator[Backlog]:
    """Start services; all of it is gone after the block."""
    install()
    with TemporaryDirectory() as name, Services(Path(name) / "services") as services:
        yield Backlog(services, Path(name))


def written(post: LabelledPost, created_at: str | None) -> bytes:
    """Return a post with its hashtags, as a producer writes it."""
    fields = {"id": post.id, "text": post.text, "created_at": created_at}
    return msgspec.json.encode(
        {**fields, "author": post.author, "hashtags": list(post.spellings.values())}
    )


def texts(made: MadeUp, count: int) -> list[str]:
    """Return posts of the model's words."""
    words = made.words()
    return [" ".join(words[word - 2] for word in post) for post in made.posts(count)]
