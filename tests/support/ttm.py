"""The story of how TTM says that posts arise, as sums straight from it."""

from collections.abc import Sequence
from itertools import pairwise
from math import lgamma, log

import numpy as np
import numpy.typing as npt

from trainer.algorithms.ttm_counts import Posts, Priors, gather
from trainer.ragged import Ragged

TOPICS, WORDS, TAGS = 2, 6, 3
SHAPE = (WORDS, TOPICS)
PRIORS = Priors(alpha=0.7, beta=0.2, gamma=0.3, delta=0.5, words=4, tags=TAGS)
# Words and hashtags come back within and between posts, as they do outside of tests.
POSTS = gather(Ragged.of([[2, 3, 2], [2, 4], [3, 3, 5, 2]]), Ragged.of([[0, 1], [0], [1, 2, 0]]))
SMALL = gather(Ragged.of([[2, 3], [2, 4], [3]]), Ragged.of([[0], [0], [1]]))


def drawn(counts: npt.NDArray[np.int64], prior: float) -> float:
    """Return log p of draws with these counts, their distribution from a Dirichlet summed out."""
    total = lgamma(len(counts) * prior) - lgamma(len(counts) * prior + counts.sum())
    return total + sum(lgamma(prior + n) - lgamma(prior) for n in counts.tolist())


def rows_of(flat: Sequence[int], offsets: npt.NDArray[np.int64]) -> list[list[int]]:
    return [list(flat[first:last]) for first, last in pairwise(offsets)]


def log_joint(posts: Posts, z: Sequence[int], y: Sequence[int], source: Sequence[int]) -> float:
    """Return log p(z, y, words, sources, hashtags), straight from the story of how posts arise."""
    by_topic = np.zeros((TOPICS, PRIORS.words), dtype=np.int64)
    background = np.zeros(PRIORS.words, dtype=np.int64)
    translated = np.zeros((WORDS, TOPICS, TAGS), dtype=np.int64)
    found = 0.0
    laid = zip(
        z,
        rows_of(posts.words.tolist(), posts.word_offsets),
        rows_of(posts.tags.tolist(), posts.tag_offsets),
        rows_of(y, posts.word_offsets),
        rows_of(source, posts.tag_offsets),
        strict=True,
    )
    for topic, words, tags, switches, places in laid:
        for word, switch in zip(words, switches, strict=True):
            (by_topic[topic] if switch else background)[word - 2] += 1
        for tag, place in zip(tags, places, strict=True):
            if not switches[place]:
                return -np.inf
            translated[words[place], topic, tag] += 1
            found -= log(sum(switches))  # any topical word, each as likely
    found += drawn(np.bincount(z, minlength=TOPICS), PRIORS.alpha)
    found += drawn(np.bincount(y, minlength=2), PRIORS.delta)
    found += drawn(background, PRIORS.beta)
    found += sum(drawn(counts, PRIORS.beta) for counts in by_topic)
    return found + sum(drawn(counts, PRIORS.gamma) for counts in translated.reshape(-1, TAGS))


def shares(logs: Sequence[float]) -> npt.NDArray[np.float64]:
    weights = np.exp(np.array(logs) - max(logs))
    found: npt.NDArray[np.float64] = weights / weights.sum()
    return found
