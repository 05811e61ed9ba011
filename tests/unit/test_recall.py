"""Which posts are remembered."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.memory import Votes
from worker.messages import Post
from worker.recall import Opinion, Recall, sampled
from worker.settings import Settings
from worker.signals import Signals
from worker.telemetry import Metrics

IDS = [Signals().entry(Post(str(number), ""), 0.0, ["sea"]).id for number in range(4_000)]
SHARES = st.floats(0, 1)


def remembered(post: Post, **settings: Any) -> bool:  # noqa: ANN401
    """Say whether a worker of these settings publishes a record of a post."""
    recall = Recall(Settings(**settings), Metrics())
    entry = recall._signals.entry(post, 0.0, post.hashtags or [])
    return bool(recall.remember(post, Opinion(entry, Votes({}, {}))))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_sample_is_as_large_as_asked_for(share: float) -> None:
    found = sum(sampled(key, share) for key in IDS) / len(IDS)
    assert found == pytest.approx(share, abs=0.03)


@given(SHARES, SHARES, st.sampled_from(IDS))
def test_a_smaller_sample_is_part_of_a_larger(one: float, other: float, key: int) -> None:
    assert not sampled(key, min(one, other)) or sampled(key, max(one, other))


@given(st.integers(-(2**63), 2**63 - 1))
def test_all_and_none_are_without_exception(key: int) -> None:
    assert sampled(key, 1.0)
    assert not sampled(key, 0.0)


def test_every_worker_samples_the_same_by_the_id_alone() -> None:
    posts = [Post(str(number), "", hashtags=["sea"]) for number in range(200)]
    kept = [post for post in posts if remembered(post, memory_share=0.3)]
    assert 0 < len(kept) < len(posts)
    for post in posts:
        other = msgspec.structs.replace(post, text="other words", author="someone")
        assert remembered(other, memory_share=0.3, signals="text") == (post in kept)


@pytest.mark.parametrize(("accepted_votes", "due"), [("ignore", False), ("count", True)])
def test_accepted_suggestions_are_remembered_where_asked_for(
    accepted_votes: str, *, due: bool
) -> None:
    accepted = Post("1", "", hashtags=["sea"], accepted_suggestion=True)
    assert remembered(accepted, accepted_votes=accepted_votes) == due
    assert remembered(msgspec.structs.replace(accepted, accepted_suggestion=False))


def test_a_post_without_a_hashtag_is_not_remembered() -> None:
    assert not remembered(Post("1", "by the sea"))
