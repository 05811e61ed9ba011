"""Each post is answered before it is known."""

from tests.unit.test_memory import memory, post
from worker.quality import predict_first, score


def test_hits_are_told_rank_by_rank() -> None:
    found = score(["a", "b", "c", "d", "e", "f"], {"b", "e", "f"})
    assert found.hits == (False, True, False, False, True)
    assert found.hashtags == 3


def test_fewer_suggestions_are_misses() -> None:
    assert score(["a"], {"a"}).hits == (True, False, False, False, False)


def test_all_posts_of_a_batch_are_looked_up_before_any_is_added() -> None:
    known = memory()
    batch = [post("storm"), post("storm"), post("")]
    assert [votes.shares for votes in predict_first(known, batch)] == [{}, {}, {}]
    assert len(known) == 2
    assert predict_first(known, [post("")])[0].shares == {"storm": 1.0}
