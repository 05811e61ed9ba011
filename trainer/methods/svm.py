"""Linear SVM, one hashtag against the rest, on the mean of the word vectors of a post.

Features: the mean over the words with a vector, each of its dimensions standardised on the
training posts and divided by √d, so that a post has length one on average and C the scale that
LIBLINEAR's users know; and a constant one for the bias, regularised as `intercept_scaling=1`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from export.text import SPECIAL_WORDS
from trainer.algorithms.hinge import Point, Problem, solve
from trainer.arrays import load_arrays, save_arrays
from trainer.checkpoints import write_durably
from trainer.choosing import f1_at_1
from trainer.material import Material
from trainer.progress import progress
from trainer.ragged import Ragged
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.settings import FitSettings

PLANES, CHOICE = "planes.npz", "choice.json"
PENALTIES = (0.1, 1.0, 10.0)  # C: the grid that dev decides on
SAMPLE = 20_000  # training posts that it is decided with
TOLERANCE, PASSES = 0.02, 60  # of the duality gap, which is some ten times what is left to gain
_RANKED_AT_ONCE = 1_024


class Choice(msgspec.Struct, frozen=True):
    """C, F1@1 on dev of each that was tried, in per cent, and how near the optimum the end was.

    `objective` is that of all hashtags together, and at most `gap` above the least there is.
    """

    penalty: float
    dev_f1_at_1: dict[str, float]
    objective: float
    gap: float


@dataclass(frozen=True)
class Planes:
    """Word vectors [V, d]; weights [d, M] and biases [M] for their mean, as it is."""

    vectors: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]
    biases: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Standard:
    """Mean and scale [d] of the features, to be learned with and then to be forgotten."""

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    @classmethod
    def of(cls, means: npt.NDArray[np.float64]) -> "Standard":
        """Measure it on posts [posts, d]; a dimension that is always the same stays."""
        deviation = means.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0) * np.sqrt(means.shape[1])
        return cls(means.mean(axis=0), scale)

    def features(self, means: npt.NDArray[np.float64]) -> torch.Tensor:
        """Return what is learned from [posts, d + 1]."""
        standard = (means - self.mean) / self.scale
        return torch.from_numpy(np.pad(standard, ((0, 0), (0, 1)), constant_values=1.0)).float()

    def planes(self, vectors: npt.NDArray[np.float32], learned: torch.Tensor) -> Planes:
        """Return weights [d + 1, M] as they are for features that are not standardised."""
        own = learned.double().numpy()
        weights = own[:-1] / self.scale[:, None]
        return Planes(vectors, weights, own[-1] - self.mean @ weights)


class Svm:
    """Ranks by the distance from each hashtag's plane."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Choose C on dev with a sample of the training posts, and learn with it from all."""
        vectors, posts = material.vectors.matrix, readable(material.train)
        means = means_of(vectors, posts.ids)
        standard, hashtags = Standard.of(means), len(material.labels.hashtags)

        def learn(penalty: float, rows: npt.NDArray[np.int64]) -> tuple[Planes, Point]:
            features = standard.features(means[rows])
            problem = Problem(features, posts.labels.take(rows), hashtags, penalty)
            with progress(f"svm, passes, C {penalty:g}") as advance:
                found = solve(problem, TOLERANCE, PASSES, advance)
            return standard.planes(vectors, found.weights), found

        rows = np.arange(len(posts))
        some = np.random.default_rng(settings.seed).permutation(rows)[:SAMPLE]
        tried = {c: f1_at_1(cls(learn(c, some)[0]), material.dev) for c in PENALTIES}
        best = max(tried, key=tried.__getitem__)
        planes, found = learn(best, rows)
        ends = float(found.objective.sum()), float(found.gap.sum())
        choice = Choice(best, {str(penalty): f1 for penalty, f1 in tried.items()}, *ends)
        save_arrays(folder / PLANES, planes)
        write_durably(folder / CHOICE, msgspec.json.encode(choice) + b"\n")
        return cls(planes)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        return cls(load_arrays(folder / PLANES, Planes))

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the hashtags [posts, k] of the highest scores; without a known word all equal."""
        ranked = np.empty((len(posts), k), dtype=np.int64)
        for start in range(0, len(posts), _RANKED_AT_ONCE):
            rows = np.arange(start, min(start + _RANKED_AT_ONCE, len(posts)))
            ids = posts.ids.take(rows)
            scores = means_of(self._planes.vectors, ids) @ self._planes.weights
            scores += self._planes.biases
            scores[~has_known(ids)] = 0.0
            # In float32 nothing is left of the order of additions, which hangs on the batch.
            ranked[rows] = best_rows(scores.astype(np.float32), k)
        return ranked


def readable(posts: EncodedPosts) -> EncodedPosts:
    """Return the posts with a known word and a hashtag to learn."""
    return posts.take(np.flatnonzero(has_known(posts.ids) & (posts.labels.lengths > 0)))


def has_known(ids: Ragged) -> npt.NDArray[np.bool_]:
    """Tell of each post whether it has a word with a vector."""
    return np.array([(row >= len(SPECIAL_WORDS)).any() for row in ids], dtype=np.bool_)


def means_of(vectors: npt.NDArray[np.float32], ids: Ragged) -> npt.NDArray[np.float64]:
    """Return the mean of the vectors of each post's known words [posts, d], or zeros."""
    found = np.zeros((len(ids), vectors.shape[1]))
    for post, row in enumerate(ids):
        known = row[row >= len(SPECIAL_WORDS)]
        if len(known):
            found[post] = vectors[known].mean(axis=0, dtype=np.float64)
    return found
