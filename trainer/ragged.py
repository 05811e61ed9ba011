"""Rows of different lengths in two flat arrays: how posts are held while learning."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.text import PADDING_ID

_TAKEN_AT_ONCE = 65_536  # rows, whose places in `values` are held meanwhile


@dataclass(frozen=True)
class Ragged:
    """`values` [total] int32, and `offsets` [rows + 1] of where each begins."""

    values: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[npt.ArrayLike]) -> "Ragged":
        """Gather rows; of each only its numbers are held, so a large corpus fits."""
        gathered = RaggedBuilder()
        for row in rows:
            gathered.add(row)
        return gathered.ragged()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[npt.NDArray[np.int32]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The length of each row."""
        return np.diff(self.offsets)

    def take(self, rows: npt.NDArray[np.int64]) -> "Ragged":
        """Return the rows of these numbers."""
        offsets = np.concatenate(([0], np.cumsum(self.lengths[rows])))
        values = np.empty(offsets[-1], dtype=np.int32)
        for first in range(0, len(rows), _TAKEN_AT_ONCE):
            ends = offsets[first : first + _TAKEN_AT_ONCE + 1]
            lengths = np.diff(ends)
            begins = self.offsets[rows[first : first + _TAKEN_AT_ONCE]]
            places = np.arange(ends[0], ends[-1]) + np.repeat(begins - ends[:-1], lengths)
            values[ends[0] : ends[-1]] = self.values[places]
        return Ragged(values, offsets)

    def padded(self) -> npt.NDArray[np.int64]:
        """Return all rows as one array [rows, longest], padded on the right."""
        lengths = self.lengths
        out = np.full((len(self), int(lengths.max(initial=1))), PADDING_ID, dtype=np.int64)
        out[np.arange(out.shape[1]) < lengths[:, None]] = self.values
        return out


class RaggedBuilder:
    """Gathers rows one after another, in two arrays that grow."""

    def __init__(self) -> None:
        self._values = array("i")
        self._lengths = array("q", [0])

    def add(self, row: npt.ArrayLike) -> None:
        """Append a row of whole numbers."""
        values = np.asarray(row, dtype=np.int32)
        self._values.frombytes(values.tobytes())
        self._lengths.append(len(values))

    def ragged(self) -> Ragged:
        """Return the rows; nothing can be added afterwards."""
        offsets = np.cumsum(np.frombuffer(self._lengths, dtype=np.int64))
        return Ragged(np.frombuffer(self._values, dtype=np.int32), offsets)
