"""What the memory votes for and what the model expects, in one ranking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fusion import fuse

OPINIONS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1.0), max_size=5)


def test_both_opinions_are_added_and_each_says_where_it_came_from() -> None:
    fused = list(fuse({"new": 0.6, "known": 0.4}, {"known": 0.5, "old": 0.2}, 1.0))
    assert [(one.hashtag, one.sources) for one in fused] == [
        ("known", ["model", "memory"]),
        ("new", ["memory"]),
        ("old", ["model"]),
    ]
    assert [one.score for one in fused] == pytest.approx([0.45, 0.3, 0.1])


def test_without_votes_the_model_decides() -> None:
    alone = fuse({}, {"b": 0.7, "a": 0.1}, 0.2)
    assert [(one.hashtag, one.score) for one in alone] == [("b", 0.7), ("a", 0.1)]


def test_a_weight_of_nothing_leaves_the_memory_alone() -> None:
    assert [one.score for one in fuse({"a": 0.9}, {"b": 1.0}, 0.0)] == [0.9, 0.0]


@given(OPINIONS, OPINIONS, st.floats(0.0, 2.0))
def test_every_hashtag_is_ranked_once_by_falling_scores_of_at_most_one(
    shares: dict[str, float], probabilities: dict[str, float], weight: float
) -> None:
    best_first = dict(sorted(probabilities.items(), key=lambda one: -one[1]))
    fused = list(fuse(shares, best_first, weight))
    assert sorted(one.hashtag for one in fused) == sorted(shares.keys() | probabilities.keys())
    scores = [one.score for one in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= value <= 1 + 1e-9 for value in scores)
