"""Dataclasses of arrays come back as they were, or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from trainer.arrays import load_arrays, save_arrays
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs


@dataclass(frozen=True)
class Flat:
    """Two arrays of different kinds."""

    matrix: npt.NDArray[np.float32]
    flags: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Anything:
    """An array of whatever kind."""

    items: npt.NDArray[Any]


FLAT = Flat(np.array([[1.5, -0.0], [np.inf, 3]], dtype=np.float32), np.array([True, False]))
POSTS = EncodedPosts(
    Inputs(Ragged.of([[5, 6], []]), Ragged.of([[], [7, 8, 9]])),
    Ragged.of([[0], [1, 2]]),
    np.array([3, 2], dtype=np.int64),
)


def test_arrays_keep_their_values_their_shape_and_their_type(tmp_path: Path) -> None:
    save_arrays(tmp_path / "flat.npz", FLAT)
    found = load_arrays(tmp_path / "flat.npz", Flat)
    assert found.matrix.tobytes() == FLAT.matrix.tobytes()
    assert found.matrix.dtype == np.float32
    assert found.matrix.shape == (2, 2)
    assert found.flags.dtype == np.bool_
    assert found.flags.tolist() == [True, False]


def test_dataclasses_within_dataclasses_come_back(tmp_path: Path) -> None:
    save_arrays(tmp_path / "posts.npz", POSTS)
    found = load_arrays(tmp_path / "posts.npz", EncodedPosts)
    assert [row.tolist() for row in found.ids] == [[5, 6], []]
    assert [row.tolist() for row in found.inputs.context] == [[], [7, 8, 9]]
    assert [row.tolist() for row in found.labels] == [[0], [1, 2]]
    assert found.gold.tolist() == [3, 2]
    assert found.labels.values.dtype == np.int32


def test_the_same_arrays_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "other.npz"):
        save_arrays(tmp_path / name, POSTS)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_what_stops_while_it_writes_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "flat.npz"
    save_arrays(file, FLAT)
    before = file.read_bytes()

    def full(path: Path, **_: object) -> None:
        path.write_bytes(before[: len(before) // 2])
        raise OSError("no space")

    monkeypatch.setattr(np, "savez", full)
    for target in (file, tmp_path / "new.npz"):
        with pytest.raises(OSError, match="no space"):
            save_arrays(target, FLAT)
    assert file.read_bytes() == before
    assert not (tmp_path / "new.npz").exists()


def test_objects_are_not_read_since_they_would_be_code(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", items=np.array([object], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(tmp_path / "objects.npz", Anything)
