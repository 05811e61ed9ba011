"""The compiled memory against its oracle, on any stream."""

import math
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.plain_memory import PlainMemory
from worker.memory import Memory, Votes
from worker.memory_entries import Entry
from worker.memory_room import Sizes
from worker.memory_state import Rules

FEW = st.integers(1, 3)
HASHTAGS = ["a", "b", "c", "d", "ss"]
Batches = list[list[Entry]]


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """A post of a small world, in which ids, authors, times and tokens come again."""
    number = draw(st.integers(1, 12))
    tokens = draw(st.lists(st.integers(100, 106), max_size=5, unique=True))
    return Entry(
        number,
        draw(st.sampled_from([0.0, 10.0, 1_800.0, 3_600.0, 5_400.0])),
        draw(st.sampled_from([0, 51, 51, 51, 52])),
        1_000 + draw(st.sampled_from([number, number, number, 1, 2])),
        tokens,
        [draw(st.sampled_from([1, 1, 2, 300])) for _ in tokens],
        draw(st.lists(st.sampled_from("aAbBcdß"), min_size=1, max_size=3, unique_by=str.casefold)),
        draw(st.sampled_from([f"post {number}"] * 3 + [""])),
    )


ROOMS = st.builds(
    Sizes,
    posts=st.integers(1, 12),
    tokens=st.integers(1, 5),
    hashtags=FEW,
    different_tokens=st.integers(1, 6),
    different_hashtags=st.integers(0, 2),
    suggested=st.integers(1, 5),
    batch=FEW,
)
RULES = st.builds(
    Rules,
    ring=st.integers(1, 8),
    newest=st.integers(0, 3),
    candidates=st.integers(1, 8),
    voters=st.integers(1, 6),
    power=st.sampled_from([1.0, 2.0]),
    scale=st.sampled_from([0.1, 1.0]),
    decay=st.sampled_from([0.0, 0.3]),
    sharing=st.sampled_from([0.0, 0.5]),
    author=st.sampled_from([0.0, 0.3, 2.0]),
)
STREAMS = st.lists(st.lists(entries(), min_size=1, max_size=8), max_size=8)
ROOMY = Sizes(posts=100, tokens=5, hashtags=3, batch=4)
MOST = st.integers(1, 3)


def agree(found: Votes, due: Votes) -> None:
    for one, other in ((found.shares, due.shares), (found.nearest, due.nearest)):
        assert list(one) == list(other)
        for name, value in one.items():
            assert math.isclose(value, other[name], rel_tol=1e-12)


@settings(max_examples=400)
@given(STREAMS, ROOMS, RULES, MOST)
def test_compiled_and_plain_agree_on_any_stream(
    stream: Batches, room: Sizes, rules: Rules, most: int
) -> None:
    memory, plain = Memory(room, rules, most), PlainMemory(room, rules, most)
    for batch in stream:
        for found, entry in zip(memory.look_up(batch), batch, strict=True):
            agree(found, plain.look_up(entry))
        memory.add(batch)
        plain.add(batch)
        assert list(memory.entries()) == list(plain.held.values())
        for tag in HASHTAGS:
            assert memory.spelling(tag) == plain.spelling(tag)


@given(STREAMS, ROOMS)
def test_bounds_hold_on_any_stream(stream: Batches, room: Sizes) -> None:
    memory = Memory(room)
    size, pages = memory.nbytes, [array.ctypes.data for array in memory.arrays()]
    for batch in stream:
        memory.look_up(batch)
        memory.add(batch)
        assert len(memory) <= room.posts
        assert memory.nbytes == size
        assert [array.ctypes.data for array in memory.arrays()] == pages


@given(STREAMS, RULES, MOST, st.data())
def test_redelivery_changes_no_vote(
    stream: Batches, rules: Rules, most: int, data: st.DataObject
) -> None:
    posts = {entry.id: entry for batch in stream for entry in batch}
    held = list(posts.values())
    memory = Memory(ROOMY, rules, most)
    memory.add(held)
    before = memory.look_up(held)
    memory.add(data.draw(st.lists(st.sampled_from(held))) if held else [])
    assert memory.look_up(held) == before


@given(STREAMS, RULES, MOST, st.randoms())
def test_votes_depend_on_what_is_held_and_on_no_order(
    stream: Batches, rules: Rules, most: int, random: Random
) -> None:
    held = list({entry.id: entry for batch in stream for entry in batch}.values())
    one, other = Memory(ROOMY, rules, most), Memory(ROOMY, rules, most)
    one.add(held)
    mixed = list(held)
    random.shuffle(mixed)
    other.add(mixed)
    assert one.look_up(held) == other.look_up(held)
    assert [one.spelling(tag) for tag in HASHTAGS] == [other.spelling(tag) for tag in HASHTAGS]


@given(STREAMS, ROOMS, RULES, MOST)
def test_a_snapshot_restores_all_of_it(
    stream: Batches, room: Sizes, rules: Rules, most: int
) -> None:
    one, other = Memory(room, rules, most), Memory(room, rules, most)
    for batch in stream:
        one.add(batch)
    other.restore(one.snapshot())
    assert other.digest() == one.digest()
    for batch in stream:
        assert other.look_up(batch) == one.look_up(batch)


@given(STREAMS, ROOMS, MOST)
def test_what_is_held_is_the_end_of_the_stream(stream: Batches, room: Sizes, most: int) -> None:
    """A worker that starts late, and reads back far enough, holds the same."""
    entire = [entry for batch in stream for entry in batch]
    early = Memory(room, most=most)
    early.add(entire)
    ids = [entry.id for entry in entire]
    start = len(ids)
    while start > 0 and len(set(ids[start:])) < room.posts:
        start -= 1
    late = Memory(room, most=most)
    late.add(entire[start:])
    assert late.digest() == early.digest()
