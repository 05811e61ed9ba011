"""How sure is a difference? Intervals and tests that resample the posts of the test split."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

RESAMPLES = 2_000
CONFIDENCE = 0.95
_DRAWN_AT_ONCE = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PostScores:
    """P@1 and R@1 of each post [posts], averaged over the seeds of a method."""

    precision: Floats
    recall: Floats

    @classmethod
    def of(cls, hits: npt.NDArray[np.bool_], gold: npt.NDArray[np.int64]) -> "PostScores":
        """Return the scores from hits [seeds, posts] of the first rank and gold counts [posts]."""
        precision = hits.astype(np.float64).mean(axis=0)
        return cls(precision, precision / gold)

    @property
    def f1(self) -> float:
        """F1@1 of the averages, in [0, 1]."""
        return float(_f1(self.precision.mean(), self.recall.mean()))


@dataclass(frozen=True)
class Interval:
    """A value and the bounds between which 95 % of the resamples lie, in per cent."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """F1@1 of one method less another's, and how likely chance alone would bring it.

    `p_bootstrap` is two-sided, at least 1 / resamples; `p_t_test` is the paired t-test's on the
    posts' hits, as in the paper.
    """

    interval: Interval
    p_t_test: float
    p_bootstrap: float


def interval(scores: PostScores, seed: int = 0) -> Interval:
    """Return F1@1 with its bootstrap interval (percentile method, Efron 1979)."""
    return _interval(scores.f1, _resampled(scores, seed))


def difference(one: PostScores, other: PostScores, seed: int = 0) -> Difference:
    """Compare two methods on the same posts, resampled together (paired bootstrap)."""
    drawn = _resampled(one, seed) - _resampled(other, seed)
    below = (drawn <= 0).mean()
    p = 2 * min(below, (drawn >= 0).mean())
    if np.array_equal(one.precision, other.precision):
        p_t_test = 1.0  # no difference has no variance either
    else:
        p_t_test = float(stats.ttest_rel(one.precision, other.precision).pvalue)
    return Difference(
        _interval(one.f1 - other.f1, drawn), p_t_test, float(min(1.0, max(p, 1 / RESAMPLES)))
    )


def lower_bound(one: PostScores, other: PostScores, seed: int = 0) -> float:
    """Return what F1@1 of one method less another's surely exceeds, in per cent.

    95 % of the paired resamples do: one-sided.
    """
    drawn = _resampled(one, seed) - _resampled(other, seed)
    return round(100 * float(np.percentile(drawn, 100 * (1 - CONFIDENCE))), 2)


def _interval(value: float, drawn: Floats) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(*(round(100 * float(part), 2) for part in (value, low, high)))


def _resampled(scores: PostScores, seed: int) -> Floats:
    """Return F1@1 of each resample; equal seeds draw equal posts."""
    random = np.random.default_rng(seed)
    posts = len(scores.precision)
    values = np.stack([scores.precision, scores.recall], axis=1)
    found = []
    for _ in range(RESAMPLES // _DRAWN_AT_ONCE):
        rows = random.integers(posts, size=(_DRAWN_AT_ONCE, posts), dtype=np.int32)
        counts = np.stack([np.bincount(row, minlength=posts) for row in rows])
        precision, recall = (counts @ values / posts).T
        found.append(_f1(precision, recall))
    return np.concatenate(found)


def _f1(precision: npt.ArrayLike, recall: npt.ArrayLike) -> Floats:
    both = np.asarray(precision) + np.asarray(recall)
    product = 2.0 * np.asarray(precision) * np.asarray(recall)
    f1: Floats = np.divide(product, both, out=np.zeros_like(product), where=both > 0)
    return f1
