"""Collapsed Gibbs sampling of the topical translation model, compiled.

The model of Ding, Qiu, Zhang and Huang (2013): a post has one topic z; a switch y tells of each
word whether the topic (1) or the background (0) drew it; each hashtag is translated from one of
the post's topical words, its source, by p(t | w, z). θ, φ, π and p(t | w, z) have Dirichlet
priors and are summed out; what is left is counts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped]

from trainer.ragged import Ragged

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
_SCALE_EVERY = 8  # factors of at least 1e-9, so that no product of them leaves float64


class Posts(NamedTuple):
    """Words and hashtags of posts [D], flat, and where those of each begin [D + 1].

    `pairs` has, for each hashtag, a number for it and each word of its post, or -1 for a pair
    that no other place has; those of a post begin at `pair_offsets` [D + 1].
    """

    words: Ints
    word_offsets: npt.NDArray[np.int64]
    tags: Ints
    tag_offsets: npt.NDArray[np.int64]
    pairs: Ints
    pair_offsets: npt.NDArray[np.int64]


class Priors(NamedTuple):
    """Dirichlet parameters: of topics, words, hashtags and switches; and sizes V and M."""

    alpha: float
    beta: float
    gamma: float
    delta: float
    words: int
    tags: int


class State(NamedTuple):
    """Topics z [D], switches y, a word, and sources, a hashtag, as places in the post; counts.

    Counts are of posts by topic [K], of topical words by word and topic [V, K] and by topic [K],
    of background words [V], of switches [2], of hashtags by source and topic [V, K], and of
    those by pair and topic [pairs, K].
    """

    topics: Ints
    switches: npt.NDArray[np.int8]
    sources: Ints
    of_topic: npt.NDArray[np.int64]
    topical: Ints
    of_topical: npt.NDArray[np.int64]
    background: Ints
    of_switch: npt.NDArray[np.int64]
    translated: Ints
    of_pair: Ints


def gather(words: Ragged, tags: Ragged) -> Posts:
    """Number the pairs of words and hashtags that occur in more than one place."""
    columns = int(tags.values.max(initial=0)) + 1
    codes = [
        (row.astype(np.int64) * columns + some[:, None]).ravel()
        for row, some in zip(words, tags, strict=True)
    ]
    _, place, count = np.unique(np.concatenate(codes), return_inverse=True, return_counts=True)
    number = np.where(count > 1, np.cumsum(count > 1) - 1, -1).astype(np.int32)
    offsets = np.concatenate(([0], np.cumsum(words.lengths * tags.lengths)))
    return Posts(words.values, words.offsets, tags.values, tags.offsets, number[place], offsets)


def start(posts: Posts, topics: int, words: int, random: np.random.Generator) -> State:
    """Return a random state of posts that all have a word: every word topical."""
    sizes, pairs = np.diff(posts.word_offsets), int(posts.pairs.max(initial=-1)) + 1
    count = len(sizes)
    state = State(
        random.integers(topics, size=count).astype(np.int32),
        np.ones(len(posts.words), dtype=np.int8),
        random.integers(np.repeat(sizes, np.diff(posts.tag_offsets))).astype(np.int32),
        np.zeros(topics, dtype=np.int64),
        np.zeros((words, topics), dtype=np.int32),
        np.zeros(topics, dtype=np.int64),
        np.zeros(words, dtype=np.int32),
        np.zeros(2, dtype=np.int64),
        np.zeros((words, topics), dtype=np.int32),
        np.zeros((pairs, topics), dtype=np.int32),
    )
    for post in range(count):
        count_post(posts, state, post, 1)
    state.of_switch[1] = len(posts.words)
    return state


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def count_post(posts: Posts, state: State, post: int, change: int) -> None:
    """Add all that depends on a post's topic to the counts, or take it away with change -1."""
    z, first = state.topics[post], posts.word_offsets[post]
    size = posts.word_offsets[post + 1] - first
    state.of_topic[z] += change
    for at in range(first, first + size):
        if state.switches[at]:
            state.topical[posts.words[at], z] += change
            state.of_topical[z] += change
    for tag in range(posts.tag_offsets[post], posts.tag_offsets[post + 1]):
        _count_tag(posts, state, post, tag, change)


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _count_tag(posts: Posts, state: State, post: int, tag: int, change: int) -> None:
    z, first, source = state.topics[post], posts.word_offsets[post], state.sources[tag]
    size = posts.word_offsets[post + 1] - first
    state.translated[posts.words[first + source], z] += change
    nth = tag - posts.tag_offsets[post]
    pair = posts.pairs[posts.pair_offsets[post] + nth * size + source]
    if pair >= 0:
        state.of_pair[pair, z] += change


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def topic_weights(posts: Posts, state: State, priors: Priors, post: int, out: Floats) -> None:
    """Set `out` [K] to p(z | all else), up to a factor, of a post that is not counted.

    A word or hashtag that the post has more than once meets its earlier ones as counts.
    """
    first, last = posts.word_offsets[post], posts.word_offsets[post + 1]
    out[:] = state.of_topic + priors.alpha
    factors = 0
    for at in range(first, last):
        if not state.switches[at]:
            continue
        word, same = posts.words[at], 0
        for before in range(first, at):
            same += state.switches[before] and posts.words[before] == word
        least, total = same + priors.beta, factors + priors.words * priors.beta
        counts, totals = state.topical[word], state.of_topical
        for z in range(len(out)):
            out[z] *= (counts[z] + least) / (totals[z] + total)
        factors += 1
        if factors % _SCALE_EVERY == 0:
            out /= out.max()
    out /= out.max()
    _translation_weights(posts, state, priors, post, out)


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _translation_weights(
    posts: Posts, state: State, priors: Priors, post: int, out: Floats
) -> None:
    first, begin = posts.word_offsets[post], posts.tag_offsets[post]
    size = posts.word_offsets[post + 1] - first
    for tag in range(begin, posts.tag_offsets[post + 1]):
        source = state.sources[tag]
        word, same, earlier = posts.words[first + source], 0, 0
        for before in range(begin, tag):
            if posts.words[first + state.sources[before]] == word:
                earlier += 1
                same += posts.tags[before] == posts.tags[tag]
        pair = posts.pairs[posts.pair_offsets[post] + (tag - begin) * size + source]
        least, total = same + priors.gamma, earlier + priors.tags * priors.gamma
        translated = state.translated[word]
        for z in range(len(out)):
            count = state.of_pair[pair, z] if pair >= 0 else 0
            out[z] *= (count + least) / (translated[z] + total)
        if (tag - begin + 1) % _SCALE_EVERY == 0:
            out /= out.max()


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def switch_weight(
    posts: Posts, state: State, priors: Priors, post: int, at: int, others: int
) -> float:
    """Return p(y = 1 | all else) of a word that is not counted and is no hashtag's source.

    `others` topical words are left; a hashtag's source is one of the topical words, each as
    likely, so a further one makes each hashtag's source less likely.
    """
    z, word = state.topics[post], posts.words[at]
    prior = priors.words * priors.beta
    tags = posts.tag_offsets[post + 1] - posts.tag_offsets[post]
    topical = (
        (state.of_switch[1] + priors.delta)
        * (state.topical[word, z] + priors.beta)
        / (state.of_topical[z] + prior)
        * (others / (others + 1.0)) ** tags
    )
    background = (
        (state.of_switch[0] + priors.delta)
        * (state.background[word] + priors.beta)
        / (state.of_switch[0] + prior)
    )
    return topical / (topical + background)


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def source_weights(
    posts: Posts, state: State, priors: Priors, post: int, tag: int, out: Floats
) -> None:
    """Set `out` [words of the post] to p(source | all else), up to a factor; not counted."""
    z, first = state.topics[post], posts.word_offsets[post]
    size = posts.word_offsets[post + 1] - first
    pairs = posts.pair_offsets[post] + (tag - posts.tag_offsets[post]) * size
    for source in range(size):
        word, pair = posts.words[first + source], posts.pairs[pairs + source]
        count = state.of_pair[pair, z] if pair >= 0 else 0
        total = state.translated[word, z] + priors.tags * priors.gamma
        out[source] = state.switches[first + source] * (count + priors.gamma) / total


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def draw(weights: Floats, random: np.random.Generator) -> int:
    """Return an index, each as likely as its weight says."""
    due = random.random() * weights.sum()
    for index in range(len(weights) - 1):
        due -= weights[index]
        if due < 0:
            return index
    return len(weights) - 1


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def sweep(posts: Posts, state: State, priors: Priors, random: np.random.Generator) -> None:
    """Draw every topic, switch and source once, each given all else."""
    weights = np.empty(len(state.of_topic))
    longest = np.empty(np.diff(posts.word_offsets).max())
    for post in range(len(state.topics)):
        count_post(posts, state, post, -1)
        topic_weights(posts, state, priors, post, weights)
        state.topics[post] = draw(weights, random)
        count_post(posts, state, post, 1)
        _draw_switches(posts, state, priors, post, random)
        size = posts.word_offsets[post + 1] - posts.word_offsets[post]
        for tag in range(posts.tag_offsets[post], posts.tag_offsets[post + 1]):
            _count_tag(posts, state, post, tag, -1)
            source_weights(posts, state, priors, post, tag, longest[:size])
            state.sources[tag] = draw(longest[:size], random)
            _count_tag(posts, state, post, tag, 1)


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _draw_switches(
    posts: Posts, state: State, priors: Priors, post: int, random: np.random.Generator
) -> None:
    z, first, last = state.topics[post], posts.word_offsets[post], posts.word_offsets[post + 1]
    topical = state.switches[first:last].sum()
    for at in range(first, last):
        sources = state.sources[posts.tag_offsets[post] : posts.tag_offsets[post + 1]]
        if np.any(sources == at - first):
            continue
        word, old = posts.words[at], state.switches[at]
        topical -= old
        state.of_switch[old] -= 1
        state.topical[word, z] -= old
        state.of_topical[z] -= old
        state.background[word] -= 1 - old
        new = int(random.random() < switch_weight(posts, state, priors, post, at, topical))
        state.switches[at] = new
        topical += new
        state.of_switch[new] += 1
        state.topical[word, z] += new
        state.of_topical[z] += new
        state.background[word] += 1 - new
