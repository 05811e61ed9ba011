"""The yardstick that every method must beat: the most frequent hashtags, whatever the text."""

from pathlib import Path
from typing import Self

import numpy as np

from trainer.material import Material
from trainer.reading import Inputs
from trainer.recommender import Rows
from trainer.settings import FitSettings


class Popularity:
    """Recommends the hashtags of the most training posts, which are the first rows."""

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn nothing: hashtags are counted for every method."""
        del material, settings, folder
        return cls()

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Return the method."""
        del folder, settings
        return cls()

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the same hashtags [posts, k] for each post."""
        return np.tile(np.arange(k, dtype=np.int64), (len(posts), 1))
