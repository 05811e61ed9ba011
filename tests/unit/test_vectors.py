"""Word vectors: related words lie near each other, and equal seeds give equal vectors."""

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.learning import GROUPS, WORDS, changed, group_rows, planted_ids
from trainer.ragged import Ragged
from trainer.vectors import learn_vectors

SETTINGS = changed(dimensions=16, vector_epochs=20)
POSTS, _ = planted_ids(600)


@pytest.fixture(scope="module")
def vectors() -> npt.NDArray[np.float32]:
    return learn_vectors(POSTS, WORDS, SETTINGS).matrix


def test_words_of_one_group_are_nearer_than_words_of_two(
    vectors: npt.NDArray[np.float32],
) -> None:
    unit = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
    likeness = unit @ unit.T
    within = [likeness[group_rows(group), group_rows(group)].mean() for group in range(GROUPS)]
    across = [
        likeness[group_rows(one), group_rows(other)].mean()
        for one in range(GROUPS)
        for other in range(one)
    ]
    assert min(within) > max(across) + 0.3


def test_there_is_a_row_a_word_and_padding_s_is_zero(vectors: npt.NDArray[np.float32]) -> None:
    assert vectors.shape == (WORDS, 16)
    assert vectors.dtype == np.float32
    assert (vectors[0] == 0).all()
    assert (vectors[1:] != 0).any(axis=1).all()


def test_words_that_were_not_seen_start_small(vectors: npt.NDArray[np.float32]) -> None:
    posts = Ragged.of([[1, *ids.tolist()] for ids in POSTS])  # the unknown word is none
    more = learn_vectors(posts, WORDS + 5, SETTINGS).matrix
    bound = 0.5 / 16
    for row in (1, *range(WORDS, WORDS + 5)):
        assert 0 < np.abs(more[row]).max() <= bound
    assert np.abs(more[2:WORDS]).max() > bound
    assert more[2:WORDS].tobytes() == vectors[2:].tobytes()  # they change no other word


def test_equal_seeds_give_equal_vectors_and_others_do_not(
    vectors: npt.NDArray[np.float32],
) -> None:
    assert learn_vectors(POSTS, WORDS, SETTINGS).matrix.tobytes() == vectors.tobytes()
    other = learn_vectors(POSTS, WORDS, changed(dimensions=16, vector_epochs=20, seed=2)).matrix
    assert other.tobytes() != vectors.tobytes()


def test_progress_counts_epochs() -> None:
    counts: list[int] = []
    learn_vectors(POSTS, WORDS, changed(vector_epochs=3), counts.append)
    assert counts == [1, 1, 1]
