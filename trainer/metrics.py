"""Ranking metrics: P, R, F1 and Hit at k, over all posts that have an answer.

P@k is hits / k and R@k hits / answers, each averaged over posts; F1@k is 2PR / (P + R) of the
averages. Answers that no model can reach count in R, and posts with none but those count too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.manifest import MetricRow

KS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Quality:
    """Precision, recall, F1 and hit rate at 1 to 5, each in [0, 1]."""

    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    hit: tuple[float, ...]

    def rows(self, split: str, protocol: str) -> list[MetricRow]:
        """Return a row a k, in per cent."""
        figures = zip(KS, self.precision, self.recall, self.f1, self.hit, strict=True)
        return [
            MetricRow(split, protocol, k, *(round(100 * value, 2) for value in values))
            for k, *values in figures
        ]


def measure(hits: npt.NDArray[np.bool_], gold: npt.ArrayLike) -> Quality:
    """Score rankings.

    `hits` [posts, 5] tells whether each rank is an answer; `gold` [posts] how many answers a
    post has in all, at least one.
    """
    found = hits.astype(float).cumsum(axis=1)
    precision = (found / np.array(KS)).mean(axis=0)
    recall = (found / np.asarray(gold, dtype=float)[:, None]).mean(axis=0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    hit = (found > 0).mean(axis=0)
    return Quality(*(tuple(values.tolist()) for values in (precision, recall, f1, hit)))
