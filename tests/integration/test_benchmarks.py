"""The benchmarks run, on a model so small that its times say nothing."""

import pytest

from benchmarks import predictor, stages
from benchmarks.made_up import MadeUp, Size
from export.manifest import CPU_VARIANTS

TINY = Size("tiny", words=400, hashtags=80, dimensions=16, hidden=12, topics=8)


def test_the_predictor_is_timed_beside_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "REPEATS", 1)
    monkeypatch.setattr(predictor, "POSTS", 64)
    monkeypatch.setattr(predictor, "FEW", 4)
    monkeypatch.setattr(stages, "POSTS", 128)
    found = predictor.measured(MadeUp("tab-lstm+", TINY), (1, 32))
    for ratios in found["headline"].values():
        assert set(ratios) == set(CPU_VARIANTS)
        assert all(ratio > 0 for ratio in ratios.values())
    assert {row["batch"] for row in found["rows"]} == {1, 32}
    assert set(found["stages"][CPU_VARIANTS[0]]) == {"tokenise", "topics", "network", "ranking"}


def test_posts_are_drawn_as_they_are_asked_for() -> None:
    made = MadeUp("tab-lstm", TINY)
    posts = made.posts(50)
    assert [post.tolist() for post in posts] == [post.tolist() for post in made.posts(50)]
    assert all(8 <= len(post) <= 20 and post.min() >= 2 and post.max() < 400 for post in posts)
