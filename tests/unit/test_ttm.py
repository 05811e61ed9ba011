"""The topical translation model against sums over everything that its posts leave open."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from math import exp
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.learning import TINY, planted_corpus
from tests.support.ttm import (
    POSTS,
    PRIORS,
    SHAPE,
    SMALL,
    TAGS,
    TOPICS,
    WORDS,
    log_joint,
    shares,
)
from trainer.algorithms import gibbs, ttm_scores
from trainer.algorithms.ttm_counts import Priors, State, count, gather, start, translations
from trainer.algorithms.ttm_scores import Tables, score, topic_shares, word_shares
from trainer.material import Material
from trainer.methods.ttm import CHOICE, SMOOTHING, Choice, Ttm, tables
from trainer.parts import Parts
from trainer.ragged import Ragged
from trainer.reading import Inputs


@pytest.fixture(params=range(5))
def state(request: pytest.FixtureRequest) -> State:
    """Some state that the sampler comes to."""
    random = np.random.default_rng(request.param)
    state = start(POSTS, SHAPE, random)
    for _ in range(request.param):
        gibbs.sweep(POSTS, state, PRIORS, random)
    return state


def assigned(state: State) -> tuple[list[int], list[int], list[int]]:
    return state.topics.tolist(), state.switches.tolist(), state.sources.tolist()


def test_a_topic_is_drawn_from_its_share_of_the_joint(state: State) -> None:
    z, y, source = assigned(state)
    for post in range(3):
        brute = [log_joint(POSTS, [*z[:post], k, *z[post + 1 :]], y, source) for k in range(TOPICS)]
        weights = np.empty(TOPICS)
        gibbs.count_post(POSTS, state, post, -1)
        gibbs.topic_weights(POSTS, state, PRIORS, post, weights)
        gibbs.count_post(POSTS, state, post, 1)
        assert weights / weights.sum() == pytest.approx(shares(brute), rel=1e-9)


def test_a_switch_is_drawn_from_its_share_of_the_joint(state: State) -> None:
    z, y, source = assigned(state)
    seen = 0
    for post in range(3):
        first, last = POSTS.word_offsets[post : post + 2]
        used = source[POSTS.tag_offsets[post] : POSTS.tag_offsets[post + 1]]
        for at in range(first, last):
            if at - first in used:
                continue
            brute = [log_joint(POSTS, z, [*y[:at], k, *y[at + 1 :]], source) for k in (0, 1)]
            others = sum(y[first:last]) - y[at]
            gibbs.count_word(POSTS, state, post, at, -1)
            share = gibbs.topical_share(POSTS, state, PRIORS, post, at, others)
            gibbs.count_word(POSTS, state, post, at, 1)
            assert share == pytest.approx(shares(brute)[1], rel=1e-9)
            seen += 1
    assert seen


def test_a_source_is_drawn_from_its_share_of_the_joint(state: State) -> None:
    z, y, source = assigned(state)
    for post in range(3):
        size = int(np.diff(POSTS.word_offsets)[post])
        for tag in range(*POSTS.tag_offsets[post : post + 2]):
            brute = [
                log_joint(POSTS, z, y, [*source[:tag], k, *source[tag + 1 :]]) for k in range(size)
            ]
            weights = np.empty(size)
            gibbs.count_tag(POSTS, state, post, tag, -1)
            gibbs.source_weights(POSTS, state, PRIORS, post, tag, weights)
            gibbs.count_tag(POSTS, state, post, tag, 1)
            assert weights / weights.sum() == pytest.approx(shares(brute), rel=1e-9)


def test_states_come_as_often_as_the_joint_says() -> None:
    states = list(product(product((0, 1), repeat=3), product((0, 1), repeat=5), (0, 1), (0, 1)))
    due = shares([log_joint(SMALL, z, y, [one, two, 0]) for z, y, one, two in states])
    expected = {
        "one topic": sum(p for p, (z, *_) in zip(due, states, strict=True) if z[0] == z[1]),
        "topical": sum(p for p, (_, y, *_) in zip(due, states, strict=True) if y[1]),
        "source": sum(p for p, (*_, one, _) in zip(due, states, strict=True) if one == 0),
    }
    random = np.random.default_rng(3)
    state = start(SMALL, SHAPE, random)
    seen = np.zeros(3)
    sweeps = 40_000
    for _ in range(sweeps):
        gibbs.sweep(SMALL, state, PRIORS, random)
        z, y, source = state.topics, state.switches, state.sources
        seen += (z[0] == z[1], y[1], source[0] == 0)
    assert seen / sweeps == pytest.approx(list(expected.values()), abs=0.01)


def differing(one: State, other: State) -> list[str]:
    fields = State._fields
    return [name for name in fields if not np.array_equal(getattr(one, name), getattr(other, name))]


def test_counts_never_drift_from_what_they_count() -> None:
    random = np.random.default_rng(0)
    state = start(POSTS, SHAPE, random)
    for _ in range(50):
        gibbs.sweep(POSTS, state, PRIORS, random)
    again = count(POSTS, state.topics, state.switches, state.sources, SHAPE)
    assert differing(state, again) == []


def test_long_posts_leave_no_topic_without_a_number() -> None:
    posts = gather(Ragged.of([list(range(2, 402)), [2]]), Ragged.of([list(range(60)), [0]]))
    priors = Priors(0.5, 1e-3, 1e-3, 0.5, 400, 60)
    state = start(posts, (402, 50), np.random.default_rng(0))
    weights = np.empty(50)
    gibbs.count_post(posts, state, 0, -1)
    gibbs.topic_weights(posts, state, priors, 0, weights)
    assert np.isfinite(weights).all()
    assert weights.max() > 0


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same functions as Python runs them."""
    for module in (gibbs, ttm_scores):
        for name, function in vars(module).items():
            if hasattr(function, "py_func"):
                monkeypatch.setattr(module, name, function.py_func)


def sampled() -> State:
    random = np.random.default_rng(5)
    state = start(POSTS, SHAPE, random)
    for _ in range(20):
        gibbs.sweep(POSTS, state, PRIORS, random)
    return state


@cache
def compiled_state() -> State:
    return sampled()


@cache
def learned() -> Tables:
    """Return what a sampled state says, each of its translations twice as frequent as it is."""
    cells = np.ravel_multi_index(translations(POSTS, compiled_state()), (*SHAPE, TAGS))
    found, counts = np.unique(cells, return_counts=True)
    places = np.unravel_index(found, (*SHAPE, TAGS))
    return tables(POSTS, compiled_state(), PRIORS, places, 2 * counts.astype(np.float64))


def test_compiled_or_not_the_same_is_drawn(request: pytest.FixtureRequest) -> None:
    before, own = compiled_state(), learned()
    words, offsets = np.array([2, 5, 1], dtype=np.int32), np.array([0, 2, 3])
    compiled, plain = np.empty((2, 2, TAGS))
    score(words, offsets, own, 0.5, compiled)  # compiled here, before its callees are not
    request.getfixturevalue("interpreted")
    assert differing(before, sampled()) == []
    ttm_scores.score(words, offsets, own, 0.5, plain)
    assert plain == pytest.approx(compiled, rel=1e-12)


def test_only_pairs_of_several_places_have_a_number() -> None:
    posts = gather(Ragged.of([[2, 3], [2, 2], [4]]), Ragged.of([[0, 1], [1], [0]]))
    # By post and hashtag: (2, 0) (3, 0), (2, 1) (3, 1); (2, 1) twice; (4, 0).
    assert posts.pairs.tolist() == [-1, -1, 0, -1, 0, 0, -1]
    assert posts.pair_offsets.tolist() == [0, 4, 6, 7]
    assert POSTS.pairs.max() > 0


def test_probabilities_are_those_of_the_counts() -> None:
    state, own = compiled_state(), learned()
    pi = (state.switches.sum() + 0.5) / (len(state.switches) + 1)
    assert own.theta == pytest.approx((np.bincount(state.topics, minlength=2) + 0.7) / 4.4)
    assert own.topical.sum(axis=0) == pytest.approx(pi)
    assert own.background.sum() == pytest.approx(1 - pi)
    assert (own.background[:2] == 0).all()
    assert own.hashtags.tolist() == [3 / 6, 2 / 6, 1 / 6]
    for word, topic in product(range(2, WORDS), range(TOPICS)):
        of = state.topics.repeat([3, 2, 4]) == topic
        n = ((POSTS.words == word) & of & (state.switches == 1)).sum()
        phi = (n + 0.2) / ((of & (state.switches == 1)).sum() + 0.8)
        assert own.topical[word, topic] == pytest.approx(pi * phi)


def naive(own: Tables, words: Sequence[int], smoothing: float) -> npt.NDArray[np.float64]:
    """Return p(t | post), every hashtag with every word under every topic."""
    n = np.zeros((WORDS, TOPICS, TAGS))
    for word in range(WORDS):
        for cell in range(own.offsets[word], own.offsets[word + 1]):
            n[word, own.topics[cell], own.tags[cell]] += own.counts[cell]
    known = [word for word in words if own.background[word] > 0]
    either = [own.topical[word].astype(float) + own.background[word] for word in known]
    p_z = own.theta * np.prod(either, axis=0)
    p_z /= p_z.sum()
    p_y = [(p_z * own.topical[w] / both).sum() for w, both in zip(known, either, strict=True)]
    found = np.zeros(TAGS)
    for tag, (place, word), z in product(range(TAGS), enumerate(known), range(TOPICS)):
        p_w = p_y[place] / sum(p_y)
        by_word = n[word, :, tag].sum() + smoothing * own.hashtags[tag]
        by_word /= n[word].sum() + smoothing
        by_topic = (n[word, z, tag] + smoothing * by_word) / (n[word, z].sum() + smoothing)
        found[tag] += p_z[z] * p_w * by_topic
    return found


@pytest.mark.parametrize("words", [[2], [5], [3, 2], [2, 1, 3, 3], [4, 5, 2, 3, 2]])
@pytest.mark.parametrize("smoothing", [0.1, 2.0])
def test_a_post_s_hashtags_are_summed_over_its_words_and_topics(
    words: list[int], smoothing: float
) -> None:
    out = np.empty((1, TAGS))
    score(np.array(words, dtype=np.int32), np.array([0, len(words)]), learned(), smoothing, out)
    assert out[0] == pytest.approx(naive(learned(), words, smoothing), rel=1e-6)
    assert out.sum() == pytest.approx(1)


def test_a_post_without_a_known_word_has_no_score_and_the_most_frequent_hashtags() -> None:
    ids = Ragged.of([[1, 0, 1], [2], []])
    out = np.ones((3, TAGS))
    score(ids.values, ids.offsets, learned(), 1.0, out)
    assert (out[[0, 2]] == 0).all()
    ranked = Ttm(learned(), 1.0).rank(Inputs(ids, ids), 3)
    assert ranked[[0, 2]].tolist() == [[0, 1, 2]] * 2


def test_topics_and_words_of_a_post_are_probabilities() -> None:
    words = np.array([2, 1, 3], dtype=np.int32)
    topics = topic_shares(words, learned())
    assert topics.sum() == pytest.approx(1)
    own = word_shares(words, topics, learned())
    assert own.sum() == pytest.approx(1)
    assert own[1] == 0


def test_the_smoothing_that_is_best_on_dev_is_kept_and_noted(tmp_path: Path) -> None:
    material = Material(planted_corpus(tmp_path / "corpus"), TINY, Parts(tmp_path / "parts"))
    Ttm.fit(material, TINY, tmp_path)
    choice = msgspec.json.decode((tmp_path / CHOICE).read_bytes(), type=Choice)
    assert choice.dev_f1_at_1.keys() == {str(weight) for weight in SMOOTHING}
    assert choice.dev_f1_at_1[str(choice.smoothing)] == max(choice.dev_f1_at_1.values())


def test_the_joint_is_a_distribution_of_posts() -> None:
    # One post of one word with one hashtag: all its words, hashtags and states sum to one.
    total = 0.0
    for word, tag, z in product(range(2, 6), range(TAGS), range(TOPICS)):
        post = gather(Ragged.of([[word]]), Ragged.of([[tag]]))
        total += exp(log_joint(post, [z], [1], [0]))
    assert total == pytest.approx(0.5)  # the word is topical every other time
