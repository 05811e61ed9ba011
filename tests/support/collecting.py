"""Topics in memory that are collected, and collectors of their own processes on real services."""

import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)

from deploy.local.process import Process, wait_until
from tests.support.cli import trainer
from tests.support.inmemory import InMemorySource, InMemoryTopic
from tests.support.kills import at_random
from tests.support.streams import Stream
from trainer.collected import read
from trainer.collector import Collector
from trainer.post_files import PostFiles
from trainer.settings import CollectSettings
from trainer.window import Window
from worker.telemetry import Health

FIRST_DAY = datetime(2026, 1, 30, 12, tzinfo=UTC)
# A broker that has its first group makes a topic for the offsets first.
_COMING = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
Place = tuple[str, int, int]


class OwnedSource(InMemorySource):
    """A member of a group of its own, which can be closed."""

    membership: object = None

    def close(self) -> None:
        """Leave nothing behind."""


def value(number: int, day: int = 0, text: str = "off to the #sea") -> bytes:
    """Return a post of a day, as a producer writes it."""
    written = FIRST_DAY + timedelta(days=day, seconds=number)
    return msgspec.json.encode(
        {"id": str(number), "text": text, "created_at": written.isoformat(), "author": "me"}
    )


def collector(
    topic: InMemoryTopic, files: PostFiles, **settings: float | str | bool
) -> tuple[Collector, OwnedSource]:
    """Return a collector that begins where its group stopped."""
    source = OwnedSource(topic)
    chosen = CollectSettings(**settings)  # type: ignore[arg-type]
    return Collector(source, files, chosen, Health()), source


def collect(folder: Path, posts: Iterable[dict[str, str]], topic: str = "tweets") -> Path:
    """Collect posts, in this order."""
    source = InMemoryTopic(topic)
    for post in posts:
        source.append(msgspec.json.encode(post))
    one, _ = collector(source, PostFiles(str(folder)), flush_rows=50, max_batch_size=50)
    while not source.done:
        one.step()
        one.flush()
    return folder


def places(files: PostFiles, window: Window | None = None) -> Counter[Place]:
    """Return how often each record is read: by topic, partition and offset."""
    columns = ("topic", "partition", "offset")
    tables = (posts.to_pydict() for posts in read(files, window or Window(), columns))
    return Counter(place for rows in tables for place in zip(*rows.values(), strict=True))


@dataclass(frozen=True)
class Killed:
    """What kills left: posts sent, kills that came before the end of them, and what was read."""

    posts: int
    kills: int
    unfinished: int
    lost: int
    doubled: int
    wrong: int


@dataclass
class Collecting:
    """`trainer collect` on a stream: processes that share a group and a folder."""

    stream: Stream
    folder: Path
    started: list[Process] = field(default_factory=list)

    def log(self, number: int) -> Path:
        """What one of them said."""
        return self.stream.folder / f"collector-{number}.log"

    @property
    def group(self) -> str:
        return f"{self.stream.group}-collect"

    def start(self, **more: str | float | bool) -> Process:
        """Start one more collector."""
        settings: dict[str, str | float | bool] = {
            "bootstrap_servers": self.stream.addresses.kafka,
            "input_topic": self.stream.posts,
            "collect_group": self.group,
            "session_timeout": 6,
            "flush_seconds": 0.3,
            "max_batch_size": 100,
            **more,
        }
        flags: list[str] = []
        for name, chosen in settings.items():
            flag = f"--{name.replace('_', '-')}"
            flags += [flag] if chosen is True else [flag, str(chosen)]
        command = [sys.executable, "-m", "trainer", "collect", str(self.folder), *flags]
        with self.log(len(self.started)).open("ab") as log:
            self.started.append(Process.spawn(command, log, tethered=True))
        return self.started[-1]

    def committed(self) -> int:
        """Return how many records the group has committed."""
        try:
            return sum(self.stream.committed(self.group).values())
        except _COMING:
            return 0

    def until_committed(self, records: int) -> None:
        """Wait until the group has committed so many records."""
        done = wait_until(lambda: self.committed() >= records, 120)
        assert done, self.log(len(self.started) - 1).read_text()

    def kill_at_random(self, times: int, posts: int, seed: int) -> "Killed":
        """Kill a collector at random moments, its files being merged between, and then let one end.

        Before each kill `posts` are sent, of two days, all with a hashtag.
        """
        chance, sent, unfinished = random.Random(seed), 0, 0
        for _ in range(times):
            self.produce(posts, sent)
            sent += posts
            before = self.committed()
            process = self.start(flush_seconds=0.02, max_batch_size=20)
            # Not before it collects: the moments are to fall between a file and its commit too.
            self.until_committed(before + 100)
            at_random(chance, process.kill, 0.2)
            assert process.exit_code == -9
            unfinished += self.committed() < sent
            assert trainer("compact", self.folder).exit_code == 0
        self.produce(posts, sent)
        sent += posts
        self.start()
        self.until_committed(sent)
        assert self.stop()[-1] == 0
        found = self.ids()
        due = {str(number) for number in range(sent)}
        return Killed(
            posts=sent,
            kills=times,
            unfinished=unfinished,
            lost=len(due - found.keys()),
            doubled=found.total() - len(found),
            wrong=len(found.keys() - due),
        )

    def produce(self, count: int, first: int = 0) -> None:
        """Write posts of two days, all with a hashtag."""
        numbers = range(first, first + count)
        self.stream.produce((str(n).encode(), value(n, day=n % 2)) for n in numbers)

    def ids(self) -> Counter[str]:
        """Return how often each post is read."""
        tables = read(PostFiles(str(self.folder)), Window(), ("id",))
        return Counter(one for posts in tables for one in posts["id"].to_pylist())

    def collected(self, number: int) -> list[dict[str, Any]]:
        """Return what one of them told of each flush."""
        lines = (line for line in self.log(number).read_text().splitlines() if line[:1] == "{")
        return [one for one in map(msgspec.json.decode, lines) if one["event"] == "collected"]

    def stop(self) -> list[int | None]:
        """Let all that run finish; returns how each ended."""
        for process in self.started:
            process.stop()
        return [process.exit_code for process in self.started]
