"""A group of workers under load, while something breaks: what was lost, doubled or wrong?"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from export.text import canonical_hashtag
from tests.support.streams import Answers, Stream
from worker.predictor import Predictor

TIE = 2e-4  # scores are printed to four decimals


@dataclass
class Load:
    """Produces posts at a steady rate from a thread, until told to stop."""

    stream: Stream
    texts: Sequence[str]
    rate: float = 200.0
    sent: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        chance = random.Random(3)
        batch = max(1, int(self.rate / 10))
        while not self._stop.wait(batch / self.rate):
            number = len(self.sent)
            # No two texts are equal, so every post passes through the graph.
            posts = {
                str(number + i): f"{chance.choice(self.texts)} {number + i}" for i in range(batch)
            }
            self.stream.produce_posts(posts)
            self.sent |= posts


@dataclass(frozen=True)
class Verdict:
    """What became of the posts."""

    posts: int
    lost: int
    duplicates: int
    wrong: int


def judge(answers: Answers, sent: dict[str, str], predictor: Predictor) -> Verdict:
    """Compare what came out with what went in, and with the offline predictor."""
    answers.rest()
    counts = answers.counts
    rankings = expected(predictor, sent)
    wrong = 0
    for answer in answers:
        ranked = rankings[answer.id]
        for suggestion, (hashtag, score) in zip(answer.suggestions, ranked, strict=False):
            same = canonical_hashtag(suggestion.hashtag) == hashtag
            wrong += not same and abs(suggestion.score - score) > TIE
    return Verdict(
        posts=len(sent),
        lost=len(sent.keys() - counts.keys()),
        duplicates=sum(counts.values()) - len(counts),
        wrong=wrong,
    )


def expected(predictor: Predictor, sent: dict[str, str]) -> dict[str, list[tuple[str, float]]]:
    """Return what the predictor says offline, best first, by id."""
    predictions = predictor.predict(predictor.encode(list(sent.values())))
    return {
        identity: [
            (predictor.hashtags[row].canonical, score)
            for row, score in zip(p.hashtags.tolist(), p.scores.tolist(), strict=True)
        ]
        for identity, p in zip(sent, predictions, strict=True)
    }


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
