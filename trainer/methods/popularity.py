"""The yardstick that every method must beat: the most frequent hashtags, whatever the text."""

from collections.abc import Iterable, Sequence

from trainer.corpus import LabelledPost
from trainer.labels import HashtagCounter


class Popularity:
    """Recommends the hashtags of the most training posts."""

    def __init__(self) -> None:
        self._counter = HashtagCounter()

    def fit(self, posts: Iterable[LabelledPost]) -> None:
        """Count the hashtags."""
        for post in posts:
            self._counter.add(post)

    def recommend(self, texts: Sequence[str], k: int) -> list[list[str]]:
        """Return the same hashtags for each text."""
        best = [hashtag.canonical for hashtag in self._counter.frequent(1)[:k]]
        return [best] * len(texts)
