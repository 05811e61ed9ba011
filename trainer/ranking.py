"""Scores → the best hashtags, with ties decided for the more frequent one."""

import numpy as np
import numpy.typing as npt


def best_rows(scores: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """Return the `k` best columns of scores [posts, M], best first, ties to the lower column.

    Columns are hashtags by falling frequency, so a post of which nothing is known, all its
    scores equal, gets the most frequent ones.
    """
    columns = scores.shape[1]
    if k >= columns:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    # Only what reaches the k-th best score can be among the best, ties at that score included.
    due = -np.partition(-scores, k - 1, axis=1)[:, k - 1]
    found = np.empty((len(scores), k), dtype=np.int64)
    for row, (values, least) in enumerate(zip(scores, due, strict=True)):
        candidates = np.flatnonzero(values >= least)
        found[row] = candidates[np.argsort(-values[candidates], kind="stable")][:k]
    return found
