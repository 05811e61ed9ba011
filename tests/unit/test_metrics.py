"""The figures are what their definitions say."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from trainer.corpus import LabelledPost
from trainer.evaluate import score
from trainer.metrics import KS, Quality, measure

# Two of two answers at ranks 1 and 3; one of three at rank 2, the others unreachable; none of one.
HITS = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=np.bool_)
GOLD = [2, 3, 1]


def post(*answers: str) -> LabelledPost:
    return LabelledPost("1", "text", {answer: answer for answer in answers})


class Slow(NamedTuple):
    """Precision, recall, F1 and hit rate at one k, by their definitions."""

    precision: float
    recall: float
    f1: float
    hit: float


def slow(posts: list[LabelledPost], ranked: list[list[str]], k: int) -> Slow:
    found = [
        len(set(best[:k]) & set(post.hashtags)) for post, best in zip(posts, ranked, strict=True)
    ]
    precision = sum(Fraction(n, k) for n in found) / len(posts)
    recall = sum(
        Fraction(n, len(post.hashtags)) for n, post in zip(found, posts, strict=True)
    ) / len(posts)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)
    hit = Fraction(sum(n > 0 for n in found), len(posts))
    return Slow(float(precision), float(recall), float(f1), float(hit))


def test_the_figures_of_three_posts_by_hand() -> None:
    quality = measure(HITS, GOLD)
    assert quality.precision == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 4, 1 / 5])
    assert quality.recall == pytest.approx([1 / 6, 5 / 18, 4 / 9, 4 / 9, 4 / 9])
    assert quality.f1 == pytest.approx([2 / 9, 10 / 33, 8 / 21, 8 / 25, 8 / 29])
    assert quality.hit == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3])


def test_f1_is_of_the_averages_not_the_average_of_f1() -> None:
    quality = measure(np.array([[1, 0, 0, 0, 0], [0] * 5], dtype=np.bool_), [1, 1])
    assert quality.f1[0] == pytest.approx(1 / 2)
    quality = measure(np.array([[1, 0, 0, 0, 0], [0] * 5], dtype=np.bool_), [4, 1])
    assert quality.f1[0] == pytest.approx(2 * (1 / 2) * (1 / 8) / (5 / 8))  # not (2/5) / 2


def test_nothing_found_is_zero_and_no_division_fails() -> None:
    quality = measure(np.zeros((4, 5), dtype=np.bool_), [1, 2, 3, 4])
    assert quality == Quality((0.0,) * 5, (0.0,) * 5, (0.0,) * 5, (0.0,) * 5)


def test_a_post_whose_answers_no_model_knows_counts() -> None:
    quality = score([post("known"), post("unknown")], [["known"], ["known"]])
    assert quality.precision[0] == quality.recall[0] == quality.hit[0] == 1 / 2


def test_answers_that_no_model_knows_count_in_recall() -> None:
    quality = score([post("known", "unknown", "unseen")], [["known", "a", "b", "c", "d"]])
    assert quality.recall == pytest.approx([1 / 3] * 5)
    assert quality.precision == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_fewer_suggestions_than_five_are_divided_by_k_all_the_same() -> None:
    quality = score([post("a", "b"), post("c")], [["a", "b"], []])
    assert quality.precision == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert quality.recall == pytest.approx([1 / 4, 1 / 2, 1 / 2, 1 / 2, 1 / 2])


def test_rows_are_in_per_cent_to_two_places() -> None:
    rows = measure(HITS, GOLD).rows("test", "stripped")
    assert [row.k for row in rows] == list(KS)
    assert {(row.split, row.protocol) for row in rows} == {("test", "stripped")}
    assert (rows[0].precision, rows[0].recall, rows[0].f1, rows[0].hit) == (
        33.33,
        16.67,
        22.22,
        33.33,
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_figures_are_those_of_a_slow_implementation(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"tag{number}" for number in range(12)]
    posts, ranked = [], []
    for _ in range(int(random.integers(1, 40))):
        posts.append(post(*random.permutation(names)[: random.integers(1, 5)].tolist()))
        ranked.append(random.permutation(names[:9])[: random.integers(6)].tolist())
    quality = score(posts, ranked)
    for at, k in enumerate(KS):
        figures = (quality.precision[at], quality.recall[at], quality.f1[at], quality.hit[at])
        assert figures == pytest.approx(slow(posts, ranked, k), abs=1e-12)
