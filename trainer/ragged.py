"""Rows of different lengths in two flat arrays: how posts are held while learning."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.text import PADDING_ID


@dataclass(frozen=True)
class Ragged:
    """`values` [total] int32, and `offsets` [rows + 1] of where each begins."""

    values: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[npt.ArrayLike]) -> "Ragged":
        """Gather rows; each is kept as numbers, so a large corpus fits."""
        values: list[npt.NDArray[np.int32]] = []
        lengths = [0]
        for row in rows:
            values.append(np.asarray(row, dtype=np.int32))
            lengths.append(len(values[-1]))
        flat = np.concatenate(values) if values else np.zeros(0, dtype=np.int32)
        return cls(flat, np.cumsum(lengths, dtype=np.int64))

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
        return Ragged.of([self[int(row)] for row in rows])

    def padded(self) -> npt.NDArray[np.int64]:
        """Return all rows as one array [rows, longest], padded on the right."""
        lengths = self.lengths
        out = np.full((len(self), int(lengths.max(initial=1))), PADDING_ID, dtype=np.int64)
        out[np.arange(out.shape[1]) < lengths[:, None]] = self.values
        return out
