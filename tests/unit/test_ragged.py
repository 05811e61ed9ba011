"""Rows of different lengths in two flat arrays."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import ragged as module
from trainer.ragged import Ragged

ROWS = [[5, 6, 7], [], [8], [9, 9]]


def as_lists(ragged: Ragged) -> list[list[int]]:
    return [row.tolist() for row in ragged]


def test_rows_come_back_as_they_were() -> None:
    ragged = Ragged.of(ROWS)
    assert len(ragged) == 4
    assert as_lists(ragged) == ROWS
    assert ragged[0].tolist() == [5, 6, 7]
    assert ragged[1].tolist() == []
    assert ragged.lengths.tolist() == [3, 0, 1, 2]


def test_numbers_are_held_small() -> None:
    ragged = Ragged.of(np.array([1, 2], dtype=np.int64) for _ in range(3))
    assert ragged.values.dtype == np.int32
    assert ragged.offsets.dtype == np.int64
    assert ragged.values.shape == (6,)


def test_gathering_holds_little_beside_the_numbers() -> None:
    tracemalloc.start()
    try:
        ragged = Ragged.of([row, row + 1, row + 2] for row in range(20_000))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ragged) == 20_000
    assert most < 4 * (ragged.values.nbytes + ragged.offsets.nbytes)


def test_rows_are_taken_in_any_order_and_more_than_once() -> None:
    assert as_lists(Ragged.of(ROWS).take(np.array([3, 1, 0, 3]))) == [[9, 9], [], [5, 6, 7], [9, 9]]


def test_padding_stands_on_the_right_up_to_the_longest() -> None:
    padded = Ragged.of(ROWS).padded()
    assert padded.dtype == np.int64
    assert padded.tolist() == [[5, 6, 7], [0, 0, 0], [8, 0, 0], [9, 9, 0]]


def test_rows_without_anything_are_padded_to_one_column() -> None:
    # A network cannot read posts of length zero.
    assert Ragged.of([[], []]).padded().tolist() == [[0], [0]]


def test_nothing_at_all_is_held_too() -> None:
    empty = Ragged.of([])
    assert len(empty) == 0
    assert as_lists(empty) == []
    assert empty.lengths.tolist() == []
    assert empty.padded().shape == (0, 1)
    assert len(empty.take(np.array([], dtype=np.int64))) == 0
    assert len(Ragged.of(ROWS).take(np.array([], dtype=np.int64))) == 0


@given(st.data(), st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=9))
def test_rows_are_taken_as_lists_would_be(data: st.DataObject, rows: list[list[int]]) -> None:
    numbers = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(module, "_TAKEN_AT_ONCE", 2)
        taken = Ragged.of(rows).take(np.array(numbers, dtype=np.int64))
    assert as_lists(taken) == [rows[number] for number in numbers]
