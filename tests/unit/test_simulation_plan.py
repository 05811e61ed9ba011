"""Each model learns from what came before the posts that it is asked, and from nothing else."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import CorpusError
from trainer.simulation_plan import Learning, Plan, Span

DAY = 86_400.0
DAILY = [DAY * number for number in range(100)]
SPANS: st.SearchStrategy[Span] = st.one_of(
    st.floats(0.01, 0.9), st.integers(1, 40).map(lambda hours: timedelta(hours=hours))
)


@given(
    st.lists(st.integers(0, 40), min_size=20, max_size=80).map(sorted),
    st.floats(0.3, 0.9),
    SPANS,
    st.one_of(st.none(), SPANS),
)
def test_no_model_learns_from_a_moment_that_it_is_asked_about(
    hours: list[int], first: float, every: Span, window: Span | None
) -> None:
    times = [3_600.0 * hour for hour in hours]
    try:
        found = Plan(first, every, window).learnings(times)
    except CorpusError:
        return
    for one in found:
        assert one.begin < one.dev < one.asked < one.until
        assert times[one.dev - 1] < times[one.dev]
        assert times[one.asked - 1] < times[one.asked]
    asked = [row for one in found for row in range(one.asked, one.until)]
    assert asked == list(range(found[0].asked, len(times)))


@pytest.mark.parametrize(
    ("every", "asked"),
    [
        (None, [50]),
        (0.2, [50, 70, 90]),
        (timedelta(days=20), [50, 70, 90]),
        (timedelta(days=60), [50]),
    ],
)
def test_models_are_learned_as_often_as_asked(every: Span | None, asked: list[int]) -> None:
    found = Plan(0.5, every).learnings(DAILY)
    assert [one.asked for one in found] == asked
    assert {one.begin for one in found} == {0}
    assert found[-1].until == 100


@pytest.mark.parametrize("window", [0.3, timedelta(days=30)])
def test_a_window_moves_along(window: Span) -> None:
    found = Plan(0.5, 0.25, window).learnings(DAILY)
    assert found == [Learning(20, 47, 50, 75), Learning(45, 72, 75, 100)]


def test_too_few_posts_to_learn_from_are_told() -> None:
    with pytest.raises(CorpusError, match="1 posts before post 1 are too few"):
        Plan(0.01, None).learnings(DAILY)
