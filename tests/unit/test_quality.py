"""Each post is scored by its own hashtags, and no post twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.quality import FADING, Apart, Decayed, Ranked, Seen, Source, score, scored

MODEL, MEMORY, BOTH = Source.MODEL, Source.MEMORY, Source.BOTH
FIRST = [
    Ranked("a", MODEL), Ranked("b", MEMORY), Ranked("c", BOTH), Ranked("d", MODEL),
    Ranked("e", MEMORY),
]  # fmt: skip


def test_hits_are_told_rank_by_rank() -> None:
    found = score(["a", "b", "c", "d", "e", "f"], {"b", "e", "f"})
    assert found.hits == (False, True, False, False, True)
    assert found.hashtags == 3


def test_fewer_suggestions_are_misses() -> None:
    assert score(["a"], {"a"}).hits == (True, False, False, False, False)


@pytest.mark.parametrize(
    ("own", "hits"),
    [
        ("a", {1: MODEL, 5: MODEL}),
        ("b", {5: MEMORY}),
        ("c", {5: BOTH}),
        ("be", {5: MEMORY}),
        ("ab", {1: MODEL, 5: BOTH}),
        ("x", {}),
    ],
)
def test_a_hit_is_theirs_who_knew_of_what_was_right(own: str, hits: dict[int, Source]) -> None:
    assert scored(FIRST, set(own), set(), None).hits == hits


def test_hashtags_that_the_model_does_not_know_are_counted() -> None:
    assert scored(FIRST, {"a", "x", "y"}, {"a", "b"}, None).unknown == 2


@pytest.mark.parametrize(
    ("names", "source"),
    [(None, MODEL), (["model"], MODEL), (["memory"], MEMORY), (["model", "memory"], BOTH)],
)
def test_sources_are_named(names: list[str] | None, source: Source) -> None:
    assert Source.of(names) == source


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1))
def test_a_decayed_mean_is_that_of_weights_that_fade(values: list[tuple[int, int]]) -> None:
    found = Decayed()
    for value, weight in values:
        found.add(value, weight)
    fades = [FADING**age for age in range(len(values) - 1, -1, -1)]
    due = sum(fade * value for fade, (value, _) in zip(fades, values, strict=True))
    assert found.mean == pytest.approx(
        due / sum(fade * weight for fade, (_, weight) in zip(fades, values, strict=True))
    )


def test_of_nothing_there_is_no_mean() -> None:
    assert Decayed().mean != Decayed().mean


@given(st.lists(st.integers(0, 20)), st.integers(1, 8))
def test_the_last_posts_are_known_again(ids: list[int], most: int) -> None:
    seen = Seen(most)
    for identity in ids:
        seen.note([[identity]])
    assert all(identity in seen for identity in ids[-most:])
    assert not any(identity in seen for identity in set(ids) - set(ids[-2 * most :]))


def test_a_repeat_is_of_a_post_or_of_its_text() -> None:
    seen = Seen(10)
    seen.note([["id", b"text"], ["other", None]])
    assert seen.repeated("id", b"more") == Apart.REPEATED_ID
    assert seen.repeated("new", b"text") == Apart.REPEATED_TEXT
    assert seen.repeated("new", b"more") is None
    assert seen.repeated("new", None) is None
