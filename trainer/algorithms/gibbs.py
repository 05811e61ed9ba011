"""Collapsed Gibbs sampling of the topical translation model of `trainer.algorithms.ttm_counts`.

Each function that gives weights is one conditional distribution, tested against the joint one.
"""

import numpy as np
import numpy.typing as npt

from trainer.algorithms.ttm_counts import Posts, Priors, State
from worker.compiled import compiled

Weights = npt.NDArray[np.float64]
_SCALE_EVERY = 8  # each factor is above 1e-9, so no product of so many leaves float64


@compiled
def sweep(posts: Posts, state: State, priors: Priors, random: np.random.Generator) -> None:
    """Draw every topic, switch and source once, each given all else."""
    topics = np.empty(len(state.of_topic))
    sources = np.empty(np.diff(posts.word_offsets).max())
    for post in range(len(state.topics)):
        count_post(posts, state, post, -1)
        topic_weights(posts, state, priors, post, topics)
        state.topics[post] = _draw(topics, random)
        count_post(posts, state, post, 1)
        _draw_switches(posts, state, priors, post, random)
        size = posts.word_offsets[post + 1] - posts.word_offsets[post]
        for tag in range(posts.tag_offsets[post], posts.tag_offsets[post + 1]):
            count_tag(posts, state, post, tag, -1)
            source_weights(posts, state, priors, post, tag, sources[:size])
            state.sources[tag] = _draw(sources[:size], random)
            count_tag(posts, state, post, tag, 1)


@compiled
def topic_weights(posts: Posts, state: State, priors: Priors, post: int, out: Weights) -> None:
    """Set `out` [K] to p(z | all else), up to a factor, of a post that is not counted.

    Of what a post has twice, the second meets the first among the counts.
    """
    out[:] = state.of_topic + priors.alpha
    first, factors, totals = posts.word_offsets[post], 0, state.of_topical
    for at in range(first, posts.word_offsets[post + 1]):
        if state.switches[at]:
            word, same, counts = posts.words[at], 0, state.topical[posts.words[at]]
            for before in range(first, at):
                same += state.switches[before] * (posts.words[before] == word)
            least, total = same + priors.beta, factors + priors.words * priors.beta
            for z in range(len(out)):
                out[z] *= (counts[z] + least) / (totals[z] + total)
            factors += 1
            if factors % _SCALE_EVERY == 0:
                out /= out.max()
    _translation_weights(posts, state, priors, post, out)


@compiled
def _translation_weights(
    posts: Posts, state: State, priors: Priors, post: int, out: Weights
) -> None:
    first, begin = posts.word_offsets[post], posts.tag_offsets[post]
    size = posts.word_offsets[post + 1] - first
    for tag in range(begin, posts.tag_offsets[post + 1]):
        out /= out.max()
        word, earlier = posts.words[first + state.sources[tag]], 0
        for before in range(begin, tag):
            earlier += posts.words[first + state.sources[before]] == word
        counts, total = state.translated[word], earlier + priors.tags * priors.gamma
        pair = posts.pairs[posts.pair_offsets[post] + (tag - begin) * size + state.sources[tag]]
        for z in range(len(out)):
            seen = state.of_pair[pair, z] if pair >= 0 else 0
            out[z] *= (seen + priors.gamma) / (counts[z] + total)


@compiled
def topical_share(  # noqa: PLR0913, PLR0917 - a word among all that its switch depends on
    posts: Posts, state: State, priors: Priors, post: int, at: int, others: int
) -> float:
    """Return p(y = 1 | all else) of a word that is not counted and is no hashtag's source.

    The post has `others` topical words beside it. A source is any topical word, each as likely:
    one word more takes from the probability of each source that the post's hashtags have.
    """
    z, word = state.topics[post], posts.words[at]
    tags = posts.tag_offsets[post + 1] - posts.tag_offsets[post]
    topical = (state.of_switch[1] + priors.delta) * (others / (others + 1)) ** tags
    topical *= state.topical[word, z] + priors.beta
    topical /= state.of_topical[z] + priors.words * priors.beta
    background = (state.of_switch[0] + priors.delta) * (state.background[word] + priors.beta)
    background /= state.of_switch[0] + priors.words * priors.beta
    return float(topical / (topical + background))


@compiled
def source_weights(  # noqa: PLR0913, PLR0917 - a hashtag among all that its source depends on
    posts: Posts, state: State, priors: Priors, post: int, tag: int, out: Weights
) -> None:
    """Set `out` [words] to p(source | all else), up to a factor, of a tag that is not counted."""
    z, first, size = state.topics[post], posts.word_offsets[post], len(out)
    pairs = posts.pair_offsets[post] + (tag - posts.tag_offsets[post]) * size
    for place in range(size):
        pair = posts.pairs[pairs + place]
        seen = state.of_pair[pair, z] if pair >= 0 else 0
        total = state.translated[posts.words[first + place], z] + priors.tags * priors.gamma
        out[place] = state.switches[first + place] * (seen + priors.gamma) / total


@compiled
def count_post(posts: Posts, state: State, post: int, change: int) -> None:
    """Add all that a post's topic counts for, or take it away with a change of -1."""
    z = state.topics[post]
    state.of_topic[z] += change
    for at in range(posts.word_offsets[post], posts.word_offsets[post + 1]):
        state.topical[posts.words[at], z] += change * state.switches[at]
        state.of_topical[z] += change * state.switches[at]
    for tag in range(posts.tag_offsets[post], posts.tag_offsets[post + 1]):
        count_tag(posts, state, post, tag, change)


@compiled
def count_tag(posts: Posts, state: State, post: int, tag: int, change: int) -> None:
    """Add what a hashtag's source counts for, or take it away with a change of -1."""
    z, first, place = state.topics[post], posts.word_offsets[post], state.sources[tag]
    state.translated[posts.words[first + place], z] += change
    pairs = (tag - posts.tag_offsets[post]) * (posts.word_offsets[post + 1] - first)
    pair = posts.pairs[posts.pair_offsets[post] + pairs + place]
    if pair >= 0:
        state.of_pair[pair, z] += change


@compiled
def count_word(posts: Posts, state: State, post: int, at: int, change: int) -> None:
    """Add what a word's switch counts for, or take it away with a change of -1."""
    y, z, word = state.switches[at], state.topics[post], posts.words[at]
    state.of_switch[y] += change
    state.topical[word, z] += change * y
    state.of_topical[z] += change * y
    state.background[word] += change * (1 - y)


@compiled
def _draw_switches(
    posts: Posts, state: State, priors: Priors, post: int, random: np.random.Generator
) -> None:
    first, last = posts.word_offsets[post], posts.word_offsets[post + 1]
    sources = state.sources[posts.tag_offsets[post] : posts.tag_offsets[post + 1]]
    topical = state.switches[first:last].sum()
    for at in range(first, last):
        if np.any(sources == at - first):
            continue  # only a topical word is a source
        topical -= state.switches[at]
        count_word(posts, state, post, at, -1)
        share = topical_share(posts, state, priors, post, at, topical)
        state.switches[at] = random.random() < share
        count_word(posts, state, post, at, 1)
        topical += state.switches[at]


@compiled
def _draw(weights: Weights, random: np.random.Generator) -> int:
    """Return an index, each as likely as its weight says."""
    due = random.random() * weights.sum()
    for index in range(len(weights) - 1):
        due -= weights[index]
        if due < 0:
            return index
    return len(weights) - 1
