"""Rankings of rows are scored as the metrics say, whichever posts a method can read."""

import numpy as np
import pytest

from trainer.metrics import measure
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs
from trainer.scoring import hits_of, padded_ranks, quality_of


class Fixed:
    """Recommends the same rows whatever it is asked."""

    def __init__(self, ranked: list[list[int]]) -> None:
        self._ranked = np.array(ranked)

    def rank(self, posts: Inputs, k: int) -> object:
        assert len(posts) == len(self._ranked)
        return self._ranked[:, :k]


def posts(labels: list[list[int]], gold: list[int]) -> EncodedPosts:
    ids = Ragged.of([[2]] * len(labels))
    return EncodedPosts(Inputs(ids, ids), Ragged.of(labels), np.array(gold))


def test_a_rank_is_a_hit_where_it_is_one_of_the_posts_own_labels() -> None:
    ranked = np.array([[3, 0, 5], [3, 0, 5], [1, 2, 3]])
    hits = hits_of(ranked, Ragged.of([[0, 5], [3], []]))
    assert hits.tolist() == [[False, True, True], [True, False, False], [False] * 3]


def test_fewer_hashtags_than_five_are_filled_up_with_none() -> None:
    assert padded_ranks(np.array([[1, 0]])).tolist() == [[1, 0, -1, -1, -1]]
    assert padded_ranks(np.array([[4, 3, 2, 1, 0]])).tolist() == [[4, 3, 2, 1, 0]]
    assert not hits_of(padded_ranks(np.array([[1]])), Ragged.of([[0]])).any()


def test_quality_is_that_of_its_hits_and_of_all_answers() -> None:
    some = posts([[1, 4], [], [2]], [3, 1, 1])
    ranked = [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [2, 1, 0, 3, 4]]
    due = measure(np.array([[0, 1, 0, 0, 1], [0] * 5, [1, 0, 0, 0, 0]], dtype=np.bool_), [3, 1, 1])
    assert quality_of(Fixed(ranked), some) == due  # type: ignore[arg-type]


@pytest.mark.parametrize("hashtags", [1, 3])
def test_quality_is_told_where_there_are_fewer_hashtags(hashtags: int) -> None:
    some = posts([[0], [0]], [1, 2])
    quality = quality_of(Fixed([list(range(hashtags))] * 2), some)  # type: ignore[arg-type]
    assert quality.hit == (1.0,) * 5
    assert quality.recall == (0.75,) * 5
    assert quality.precision == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
