"""Nearest neighbours: the most similar training posts vote for their hashtags."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from export.text import UNKNOWN_ID
from trainer.arrays import load_arrays, save_arrays
from trainer.material import Material
from trainer.metrics import measure
from trainer.progress import progress
from trainer.ragged import Ragged
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.scoring import hits_of, padded_ranks
from trainer.settings import FitSettings

POSTS, CHOICE = "posts.npz", "choice.json"
NEIGHBOURS, POWERS = (20, 40, 80, 160), (1, 2, 3)  # the grid that dev decides on
_COMPARED_AT_ONCE = 64  # posts whose similarities to all training posts are held
_RANKED_AT_ONCE = 512  # posts whose shares of all hashtags are held


class Choice(msgspec.Struct, frozen=True):
    """How many ids there are, how the posts vote, and what F1@1 on dev that gives, in per cent.

    `context` is zero where mentions and links are not read.
    """

    words: int
    context: int
    hashtags: int
    neighbours: int = 0
    power: int = 0
    dev_f1_at_1: float = 0.0


class Nearest(NamedTuple):
    """Similarities [posts, k], falling, and whose they are; zeros where no more are similar."""

    similarities: npt.NDArray[np.float32]
    rows: Rows


class Index:
    """Posts as unit vectors, weighted as scikit-learn's `TfidfVectorizer(sublinear_tf=True)` does.

    A word of a post has the weight (1 + ln tf)(1 + ln((1 + n) / (1 + df))), an unknown word none.
    """

    def __init__(self, posts: EncodedPosts, sizes: Choice) -> None:
        self._sizes = sizes
        self._labels = _counts(posts.labels, sizes.hashtags)
        counts = self._tokens(posts.inputs)
        seen = np.bincount(counts.indices, minlength=sizes.words + sizes.context)
        self._idf = np.where(seen > 0, 1 + np.log((1 + len(posts)) / (1 + seen)), 0.0)
        unknown = [UNKNOWN_ID, sizes.words + UNKNOWN_ID] if sizes.context else [UNKNOWN_ID]
        self._idf[unknown] = 0.0
        self._vectors = self._weighted(counts).T.tocsr()

    def nearest(
        self, posts: Inputs, k: int, advance: Callable[[int], None] = lambda _: None
    ) -> Nearest:
        """Return the `k` most similar of the index's posts; of equal ones the first."""
        vectors = self._weighted(self._tokens(posts))
        similarities = np.zeros((len(posts), k), dtype=np.float32)
        rows = np.zeros((len(posts), k), dtype=np.int64)
        for start in range(0, len(posts), _COMPARED_AT_ONCE):
            found = csr_array(vectors[start : start + _COMPARED_AT_ONCE] @ self._vectors)
            for post in range(found.shape[0]):
                of = slice(found.indptr[post], found.indptr[post + 1])
                best = _largest(found.data[of], found.indices[of], k)
                similarities[start + post, : len(best)] = found.data[of][best]
                rows[start + post, : len(best)] = found.indices[of][best]
            advance(found.shape[0])
        return Nearest(similarities, rows)

    def shares(self, nearest: Nearest, neighbours: int, power: int) -> csr_array:
        """Return each hashtag's share [posts, M] of the votes of so many neighbours."""
        weights = nearest.similarities[:, :neighbours].astype(np.float64) ** power
        posts, width = weights.shape
        cells = weights.ravel(), nearest.rows[:, :width].ravel(), np.arange(posts + 1) * width
        votes = csr_array(csr_array(cells, (posts, self._labels.shape[0])) @ self._labels)
        votes.eliminate_zeros()
        return _divided(votes, votes.sum(axis=1))

    def _tokens(self, posts: Inputs) -> csr_array:
        """Return how often a post has each token [posts, T], the context's after the words."""
        words = _counts(posts.ids, self._sizes.words)
        if not self._sizes.context:
            return words
        return csr_array(hstack([words, _counts(posts.context, self._sizes.context)]))

    def _weighted(self, counts: csr_array) -> csr_array:
        weights = (1 + np.log(counts.data)) * self._idf[counts.indices]
        found = csr_array((weights, counts.indices, counts.indptr), counts.shape)
        found.eliminate_zeros()
        return _divided(found, np.sqrt((found * found).sum(axis=1))).astype(np.float32)


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
        sizes = Choice(material.words, context, len(material.labels.hashtags))
        known, dev = material.train.take(material.train.learnable()), material.dev
        index = Index(known, sizes)
        with progress("neighbours, posts", len(dev)) as advance:
            nearest = index.nearest(dev.inputs, max(NEIGHBOURS), advance)
        tried = []
        for k, power in product(NEIGHBOURS, POWERS):
            best = padded_ranks(_ranked(index.shares(nearest, k, power), 1))
            tried.append((measure(hits_of(best, dev.labels), dev.gold).f1[0], k, power))
        f1, k, power = max(tried, key=lambda figures: figures[0])
        choice = msgspec.structs.replace(sizes, neighbours=k, power=power, dev_f1_at_1=100 * f1)
        save_arrays(folder / POSTS, known)
        (folder / CHOICE).write_bytes(msgspec.json.encode(choice) + b"\n")
        return cls(index, choice)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(Index(load_arrays(folder / POSTS, EncodedPosts), choice), choice)

    def shares(self, posts: Inputs) -> csr_array:
        """Return each hashtag's share of the votes [posts, M]: one in all, or zero without any."""
        nearest = self._index.nearest(posts, self._choice.neighbours)
        return self._index.shares(nearest, self._choice.neighbours, self._choice.power)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the hashtags [posts, k] of the most votes; the most frequent ones fill up."""
        return _ranked(self.shares(posts), k)


class NeighboursWithContext(Neighbours):
    """Reads mentions and the domains of links as well."""

    reads_context = True


def _counts(rows: Ragged, size: int) -> csr_array:
    """Return how often each row has each id [rows, size]."""
    cells = np.ones(len(rows.values)), rows.values, rows.offsets
    found = csr_array(cells, (len(rows), size), copy=True)
    found.sum_duplicates()  # in place, hence the copy
    return found


def _divided(rows: csr_array, by: npt.NDArray[np.number]) -> csr_array:
    values = rows.data / np.repeat(by, np.diff(rows.indptr))
    return csr_array((values, rows.indices, rows.indptr), rows.shape)


def _largest(values: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], k: int) -> Rows:
    """Return where the `k` largest values are, falling; of equal ones those of the lower rows."""
    among = np.arange(len(values))
    if len(values) > k:
        among = np.flatnonzero(values >= np.partition(values, -k)[-k])
    return among[np.lexsort((rows[among], -values[among]))][:k]


def _ranked(shares: csr_array, k: int) -> Rows:
    starts = range(0, max(shares.shape[0], 1), _RANKED_AT_ONCE)
    return np.concatenate(
        [best_rows(shares[start : start + _RANKED_AT_ONCE].toarray(), k) for start in starts]
    )
