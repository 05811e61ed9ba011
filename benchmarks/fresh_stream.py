"""A stream on real services from which models are collected for, learned, served and replaced."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka import KafkaProducer

from benchmarks.stream import PARTITIONS, written
from deploy.demo.stream import Received, Topics, receive
from deploy.local.process import Process, ServiceError
from deploy.local.worker import WorkerProcess
from export.registry import CHAMPION, Registry
from trainer.collected import read
from trainer.corpus import LabelledPost
from trainer.post_files import PostFiles
from trainer.window import Window
from worker.settings import Settings
from worker.topics import broker, ensure_topics, needed

START, SPAN = datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=30)
COLLECTED_WITHIN = 120.0  # seconds without a further post


@dataclass(frozen=True)
class FreshStream:
    """Posts in their order as a stream of a month; `name` begins its topics and groups.

    What is learned stays in `folder`: where the same posts come again, it is found again.
    """

    brokers: str
    name: str
    folder: Path
    posts: Sequence[LabelledPost]

    @property
    def registry(self) -> Registry:
        """Where the models are."""
        return Registry(self.folder / "registry")

    def begin(self) -> None:
        """Forget what an interrupted stream left, but for what was learned; make the topics."""
        for name in ("collected", "registry/history"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for output in ("kept", "served"):
            topics = self._topics(output)
            settings = Settings(
                bootstrap_servers=self.brokers,
                input_topic=topics.posts,
                output_topic=topics.suggestions,
                memory="off",
                create_topics=True,
                partitions=PARTITIONS,
            )
            with broker(settings) as admin:
                ensure_topics(admin, settings, needed(settings))

    def time(self, row: int) -> datetime:
        """Return when a post is written."""
        return START + SPAN * row / len(self.posts)

    def send(self, rows: range) -> None:
        """Send posts in their order; all are acknowledged when it returns."""
        producer = KafkaProducer(bootstrap_servers=self.brokers, acks="all", linger_ms=5)
        futures = []
        for row in rows:
            post = self.posts[row]
            value = written(post, self.time(row).isoformat())
            futures.append(producer.send(self._topics().posts, key=post.id.encode(), value=value))
        producer.flush()
        for future in futures:
            future.get(timeout=60)
        producer.close()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect what is sent inside the block."""
        flags = {
            "bootstrap-servers": self.brokers,
            "input-topic": self._topics().posts,
            "collect-group": f"{self.name}-collect",
            "flush-seconds": "1",
        }
        given = [part for name, value in flags.items() for part in (f"--{name}", value)]
        command = [*_TRAINER, "collect", str(self.folder / "collected"), *given]
        with (self.folder / "collect.log").open("ab") as log:
            process = Process.spawn(command, log, tethered=True)
        try:
            yield
        finally:
            process.stop()

    def until_collected(self, posts: int) -> None:
        """Wait until so many posts are collected; raises `ServiceError` where no more come."""
        files, found, heard = PostFiles(str(self.folder / "collected")), 0, time.monotonic()
        while found < posts:
            time.sleep(0.5)
            before, found = found, sum(len(some) for some in read(files, Window(), ("offset",)))
            heard = time.monotonic() if found > before else heard
            if time.monotonic() - heard > COLLECTED_WITHIN:
                log = self.folder / "collect.log"
                raise ServiceError(f"{found} of {posts} posts are collected; see {log}")

    def retraining(self, rows: range, flags: Sequence[str]) -> "Retraining":
        """Let `trainer retrain` learn from posts, of which the newest tenth judges."""
        between = ("--between", self.time(rows.start).isoformat(), self.time(rows.stop).isoformat())
        places = (self.folder / "collected", self.registry.root, "--work", self.folder / "work")
        command = [*_TRAINER, "retrain", *map(str, places), *between, *flags]
        return Retraining(self.registry, command, self.folder / "retrain.log")

    @contextmanager
    def workers(
        self, count: int, output: str, **model: str | float
    ) -> Iterator[list[WorkerProcess]]:
        """Give workers of a group of their own, which answer what is sent from now on."""
        settings: dict[str, str | float] = {
            "bootstrap_servers": self.brokers,
            "group": f"{self.name}-{output}",
            "input_topic": self._topics().posts,
            "output_topic": self._topics(output).suggestions,
            "start": "latest",
            "memory": "off",
            "cache": "none",
            "keep_present": True,
            **model,
        }
        logs = [self.folder / f"{output}-{number}.log" for number in range(count)]
        workers = [WorkerProcess(log, settings).start() for log in logs]
        try:
            yield [worker.wait_ready() for worker in workers]
        finally:
            for worker in workers:
                worker.stop()

    def received(self, output: str, rows: range) -> Received:
        """Return what a group of workers answered to posts."""
        expected = {self.posts[row].id for row in rows}
        return receive(self.brokers, self._topics(output), expected, time.monotonic())

    def _topics(self, output: str = "served") -> Topics:
        return Topics(f"{self.name}-tweets", f"{self.name}-{output}")


_TRAINER = [sys.executable, "-m", "trainer"]


class Retraining:
    """A `trainer retrain` under way."""

    def __init__(self, registry: Registry, command: Sequence[str], log: Path) -> None:
        self._registry, self._log = registry, log
        with log.open("ab") as said:
            self._process = Process.spawn(command, said, tethered=True)

    @property
    def runs(self) -> bool:
        """Whether it learns and judges still."""
        return self._process.alive

    def champion(self) -> str:
        """Return the digest of what was promoted; raises `ServiceError` where nothing was."""
        while self.runs:
            time.sleep(0.1)
        if code := self._process.exit_code:
            raise ServiceError(f"trainer retrain ended with {code}; see {self._log}")
        return self._registry.aliases()[CHAMPION]
