"""Nearest neighbours: the most similar training posts vote for their hashtags."""

from itertools import product
from pathlib import Path
from typing import ClassVar, Self

import msgspec
import numpy as np
from scipy.sparse import csr_array

from trainer.algorithms.index import Index, Sizes
from trainer.arrays import load_arrays, save_arrays
from trainer.checkpoints import write_durably
from trainer.material import Material
from trainer.metrics import measure
from trainer.progress import progress
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.scoring import hits_of, padded_ranks
from trainer.settings import FitSettings

POSTS, CHOICE = "posts.npz", "choice.json"
NEIGHBOURS, POWERS = (20, 40, 80, 160, 320), (1, 2, 3, 4)  # the grid that dev decides on
_RANKED_AT_ONCE = 512  # posts whose shares of all hashtags are held


class Choice(msgspec.Struct, frozen=True):
    """How many posts vote with which power, and what F1@1 on dev that gives, in per cent."""

    sizes: Sizes
    neighbours: int
    power: int
    dev_f1_at_1: float


class Neighbours:
    """The most similar training posts vote for their hashtags with a power of their similarity.

    Posts without a hashtag to learn have no vote.
    """

    reads_context: ClassVar[bool] = False

    def __init__(self, index: Index, choice: Choice) -> None:
        self._index = index
        self._choice = choice

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Keep the training posts, and choose on dev how they vote."""
        del settings
        context = material.text.reader.context.get_vocab_size() if cls.reads_context else 0
        sizes = Sizes(material.words, context, len(material.labels.hashtags))
        known, dev = material.train.take(material.train.learnable()), material.dev
        index = Index(known, sizes)
        with progress("neighbours, posts", len(dev)) as advance:
            nearest = index.nearest(dev.inputs, max(NEIGHBOURS), advance)
        tried = []
        for k, power in product(NEIGHBOURS, POWERS):
            best = padded_ranks(_ranked(index.shares(nearest, k, power), 1))
            tried.append((measure(hits_of(best, dev.labels), dev.gold).f1[0], k, power))
        f1, k, power = max(tried, key=lambda figures: figures[0])
        choice = Choice(sizes, k, power, 100 * f1)
        save_arrays(folder / POSTS, known)
        write_durably(folder / CHOICE, msgspec.json.encode(choice) + b"\n")
        return cls(index, choice)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(Index(load_arrays(folder / POSTS, EncodedPosts), choice.sizes), choice)

    def shares(self, posts: Inputs) -> csr_array:
        """Return each hashtag's share of the votes [posts, M]: one in all, or zero without any."""
        nearest = self._index.nearest(posts, self._choice.neighbours)
        return self._index.shares(nearest, self._choice.neighbours, self._choice.power)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the hashtags [posts, k] of the most votes; the most frequent ones fill up."""
        return _ranked(self.shares(posts), k)


class NeighboursWithContext(Neighbours):
    """Reads mentions and the words of links as well."""

    reads_context = True


def _ranked(shares: csr_array, k: int) -> Rows:
    starts = range(0, max(shares.shape[0], 1), _RANKED_AT_ONCE)
    return np.concatenate(
        [best_rows(shares[start : start + _RANKED_AT_ONCE].toarray(), k) for start in starts]
    )
