"""An index of posts by what they say: which of them are the most similar to another one."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from export.text import UNKNOWN_ID
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows

_COMPARED_AT_ONCE = 64  # posts whose similarities to all training posts are held


class Sizes(msgspec.Struct, frozen=True):
    """How many ids of words, of context and of hashtags there are.

    `context` is zero where mentions and links are not read.
    """

    words: int
    context: int
    hashtags: int


class Nearest(NamedTuple):
    """Similarities [posts, k], falling, and whose they are; zeros where no more are similar."""

    similarities: npt.NDArray[np.float32]
    rows: Rows


class Index:
    """Posts as unit vectors, weighted as scikit-learn's `TfidfVectorizer(sublinear_tf=True)` does.

    A word of a post has the weight (1 + ln tf)(1 + ln((1 + n) / (1 + df))), an unknown word none.
    Of its n hashtags each has the vote 1 / √n.
    """

    def __init__(self, posts: EncodedPosts, sizes: Sizes) -> None:
        self._sizes = sizes
        labels = _counts(posts.labels, sizes.hashtags)
        # Of many hashtags of a post each says less of it.
        self._labels = csr_array(labels.multiply(1 / np.sqrt(posts.gold)[:, np.newaxis]))
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
