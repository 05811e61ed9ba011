"""LDA finds planted topics, and gensim and the served graph infer the same ones."""

import numpy as np
import pytest
import torch

from export.graph import TopicInference
from tests.support.learning import GROUPS, WORDS, changed, group_rows, planted_ids
from trainer.ragged import Ragged
from trainer.reading import infer_topics
from trainer.topics import TopicModel, bag_of_words, gensim_inference, learn_topics

SETTINGS = changed(topics=GROUPS, topic_passes=10)
POSTS, OF_GROUP = planted_ids(600)


@pytest.fixture(scope="module")
def model() -> TopicModel:
    return learn_topics(POSTS, WORDS, SETTINGS)


def topic_of(model: TopicModel, group: int) -> int:
    return int(model.exp_elog_beta[group_rows(group)].sum(axis=0).argmax())


def test_each_planted_group_is_one_topic(model: TopicModel) -> None:
    assert len({topic_of(model, group) for group in range(GROUPS)}) == GROUPS
    theta = infer_topics(model, POSTS)
    for row, group in enumerate(OF_GROUP):
        assert theta[row].argmax() == topic_of(model, group)
        assert theta[row].max() > 0.8


def test_the_top_words_of_a_topic_are_its_group_s(model: TopicModel) -> None:
    words = [str(number) for number in range(WORDS)]
    for group in range(GROUPS):
        best = model.top_words(words, 10)[topic_of(model, group)]
        assert sorted(best) == sorted(words[group_rows(group)])
    assert [len(some) for some in model.top_words(words, 4)] == [4] * GROUPS


def test_shapes_and_numbers_are_what_the_graph_takes(model: TopicModel) -> None:
    assert model.exp_elog_beta.shape == (WORDS, GROUPS)
    assert model.exp_elog_beta.dtype == model.alpha.dtype == np.float32
    assert model.exp_elog_beta.flags.c_contiguous
    assert (model.exp_elog_beta >= 0).all()
    assert model.alpha == pytest.approx(np.full(GROUPS, 1 / GROUPS))


def test_padding_and_the_unknown_word_tell_no_topic(model: TopicModel) -> None:
    with_unknown = Ragged.of([[1, *ids.tolist()] for ids in POSTS])
    for learned in (model, learn_topics(with_unknown, WORDS, SETTINGS)):
        assert (learned.exp_elog_beta[:2] == 0).all()
        assert (learned.exp_elog_beta[2:] > 0).any(axis=1).all()


def test_words_in_too_many_posts_tell_no_topic() -> None:
    everywhere, often = WORDS, WORDS + 1
    rows = [[*ids.tolist(), everywhere] for ids in POSTS]
    rows = [[*row, often, often] if at % 4 == 0 else row for at, row in enumerate(rows)]
    posts, words = Ragged.of(rows), WORDS + 2
    strict = learn_topics(posts, words, changed(topics=GROUPS, max_post_share=0.249))
    assert (strict.exp_elog_beta[[everywhere, often]] == 0).all()
    kind = learn_topics(posts, words, changed(topics=GROUPS, max_post_share=0.25))
    assert (kind.exp_elog_beta[everywhere] == 0).all()
    assert (kind.exp_elog_beta[often] > 0).all()


def test_ignored_words_change_no_topics(model: TopicModel) -> None:
    # Padding is none to the graph, the unknown word none to LDA.
    plain = infer_topics(model, Ragged.of([[5, 6, 7]]))
    assert infer_topics(model, Ragged.of([[1, 5, 6, 1, 7]])) == pytest.approx(plain, abs=1e-6)
    longer = infer_topics(model, Ragged.of([[5, 6, 7], [2] * 30]))
    assert longer[:1] == pytest.approx(plain, abs=1e-6)


def test_a_post_without_known_words_has_the_prior_s_topics(model: TopicModel) -> None:
    theta = infer_topics(model, Ragged.of([[1, 1], []]))
    assert theta == pytest.approx(np.full((2, GROUPS), 1 / GROUPS), abs=1e-6)


def test_equal_seeds_give_equal_topics_and_others_do_not() -> None:
    one, other = learn_topics(POSTS, WORDS, SETTINGS), learn_topics(POSTS, WORDS, SETTINGS)
    assert one.exp_elog_beta.tobytes() == other.exp_elog_beta.tobytes()
    third = learn_topics(POSTS, WORDS, changed(topics=GROUPS, topic_passes=10, seed=2))
    assert one.exp_elog_beta.tobytes() != third.exp_elog_beta.tobytes()


def test_gensim_infers_the_same_each_time(model: TopicModel) -> None:
    assert gensim_inference(model, POSTS).tobytes() == gensim_inference(model, POSTS).tobytes()


def test_the_graph_infers_what_gensim_does() -> None:
    posts, _ = planted_ids(400, seed=5)
    random = np.random.default_rng(5)
    # Mixed posts, unknown words and repeated ones: all that makes inference take its time.
    rows = [[*ids.tolist(), *random.integers(1, WORDS, size=5).tolist()] for ids in posts]
    mixed = Ragged.of(rows)
    model = learn_topics(mixed, WORDS, changed(topics=8, topic_passes=2))
    inference = TopicInference(model.exp_elog_beta, model.alpha).eval()
    with torch.inference_mode():
        theta = inference(torch.from_numpy(mixed.padded())).numpy()
    reference = gensim_inference(model, mixed)
    assert reference.dtype == np.float32
    assert np.abs(theta - reference).max() < 1e-5
    assert reference.sum(axis=1) == pytest.approx(np.ones(400), abs=1e-5)


def test_topics_of_many_posts_come_in_their_order(model: TopicModel) -> None:
    posts, _ = planted_ids(1_100, seed=6)  # more than are inferred at once
    together = infer_topics(model, posts)
    for row in (0, 512, 1_099):
        alone = infer_topics(model, posts.take(np.array([row])))[0]
        assert together[row] == pytest.approx(alone, abs=1e-6)


def test_a_bag_counts_words_and_forgets_their_order() -> None:
    ids = np.array([7, 5, 7, 9, 7], dtype=np.int32)
    assert bag_of_words(ids) == [(5, 1.0), (7, 3.0), (9, 1.0)]
    assert bag_of_words(ids, frozenset({7})) == [(5, 1.0), (9, 1.0)]
    assert bag_of_words(np.array([], dtype=np.int32)) == []


def test_progress_counts_the_posts_of_each_pass() -> None:
    counts: list[int] = []
    learn_topics(POSTS, WORDS, SETTINGS, counts.append)
    assert sum(counts) == SETTINGS.topic_passes * len(POSTS)
