"""Rankings of a method → its quality, post by post."""

import numpy as np
import numpy.typing as npt

from trainer.metrics import KS, Quality, measure
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts
from trainer.recommender import Recommender


def hits_of(ranked: npt.NDArray[np.int64], labels: Ragged) -> npt.NDArray[np.bool_]:
    """Tell of each rank [posts, k] whether it is one of the post's labels."""
    return np.array([np.isin(best, own) for best, own in zip(ranked, labels, strict=True)])


def padded_ranks(ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return five ranks a post, -1 where there are fewer hashtags than that."""
    missing = KS[-1] - ranked.shape[1]
    return np.pad(ranked, ((0, 0), (0, max(missing, 0))), constant_values=-1)


def quality_of(recommender: Recommender, posts: EncodedPosts) -> Quality:
    """Return the quality of a method on posts."""
    ranked = padded_ranks(recommender.rank(posts.inputs, KS[-1]))
    return measure(hits_of(ranked, posts.labels), posts.gold)
