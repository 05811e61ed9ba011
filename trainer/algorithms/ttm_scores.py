"""What the topical translation model has learned → the probability of every hashtag of a post."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.algorithms.ttm_counts import Ints, Longs
from worker.compiled import compiled

Floats = npt.NDArray[np.float64]


class Tables(NamedTuple):
    """Topics, words by topic and background, and translations, of words in their order.

    `theta` is p(z) [K]; `topical` p(y=1) p(w | z) [V, K] and `background` p(y=0) p(w) [V], zero
    for words that were not seen; `hashtags` is p(t) [M]. A translation is a hashtag of a word
    under a topic, with how often that was drawn; those of word w are from `offsets[w]` [V + 1] on,
    by topic and then hashtag. `of_topic` is how often w had any hashtag under that topic, and
    `of_word` [V] under any.
    """

    theta: Floats
    topical: npt.NDArray[np.float32]
    background: Floats
    hashtags: Floats
    offsets: Longs
    topics: Ints
    tags: Ints
    counts: Floats
    of_topic: Floats
    of_word: Floats


@compiled
def score(words: Ints, offsets: Longs, tables: Tables, smoothing: float, out: Floats) -> None:
    """Set `out` [posts, M] to p(t | post) = Σ_z p(z | post) Σ_w p(w | post) p(t | w, z).

    p(w | post) is a word's share of what is topical in the post. Where no word is known, all
    scores are zero.
    """
    out[:] = 0.0
    for post in range(len(offsets) - 1):
        own = words[offsets[post] : offsets[post + 1]]
        topics = topic_shares(own, tables)
        shares = word_shares(own, topics, tables)
        for at in range(len(own)):
            if shares[at] > 0:
                _translate(own[at], shares[at], topics, tables, smoothing, out[post])


@compiled
def topic_shares(words: Ints, tables: Tables) -> Floats:
    """Return p(z | post) [K], with p(w | z) of either switch; exact, since a post has one topic."""
    shares: Floats = tables.theta.copy()
    for word in words:
        if tables.background[word] > 0:
            shares *= tables.topical[word] + tables.background[word]
            shares /= shares.max()
    shares /= shares.sum()
    return shares


@compiled
def word_shares(words: Ints, topics: Floats, tables: Tables) -> Floats:
    """Return p(w | post) [words]: p(y=1 | w, post), divided by their sum."""
    shares = np.zeros(len(words))
    for at in range(len(words)):
        rest = tables.background[words[at]]
        if rest > 0:
            for z in range(len(topics)):
                own = tables.topical[words[at], z]
                shares[at] += topics[z] * own / (own + rest)
    total = shares.sum()
    if total > 0:
        shares /= total
    return shares


@compiled
def _translate(  # noqa: PLR0913, PLR0917 - a word among all that translates it
    word: int, share: float, topics: Floats, tables: Tables, smoothing: float, out: Floats
) -> None:
    """Add share · Σ_z p(z | post) p(t | w, z) to `out` [M], in terms of counts N and smoothing μ.

    p(t | w, z) = (N_wzt + μ p(t | w)) / (N_wz + μ), and p(t | w) = (N_wt + μ p(t)) / (N_w + μ).
    """
    first, last = tables.offsets[word], tables.offsets[word + 1]
    left = 1.0  # what of Σ_z p(z | post) falls to p(t | w)
    for cell in range(first, last):
        if cell == first or tables.topics[cell] != tables.topics[cell - 1]:
            total = tables.of_topic[cell]
            left -= topics[tables.topics[cell]] * total / (total + smoothing)
    by_word = left / (tables.of_word[word] + smoothing)
    for cell in range(first, last):
        by_topic = topics[tables.topics[cell]] / (tables.of_topic[cell] + smoothing)
        out[tables.tags[cell]] += share * tables.counts[cell] * (by_topic + by_word)
    out += share * by_word * smoothing * tables.hashtags
