"""The ways in which a corpus is replayed, and the posts on which each is judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.replay import NO_DELAY, Delay
from trainer.timeline import SIDE_BY_SIDE, TIME_ORDER, Clock, Moment
from worker.signals import SIGNALS, Signal

SIGNAL_SETS: tuple[tuple[Signal, ...], ...] = tuple(SIGNALS[: n + 1] for n in range(len(SIGNALS)))
DELAYS = (
    *(Delay(posts=posts) for posts in (100, 1_000, 10_000)),
    *(Delay(seconds=seconds) for seconds in (60.0, 600.0, 3_600.0, 86_400.0)),
)
PARTS = 20  # of the test posts in their order, for the picture
_AGES = (("under an hour", 3_600.0), ("under a day", 86_400.0), ("older", np.inf))
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """One replay: which clock, which signals, guarded or not, how late, without which sources."""

    protocol: Clock = TIME_ORDER
    signals: tuple[Signal, ...] = SIGNALS
    guards: bool = True
    without: tuple[str, ...] = ()
    delay: Delay = NO_DELAY

    def __str__(self) -> str:
        """Return what differs from a replay of all posts, guarded and at once."""
        told: list[str] = [self.protocol]
        if not self.guards:
            told.append("no guards")
        if self.delay != NO_DELAY:
            told.append(f"{self.delay} late")
        if self.without:
            told.append(f"without {', '.join(self.without)}")
        return ", ".join(told)

    @property
    def pictured(self) -> bool:
        """Whether its figures over time are kept."""
        return self.signals == SIGNALS and self.guards and self.delay == NO_DELAY


def ways(without: tuple[str, ...]) -> Iterator[Way]:
    """Yield every way; `without` are sources left out in some of them."""
    for signals, guards in product(SIGNAL_SETS, (False, True)):
        yield Way(signals=signals, guards=guards)
    orders = product((TIME_ORDER, SIDE_BY_SIDE), dict.fromkeys([(), without]))
    for (protocol, left_out), signals in product(orders, SIGNAL_SETS):
        if (protocol, left_out) != (TIME_ORDER, ()):
            yield Way(protocol, signals, without=left_out)
    for delay in DELAYS:
        yield Way(delay=delay)


def subsets(
    way: Way, moments: Sequence[Moment], asked: Sequence[int], repeats: frozenset[str]
) -> Mapping[str, _Rows]:
    """Return rows of the answered posts by what they have in common, all of them first.

    Sources, ages and parts are told where all signals are read.
    """
    found: dict[str, list[int]] = {"all": list(range(len(asked)))}
    if way.delay == NO_DELAY:
        ages = _ages(moments, asked)
        for row, (at, age) in enumerate(zip(asked, ages, strict=True)):
            post = moments[at].post
            if repeats and post.id not in repeats:
                found.setdefault("without near repeats", []).append(row)
            if way.signals != SIGNALS:
                continue
            if post.source is not None:
                found.setdefault(f"source {post.source}", []).append(row)
            found.setdefault(f"hashtag {age}", []).append(row)
            if way.pictured:
                found.setdefault(part_of(row, len(asked)), []).append(row)
    return {name: np.array(rows, dtype=np.int64) for name, rows in found.items()}


def part_of(row: int, posts: int) -> str:
    """Name the part of the test posts, in their order, that a row is in."""
    return f"part {1 + PARTS * row // posts:02} of {PARTS}"


def _ages(moments: Sequence[Moment], asked: Sequence[int]) -> list[str]:
    """Return how long before a post the first of its hashtags was first used, in words."""
    first: dict[str, float] = {}
    wanted, found = set(asked), []
    for row, moment in enumerate(moments):
        known = [first[tag] for tag in moment.post.hashtags if tag in first]
        if row in wanted:
            age = moment.time - min(known) if known else None
            found.append(
                "unseen" if age is None else next(name for name, most in _AGES if age < most)
            )
        for tag in moment.post.hashtags:
            first.setdefault(tag, moment.time)
    return found


def near_repeats(corpus: Path) -> frozenset[str]:
    """Return the ids of test posts that nearly repeat a training post, where the corpus tells."""
    file = corpus / "test_near_dup_of_train_ids.txt"
    return frozenset(file.read_text().split()) if file.exists() else frozenset()
