"""A group of workers under load, while something breaks: what was lost, doubled or wrong?"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from confluent_kafka import Producer

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from export.text import canonical_hashtag
from tests.support.streams import Answers, Stream, post
from worker.predictor import Predictor

TIE = 1e-5  # hashtags whose probabilities differ by less may change places
REPEATED = 0.2  # share of posts whose text was there before, for the cache


@dataclass
class Load:
    """Produces posts at a steady rate from a thread, each exactly once, whatever the broker does.

    `sent` has the text of each by its id.
    """

    stream: Stream
    texts: Sequence[str]
    rate: float = 200.0
    sent: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._chance = random.Random(3)
        self._producer = self.producer()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(120) == 0, "the load was not taken"

    def producer(self) -> Producer:
        """Return a producer that tries for ever, and writes no record twice."""
        return Producer(
            {
                "bootstrap.servers": self.stream.addresses.kafka,
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "linger.ms": 20,
                "reconnect.backoff.max.ms": 1_000,
                "error_cb": lambda _: None,
                "log_level": 2,  # a broker that is gone is what these runs are about
            }
        )

    def to_partition(self, partition: int, count: int) -> None:
        """Write posts to one partition, as fast as it takes them."""
        producer = self.producer()
        producer.list_topics(self.stream.posts)
        for number in range(count):
            identity, text = f"p{partition}-{number}", self._text(number)
            producer.produce(
                self.stream.posts, post(identity, text), identity.encode(), partition=partition
            )
            self.sent[identity] = text
        assert producer.flush(60) == 0, "the new partition took nothing"

    def _text(self, number: int) -> str:
        """Return a text of its own, or now and then one that was there before."""
        own = number if self._chance.random() > REPEATED else self._chance.randrange(number + 1)
        return f"{self.texts[own % len(self.texts)]} {own}"

    def _run(self) -> None:
        started, number = time.monotonic(), 0
        while not self._stop.wait(0.05):
            due = int((time.monotonic() - started) * self.rate)
            for one in range(number, due):
                identity, text = str(one), self._text(one)
                self._producer.produce(self.stream.posts, post(identity, text), identity.encode())
                self.sent[identity] = text
            number = max(number, due)
            self._producer.poll(0)


@dataclass(frozen=True)
class Verdict:
    """What became of the posts."""

    posts: int
    lost: int
    doubled: int
    wrong: int


def judge(answers: Answers, sent: Mapping[str, str], predictor: Predictor) -> Verdict:
    """Compare what came out with what went in, and with the offline predictor."""
    answers.rest()
    counts = answers.counts
    scores = expected(predictor, sorted(set(sent.values())))
    wrong = 0
    for answer in answers:
        due = scores[sent[answer.id]]
        given = [canonical_hashtag(one.hashtag) for one in answer.suggestions]
        best = list(due.values())
        wrong += not all(
            name in due and abs(due[name] - best[rank]) <= TIE for rank, name in enumerate(given)
        )
    return Verdict(
        posts=len(sent),
        lost=len(sent.keys() - counts.keys()),
        doubled=sum(counts.values()) - len(counts),
        wrong=wrong,
    )


def expected(predictor: Predictor, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the probability of each hashtag that the predictor ranks, best first, by text."""
    found = {}
    for text, one in zip(texts, predictor.predict(predictor.encode(texts)), strict=True):
        names = [predictor.hashtags[row].canonical for row in one.hashtags.tolist()]
        found[text] = dict(zip(names, one.scores.tolist(), strict=True))
    return found


def group(stream: Stream, bundle: Path, count: int = 2) -> list[WorkerProcess]:
    """Start a group and wait until all of it is ready."""
    workers = [stream.worker(bundle=str(bundle)) for _ in range(count)]
    return [worker.wait_ready() for worker in workers]


def let_flow(load: Load, answers: Answers, posts: int = 200) -> None:
    """Wait until so many posts that are sent from now on are all answered, by whoever reads them.

    They fall on every partition, so those of a worker that died were taken over by then.
    """
    first = len(load.sent)
    assert wait_until(lambda: len(load.sent) >= first + posts, 60)
    answers.until_answered([str(number) for number in range(first, first + posts)])


def until_gone(worker: WorkerProcess, within: float = 60.0) -> None:
    """Wait for a worker that is to end by itself."""
    assert worker.process is not None
    assert worker.process.wait(within), "the crash point was not reached"


def at_random(chance: random.Random, action: Callable[[], None], longest: float = 2.0) -> None:
    """Do something at a random moment."""
    time.sleep(chance.uniform(0, longest))
    action()
