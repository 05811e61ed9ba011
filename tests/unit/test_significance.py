"""Intervals and tests say what a textbook says, and the same for equal posts."""

import numpy as np
import pytest
from scipy import stats

from trainer.significance import RESAMPLES, PostScores, difference, interval, lower_bound


def drawn(posts: int, hit_rate: float, seed: int = 0) -> PostScores:
    """Return a method that hits at random, on posts with one hashtag each."""
    hits = np.random.default_rng(seed).random((1, posts)) < hit_rate
    return PostScores.of(hits, np.ones(posts, dtype=np.int64))


def test_scores_are_means_over_seeds_and_recall_counts_all_answers() -> None:
    hits = np.array([[True, False, True], [True, True, False]])
    scores = PostScores.of(hits, np.array([1, 2, 4]))
    assert scores.precision.tolist() == [1.0, 0.5, 0.5]
    assert scores.recall.tolist() == [1.0, 0.25, 0.125]
    precision, recall = 2 / 3, 1.375 / 3
    assert scores.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_method_without_a_hit_has_no_f1_and_no_spread() -> None:
    none = PostScores.of(np.zeros((1, 50), dtype=np.bool_), np.ones(50, dtype=np.int64))
    assert none.f1 == 0.0
    assert (interval(none).value, interval(none).low, interval(none).high) == (0.0, 0.0, 0.0)


def test_the_interval_is_that_of_a_share() -> None:
    """With one hashtag a post, F1@1 is a share, whose spread is known."""
    found = interval(drawn(4_000, 0.3))
    spread = 196 * np.sqrt(0.3 * 0.7 / 4_000)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * spread, rel=0.1)


def test_a_real_difference_is_told_from_chance() -> None:
    worse, better = drawn(4_000, 0.20, seed=1), drawn(4_000, 0.26, seed=2)
    found = difference(better, worse)
    assert found.interval.low > 0
    assert found.p_bootstrap == 1 / RESAMPLES
    assert found.p_t_test == pytest.approx(
        stats.ttest_rel(better.precision, worse.precision).pvalue
    )
    assert difference(worse, better).interval.value == pytest.approx(-found.interval.value)


def test_chance_is_not_taken_for_a_difference() -> None:
    found = difference(drawn(4_000, 0.25, seed=3), drawn(4_000, 0.25, seed=4))
    assert found.interval.low < 0 < found.interval.high
    assert found.p_bootstrap > 0.05


def test_a_method_does_not_differ_from_itself() -> None:
    one = drawn(500, 0.5)
    found = difference(one, one)
    assert (found.interval.value, found.p_t_test, found.p_bootstrap) == (0.0, 1.0, 1.0)


def test_pairs_are_resampled_together() -> None:
    """Two methods that err on the same posts differ surely, however few the posts."""
    hits = np.random.default_rng(5).random(400) < 0.5
    more = hits.copy()
    more[np.flatnonzero(~hits)[:12]] = True
    gold = np.ones(400, dtype=np.int64)
    one, other = PostScores.of(more[None], gold), PostScores.of(hits[None], gold)
    assert difference(one, other).interval.low > 0
    assert interval(one).low < interval(other).value  # alone, the two could not be told apart


def test_the_lower_bound_is_one_sided_and_paired() -> None:
    """Of a share's difference on the same posts, the spread is known."""
    random = np.random.default_rng(5).random((2, 1, 4_000))
    both = [PostScores.of(some < 0.3, np.ones(4_000, dtype=np.int64)) for some in random]
    gap = both[0].precision - both[1].precision
    due = 100 * (gap.mean() - 1.645 * gap.std() / np.sqrt(4_000))
    assert lower_bound(both[0], both[1]) == pytest.approx(due, abs=0.1)
    assert lower_bound(both[0], both[0]) == 0.0
