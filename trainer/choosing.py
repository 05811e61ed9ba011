"""Choices that are made on dev, by F1@1."""

from trainer.metrics import measure
from trainer.reading import EncodedPosts
from trainer.recommender import Method
from trainer.scoring import hits_of, padded_ranks


def f1_at_1(method: Method, posts: EncodedPosts) -> float:
    """Return F1@1 in per cent, to two decimals."""
    hits = hits_of(padded_ranks(method.rank(posts.inputs, 1)), posts.labels)
    return round(100 * measure(hits, posts.gold).f1[0], 2)
