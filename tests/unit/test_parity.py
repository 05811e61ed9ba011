from collections.abc import Sequence

import numpy as np
import pytest

from export.errors import ParityError, RankingParityError, ScoreParityError, TopicParityError
from export.manifest import Tolerance
from export.parity import Answer, Difference, compare

TOLERANCE = Tolerance(theta=1e-5, scores=1e-4)
SCORES = (0.3, 0.2, 0.15, 0.1, 0.08, 0.07, 0.06)


def answer(
    theta: Sequence[float] = (0.75, 0.25),
    hashtags: Sequence[int] = range(7),
    scores: Sequence[float] = SCORES,
) -> Answer:
    return Answer(
        np.array(theta, dtype=np.float32),
        np.array(hashtags, dtype=np.int64),
        np.array(scores, dtype=np.float32),
    )


def test_what_is_equal_differs_by_nothing() -> None:
    assert compare([answer()], [answer()], TOLERANCE) == Difference(0.0, 0.0, 1.0)
    assert compare([], [], TOLERANCE) == Difference(0.0, 0.0, 1.0)


def test_the_largest_difference_of_all_is_told() -> None:
    near = answer(theta=(0.75, 0.250005))
    far = answer(scores=(0.30005, *SCORES[1:]))
    difference = compare([answer()] * 3, [far, near, answer()], TOLERANCE)
    assert difference.theta == pytest.approx(5e-6, rel=0.1)
    assert difference.scores == pytest.approx(5e-5, rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (answer(theta=(0.7501, 0.2499)), TopicParityError),
        (answer(theta=(float("nan"), 0.25)), TopicParityError),
        (answer(theta=(0.75, 0.25, 0.0)), TopicParityError),
        (answer(scores=(0.31, *SCORES[1:])), ScoreParityError),
        (answer(scores=(float("nan"), *SCORES[1:])), ScoreParityError),
        (answer(hashtags=range(6), scores=SCORES[:6]), ScoreParityError),
        (answer(hashtags=(1, 0, 2, 3, 4, 5, 6)), RankingParityError),
        (answer(hashtags=(0, 1, 2, 3, 9, 5, 6)), RankingParityError),
    ],
)
def test_each_kind_of_difference_has_its_error(wrong: Answer, error: type[ParityError]) -> None:
    with pytest.raises(error, match="post 1"):
        compare([answer(), answer()], [answer(), wrong], TOLERANCE)


def test_an_answer_too_few_is_an_error() -> None:
    with pytest.raises(RankingParityError, match="1 answers for 2 posts"):
        compare([answer(), answer()], [answer()], TOLERANCE)


def test_either_order_of_a_tie_is_right() -> None:
    tied = (0.3, 0.3 - TOLERANCE.ties / 2, *SCORES[2:])
    one, other = answer(scores=tied), answer(hashtags=(1, 0, 2, 3, 4, 5, 6), scores=tied)
    compare([one], [other], TOLERANCE)


def test_either_of_two_tied_at_the_last_rank_is_right() -> None:
    tied = [0.2] * 3
    one = answer(hashtags=(4, 5, 6), scores=tied)
    compare([one], [answer(hashtags=(4, 5, 9), scores=tied)], TOLERANCE)


def test_ranks_past_the_fifth_may_differ() -> None:
    compare([answer()], [answer(hashtags=(0, 1, 2, 3, 4, 6, 5))], TOLERANCE)
