"""Predict, then add: what would have been suggested for each post at its time?"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.metrics import Quality, measure
from trainer.results import EvidenceRow
from trainer.significance import Interval, PostScores, interval
from trainer.timeline import Moment
from worker.fusion import fuse
from worker.memory import Memory, Votes
from worker.memory_entries import Entry
from worker.predictor import Predictor
from worker.quality import RANKS, Score, score

Probabilities = Mapping[str, float]
STATIC, MEMORY, FUSED = "static", "memory", "fused"


@dataclass(frozen=True)
class Delay:
    """How late a post is seen by the memory: after so many more posts, and so many seconds."""

    posts: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        told = [f"{self.posts} posts"] * bool(self.posts) + [f"{self.seconds:g} s"] * bool(
            self.seconds
        )
        return ", ".join(told) or "none"


NO_DELAY = Delay()


def votes(
    entries: Sequence[Entry],
    asked: Sequence[int],
    memories: Sequence[Memory],
    delay: Delay = NO_DELAY,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Votes, ...]]:
    """Yield what each memory says of the entries of the rows `asked`, at their time.

    The entries are in the order of time; `memories` are one memory with different rules.
    """
    times = [entry.time for entry in entries]
    added = 0
    for row in asked:
        seen = row - delay.posts
        if delay.seconds:
            seen = min(seen, bisect_right(times, times[row] - delay.seconds))
        if seen > added:
            # One whose hashtags are all too long to be remembered has none left.
            memories[0].add([entry for entry in entries[added:seen] if entry.hashtags])
            added = seen
        yield tuple(memory.look_up([entries[row]])[0] for memory in memories)
        advance(1)


def probabilities(predictor: Predictor, texts: Sequence[str]) -> list[Probabilities]:
    """Return the most probable hashtags of each text by the model that is served."""
    inputs = predictor.encode(texts)
    answers = iter(predictor.predict([item for item in inputs if not item.empty]))
    found: list[Probabilities] = []
    for item in inputs:
        if item.empty:
            found.append({})
            continue
        answer = next(answers)
        names = (predictor.hashtags[row].canonical for row in answer.hashtags)
        found.append(dict(zip(names, answer.scores.tolist(), strict=True)))
    return found


def fused(found: Votes, model: Probabilities, weight: float) -> list[str]:
    """Return the hashtags that both together suggest, the best first."""
    return [one.hashtag for one in islice(fuse(found.shares, model, weight), RANKS)]


def of_each_method(found: Votes, model: Probabilities, weight: float) -> dict[str, list[str]]:
    """Return what the model alone, the memory alone, and both together suggest for a post."""
    return {
        STATIC: list(model)[:RANKS],
        MEMORY: list(found.shares)[:RANKS],
        FUSED: fused(found, model, weight),
    }


@dataclass(frozen=True)
class Scores:
    """Hits [posts, 5], and how many hashtags each post has [posts]."""

    hits: npt.NDArray[np.bool_]
    gold: npt.NDArray[np.int64]

    @classmethod
    def of(cls, suggested: Sequence[Sequence[str]], moments: Sequence[Moment]) -> "Scores":
        """Score what was suggested for posts."""
        rows: list[Score] = [
            score(best, moment.post.spellings)
            for best, moment in zip(suggested, moments, strict=True)
        ]
        hits = np.array([row.hits for row in rows], dtype=np.bool_).reshape(len(rows), RANKS)
        return cls(hits, np.array([row.hashtags for row in rows], dtype=np.int64))

    def take(self, rows: npt.NDArray[np.int64]) -> "Scores":
        """Return those of some posts."""
        return Scores(self.hits[rows], self.gold[rows])

    @property
    def quality(self) -> Quality:
        """All metrics at 1 to 5."""
        return measure(self.hits, self.gold)

    @property
    def first(self) -> PostScores:
        """P@1 and R@1 of each post, to be compared with another's."""
        return PostScores.of(self.hits[None, :, 0], self.gold)

    @property
    def interval(self) -> Interval:
        """F1@1 with its bootstrap interval, in per cent."""
        return interval(self.first)


class ReplayedRow(EvidenceRow, frozen=True, kw_only=True):
    """What a replay comes to on some test posts; figures in per cent.

    `protocol` is the order of the posts; `low` and `high` are the bounds of F1@1's bootstrap
    interval; `model` is the method that learned. Text is always without hashtags.
    """

    f1_1: float
    f1_5: float
    hit_5: float
    low: float
    high: float
    posts: int
    subset: str
    model: str


def figures(scores: Scores) -> dict[str, Any]:
    """Return the fields of a row that tell how good the answers are."""
    quality, bounds = scores.quality, scores.interval
    return {
        "f1_1": round(100 * quality.f1[0], 2),
        "f1_5": round(100 * quality.f1[-1], 2),
        "hit_5": round(100 * quality.hit[-1], 2),
        "low": bounds.low,
        "high": bounds.high,
        "posts": len(scores.gold),
    }
