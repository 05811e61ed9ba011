"""Scores → the best hashtags."""

import numpy as np
import pytest

from trainer.ranking import best_rows


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_ties_go_to_the_lower_column(k: int) -> None:
    scores = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 3.0, 1.0, 3.0]])
    assert best_rows(scores, k).tolist() == [[0, 1, 2, 3][:k], [1, 3, 0, 2][:k]]


@pytest.mark.parametrize("k", [1, 5, 30])
def test_it_is_a_stable_sort(k: int) -> None:
    scores = np.random.default_rng(0).integers(5, size=(50, 30)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert (best_rows(scores, k) == expected).all()
