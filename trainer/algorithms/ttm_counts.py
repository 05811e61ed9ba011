"""What the topical translation model counts: words and hashtags by topic, hashtags by source.

In the model of Ding, Qiu, Zhang and Huang (2013) a post has one topic z ~ θ; a switch y ~ π of
each word tells whether the topic, φ_z, or the background, φ_B, has drawn it; and each hashtag is
translated from one of the post's topical words, its source, by p(t | w, z). All of these have
Dirichlet priors and are summed out, so counts are the whole state.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.ragged import Ragged

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


class Posts(NamedTuple):
    """Words [N] and hashtags [T] of posts [D], and where those of each begin [D + 1].

    A post has a word or more, and no hashtag twice. `pairs` numbers each hashtag with each word of
    its post, hashtag by hashtag; -1 stands for pairs that are in one place only. Those of a post
    begin at `pair_offsets` [D + 1].
    """

    words: Ints
    word_offsets: Longs
    tags: Ints
    tag_offsets: Longs
    pairs: Ints
    pair_offsets: Longs


class Priors(NamedTuple):
    """Dirichlet parameters of topics, words, hashtags and switches; how many words, hashtags."""

    alpha: float
    beta: float
    gamma: float
    delta: float
    words: int
    tags: int


class State(NamedTuple):
    """Topics z [D], switches y [N], sources [T] as places in the post; and what follows of them.

    Counts are of posts by topic [K], of topical words by word and topic [V, K] and by topic [K],
    of background words [V], of words by switch [2], and of hashtags by source and topic [V, K]
    and by pair and topic [pairs, K].
    """

    topics: Ints
    switches: Ints
    sources: Ints
    of_topic: Longs
    topical: Ints
    of_topical: Longs
    background: Ints
    of_switch: Longs
    translated: Ints
    of_pair: Ints


def gather(words: Ragged, tags: Ragged) -> Posts:
    """Lay the posts out, and number the pairs that are in more than one place."""
    columns = int(words.values.max(initial=0)) + 1
    codes = [
        (own.astype(np.int64)[:, None] * columns + some).ravel()
        for some, own in zip(words, tags, strict=True)
    ]
    _, place, count = np.unique(np.concatenate(codes), return_inverse=True, return_counts=True)
    number = np.where(count > 1, np.cumsum(count > 1) - 1, -1).astype(np.int32)
    offsets = np.concatenate(([0], np.cumsum(words.lengths * tags.lengths)))
    return Posts(words.values, words.offsets, tags.values, tags.offsets, number[place], offsets)


def start(posts: Posts, shape: tuple[int, int], random: np.random.Generator) -> State:
    """Return a state with random topics and sources, every word topical; `shape` is [V, K]."""
    sizes = np.repeat(np.diff(posts.word_offsets), np.diff(posts.tag_offsets))
    return count(
        posts,
        random.integers(shape[1], size=len(posts.word_offsets) - 1).astype(np.int32),
        np.ones(len(posts.words), dtype=np.int32),
        random.integers(sizes).astype(np.int32),
        shape,
    )


def count(
    posts: Posts, topics: Ints, switches: Ints, sources: Ints, shape: tuple[int, int]
) -> State:
    """Count what the topics, switches and sources say; `shape` is [V, K]."""
    by_word = np.repeat(topics, np.diff(posts.word_offsets))
    by_tag = np.repeat(topics, np.diff(posts.tag_offsets))
    pairs = posts.pairs[_first_pairs(posts) + sources]
    of_pair = np.zeros((int(posts.pairs.max(initial=-1)) + 1, shape[1]), dtype=np.int32)
    np.add.at(of_pair, (pairs[pairs >= 0], by_tag[pairs >= 0]), 1)
    topical, translated = np.zeros((2, *shape), dtype=np.int32)
    np.add.at(topical, (posts.words, by_word), switches)
    np.add.at(translated, (_source_words(posts, sources), by_tag), 1)
    return State(
        topics,
        switches,
        sources,
        np.bincount(topics, minlength=shape[1]),
        topical,
        topical.sum(axis=0),
        np.bincount(posts.words, 1 - switches, minlength=shape[0]).astype(np.int32),
        np.bincount(switches, minlength=2),
        translated,
        of_pair,
    )


def translations(posts: Posts, state: State) -> tuple[Ints, Ints, Ints]:
    """Return the source, the topic and the hashtag of each translation [T]."""
    return (
        _source_words(posts, state.sources),
        np.repeat(state.topics, np.diff(posts.tag_offsets)),
        posts.tags,
    )


def _source_words(posts: Posts, sources: Ints) -> Ints:
    """Return the word [T] that each hashtag is translated from."""
    first = np.repeat(posts.word_offsets[:-1], np.diff(posts.tag_offsets))
    found: Ints = posts.words[first + sources]
    return found


def _first_pairs(posts: Posts) -> Longs:
    """Return where the pairs of each hashtag begin [T]."""
    tags = np.diff(posts.tag_offsets)
    nth = np.arange(len(posts.tags)) - np.repeat(posts.tag_offsets[:-1], tags)
    size = np.repeat(np.diff(posts.word_offsets), tags)
    first: Longs = np.repeat(posts.pair_offsets[:-1], tags) + nth * size
    return first
