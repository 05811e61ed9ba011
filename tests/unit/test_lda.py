"""LDA over words and hashtags: what is learned, and p(t | post) by hand and by gensim."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.support.learning import GROUPS, TINY, WORDS, changed, group_rows, planted_ids
from trainer.arrays import load_arrays, save_arrays
from trainer.methods.lda import MODEL, HashtagTopics, Lda, bags, learn_hashtag_topics
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs
from trainer.topics import TopicModel, gensim_inference

SETTINGS = changed(topics=GROUPS, topic_passes=10)
HASHTAGS = GROUPS + 2
EVERYWHERE, NOWHERE = GROUPS, GROUPS + 1
IDS, OF_GROUP = planted_ids(600)


def posts(ids: Ragged, labels: Ragged) -> EncodedPosts:
    return EncodedPosts(Inputs(ids, ids), labels, labels.lengths)


# The name of its group is a post's hashtag, and half of all posts have another one in common.
POSTS = posts(IDS, Ragged.of([[g, EVERYWHERE] if at % 2 else [g] for at, g in enumerate(OF_GROUP)]))


@pytest.fixture(scope="module")
def model() -> HashtagTopics:
    return learn_hashtag_topics(POSTS, WORDS, HASHTAGS, SETTINGS)


def topic_of(model: HashtagTopics, group: int) -> int:
    return int(model.words.exp_elog_beta[group_rows(group)].sum(axis=0).argmax())


def test_a_bag_has_words_and_behind_all_words_hashtags() -> None:
    some = posts(Ragged.of([[5, 3, 5], [], [2]]), Ragged.of([[0], [1, 2], []]))
    assert [row.tolist() for row in bags(some, 10)] == [[5, 3, 5, 10], [11, 12], [2]]


def test_words_and_their_hashtag_are_of_one_topic(model: HashtagTopics) -> None:
    topics = [topic_of(model, group) for group in range(GROUPS)]
    assert sorted(topics) == list(range(GROUPS))
    for group, topic in enumerate(topics):
        own = model.hashtags[topic]
        # A post has nine words, its group and, every other time, one hashtag more: 10.5 terms.
        assert own[group] == pytest.approx(1 / 10.5, abs=0.01)
        assert own[EVERYWHERE] == pytest.approx(0.5 / 10.5, abs=0.01)
        assert own[NOWHERE] < 0.001


def test_topics_are_inferred_from_words_alone(model: HashtagTopics) -> None:
    assert model.words.exp_elog_beta.shape == (WORDS, GROUPS)
    assert (model.words.exp_elog_beta[:2] == 0).all()
    assert (model.words.exp_elog_beta[2:] > 0).all()


def test_common_words_tell_nothing_and_common_hashtags_stay() -> None:
    everywhere = WORDS
    ids = Ragged.of([[*row, everywhere] for row in IDS])
    settings = changed(topics=GROUPS, topic_passes=2, max_post_share=0.4)
    own = learn_hashtag_topics(posts(ids, POSTS.labels), WORDS + 1, HASHTAGS, settings)
    assert (own.words.exp_elog_beta[everywhere] == 0).all()
    assert (own.hashtags[:, EVERYWHERE] > 0.03).all()
    common = Ragged.of([[everywhere], [1, everywhere]])
    assert Lda(own).rank(Inputs(common, common), 3).tolist() == [[0, 1, 2]] * 2


def test_a_post_s_hashtags_are_summed_over_its_topics(model: HashtagTopics) -> None:
    random = np.random.default_rng(1)
    mixed = Ragged.of([random.integers(1, WORDS, size=random.integers(3, 12)) for _ in range(50)])
    theta = gensim_inference(model.words, mixed)
    scores = np.zeros((50, HASHTAGS))
    for post, tag, z in product(range(50), range(HASHTAGS), range(GROUPS)):
        scores[post, tag] += model.hashtags[z, tag] * theta[post, z]
    ranked = Lda(model).rank(Inputs(mixed, mixed), HASHTAGS)
    found = np.take_along_axis(scores, ranked, axis=1)
    assert (np.diff(found, axis=1) < 1e-4).all()  # gensim's θ is another sum of the same numbers
    assert [sorted(row) for row in ranked.tolist()] == [list(range(HASHTAGS))] * 50


def test_by_hand() -> None:
    # Word 2 is of the first topic, word 3 of the second; hashtag 2 is of both.
    words = TopicModel(
        np.array([[0, 0], [0, 0], [1, 1e-9], [1e-9, 1]], dtype=np.float32),
        np.full(2, 0.01, dtype=np.float32),
    )
    own = Lda(HashtagTopics(words, np.array([[0.0, 0.6, 0.4], [0.55, 0.0, 0.45]])))
    # θ is next to (1, 0), (0, 1), and (2/3, 1/3) for two words of three: 0.18, 0.40, 0.42.
    ids = Ragged.of([[2], [3], [2, 3, 2], [1], []])
    due = [[1, 2, 0], [0, 2, 1], [2, 1, 0], [0, 1, 2], [0, 1, 2]]
    assert own.rank(Inputs(ids, ids), 3).tolist() == due


def test_answers_do_not_hang_on_how_many_are_asked_at_once(model: HashtagTopics) -> None:
    ids, _ = planted_ids(1_100, seed=6)
    together = Lda(model).rank(Inputs(ids, ids), 4)
    for row in (0, 512, 1_023, 1_024, 1_099):
        one = ids.take(np.array([row]))
        assert Lda(model).rank(Inputs(one, one), 4)[0].tolist() == together[row].tolist()


def test_equal_seeds_give_equal_models_and_others_do_not(
    model: HashtagTopics, tmp_path: Path
) -> None:
    again = learn_hashtag_topics(POSTS, WORDS, HASHTAGS, SETTINGS)
    assert again.hashtags.tobytes() == model.hashtags.tobytes()
    assert again.words.exp_elog_beta.tobytes() == model.words.exp_elog_beta.tobytes()
    other = learn_hashtag_topics(
        POSTS, WORDS, HASHTAGS, changed(topics=GROUPS, topic_passes=10, seed=2)
    )
    assert other.hashtags.tobytes() != model.hashtags.tobytes()
    save_arrays(tmp_path / MODEL, model)
    read = load_arrays(tmp_path / MODEL, HashtagTopics)
    ranked = [Lda(some).rank(POSTS.inputs, 2).tolist() for some in (model, read)]
    assert ranked[0] == ranked[1]
    assert Lda.load(tmp_path, TINY).rank(POSTS.inputs, 2).tolist() == ranked[0]


def test_progress_counts_the_posts_of_each_pass() -> None:
    counts: list[int] = []
    learn_hashtag_topics(POSTS, WORDS, HASHTAGS, SETTINGS, counts.append)
    assert sum(counts) == SETTINGS.topic_passes * len(POSTS)
