"""What every method can do: learn from posts, and recommend hashtags for texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from trainer.material import Material
from trainer.reading import Inputs
from trainer.settings import FitSettings
from trainer.text import Text

Rows = npt.NDArray[np.int64]


class Method(Protocol):
    """One method, on posts as numbers; its hashtags are rows of `material.labels`.

    Those rows are sorted by how many training posts have them, the most first.
    """

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn, and leave in `folder` all that `load` needs; what was unfinished there goes on.

        Settings of the text, the vectors and the topics are the material's; `settings` has the
        method's own and its seed.
        """
        ...

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        ...

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the `k` best hashtags of each post [posts, k], best first, none twice.

        Every post has at least one word, known or not; `k` is at most the number of hashtags.
        """
        ...


class Recommender:
    """A method that has learned, asked with texts."""

    def __init__(self, text: Text, method: Method) -> None:
        self._text = text
        self._method = method

    def recommend(self, texts: Sequence[str], k: int) -> list[list[str]]:
        """Return `k` hashtags a text, in canonical form, best first; fewer only if there are."""
        names = [hashtag.canonical for hashtag in self._text.hashtags]
        rows = self.rank(self._text.reader.read(texts), k)
        return [[names[row] for row in best] for best in rows.tolist()]

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return rows of hashtags [posts, k]; a post without a word gets the most frequent ones."""
        k = min(k, len(self._text.hashtags))
        ranked = np.tile(np.arange(k, dtype=np.int64), (len(posts), 1))
        readable = np.flatnonzero(posts.ids.lengths)
        if len(readable):
            ranked[readable] = self._method.rank(posts.take(readable), k)
        return ranked
