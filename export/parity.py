"""Does one implementation of the model repeat another? Named errors say what differs.

Used when a graph is exported (ONNX against gensim and torch) and whenever a bundle is loaded
(this machine against the golden examples).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.errors import RankingParityError, ScoreParityError, TopicParityError
from export.manifest import Tolerance

STRICT_RANKS = 5
ENOUGH = 200  # posts that tell a share; of fewer, as the golden ones, each must be near

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Answer:
    """What a model says of one post: θ [K], hashtag rows [k] best first, their scores [k]."""

    theta: FloatArray
    hashtags: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class Difference:
    """The largest absolute differences over a set of answers.

    `best` is the share of posts whose first hashtag is the same.
    """

    theta: float
    scores: float
    best: float


def compare(expected: list[Answer], actual: list[Answer], tolerance: Tolerance) -> Difference:
    """Return how far `actual` is from `expected`, each row by row.

    Raises `TopicParityError`, `ScoreParityError` or `RankingParityError` (among the first five
    ranks, ties aside, or too often in the first one) where they differ by more than the tolerance.
    """
    if len(expected) != len(actual):
        raise RankingParityError(f"{len(actual)} answers for {len(expected)} posts")
    theta = scores = 0.0
    missed = 0
    for row, (one, other) in enumerate(zip(expected, actual, strict=True)):
        difference = _largest(one.theta, other.theta)
        if not difference <= tolerance.theta:  # not `>`, which is false of NaN
            raise TopicParityError(
                f"post {row}: θ differs by {difference:.2g} > {tolerance.theta:.2g}"
            )
        theta = max(theta, difference)
        difference = _largest(one.scores, other.scores)
        if not difference <= tolerance.scores:
            raise ScoreParityError(
                f"post {row}: scores differ by {difference:.2g} > {tolerance.scores:.2g}"
            )
        scores = max(scores, difference)
        _check_ranking(row, one, other, tolerance.ties)
        missed += int(one.hashtags[0] != other.hashtags[0])
    if tolerance.best < 1.0 and len(expected) >= ENOUGH and missed > _may_miss(tolerance, expected):
        raise RankingParityError(
            f"the first hashtag differs for {missed} of {len(expected)} posts, and may for "
            f"{_may_miss(tolerance, expected)}"
        )
    return Difference(theta, scores, 1.0 - missed / max(1, len(expected)))


def _may_miss(tolerance: Tolerance, expected: list[Answer]) -> int:
    return round((1.0 - tolerance.best) * len(expected))


def _largest(one: FloatArray, other: FloatArray) -> float:
    if one.shape != other.shape:
        return float("inf")
    return float(np.abs(one - other).max(initial=0.0))


def _check_ranking(row: int, expected: Answer, actual: Answer, ties: float) -> None:
    scores = dict(zip(expected.hashtags.tolist(), expected.scores.tolist(), strict=True))
    for rank, hashtag in enumerate(actual.hashtags[:STRICT_RANKS].tolist()):
        due = float(expected.scores[rank])
        # A hashtag below the last rank scores at most what the last one does.
        if abs(scores.get(hashtag, float(expected.scores[-1])) - due) > ties:
            raise RankingParityError(
                f"post {row}, rank {rank + 1}: hashtag {hashtag} "
                f"instead of {int(expected.hashtags[rank])}"
            )
