"""What every method can do: learn from posts, and recommend hashtags for texts."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from trainer.corpus import LabelledPost


class Recommender(Protocol):
    """A method of hashtag recommendation."""

    def fit(self, posts: Iterable[LabelledPost]) -> None:
        """Learn from posts with their hashtags."""
        ...

    def recommend(self, texts: Sequence[str], k: int) -> list[list[str]]:
        """Return up to `k` hashtags a text, in canonical form, best first."""
        ...
