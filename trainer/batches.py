"""Which posts are learned from at once, and by which process."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainer import processes

_POOL = 50  # batches among which posts are sorted by length

Rows = npt.NDArray[np.int64]


def batches(lengths: Rows, size: int, random: np.random.Generator) -> Iterator[Rows]:
    """Yield the rows of each mini-batch: posts of like length together, in random order."""
    order = random.permutation(len(lengths))
    pools = [order[i : i + size * _POOL] for i in range(0, len(order), size * _POOL)]
    chunks = [
        pool[np.argsort(lengths[pool], kind="stable")][i : i + size]
        for pool in pools
        for i in range(0, len(pool), size)
    ]
    for chunk in random.permutation(len(chunks)):
        yield chunks[chunk]


def share_of(rows: Rows) -> tuple[Rows, float]:
    """Return the rows of a mini-batch that are this process's, and what share of all they are.

    One that is left without a post gets one that counts nothing, since all processes have to meet.
    """
    share = rows[processes.rank() :: processes.count()]
    return (share, len(share) / len(rows)) if len(share) else (rows[:1], 0.0)
