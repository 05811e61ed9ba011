"""The hashtags that a model can suggest: those seen often enough in the training posts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from export.bundle import Hashtag
from trainer.corpus import LabelledPost
from trainer.errors import CorpusError


@dataclass
class HashtagCounter:
    """Counts hashtags, and their spellings, post by post."""

    counts: Counter[str] = field(default_factory=Counter)
    _spellings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, post: LabelledPost) -> None:
        """Count the hashtags of one post."""
        self.counts.update(post.hashtags)
        self._spellings.update(post.spellings.items())

    def frequent(self, min_count: int) -> list[Hashtag]:
        """Return the hashtags of at least `min_count` posts, the most frequent first.

        Raises `CorpusError` when there is none.
        """
        best: dict[str, str] = {}
        for (canonical, spelling), _ in sorted(
            self._spellings.items(), key=lambda item: (-item[1], item[0])
        ):
            best.setdefault(canonical, spelling)
        rows = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        frequent = [Hashtag(name, best[name], n) for name, n in rows if n >= min_count]
        if not frequent:
            raise CorpusError(
                f"no hashtag occurs in {min_count} training posts; lower --min-count or bring more"
            )
        return frequent


def most_frequent(posts: Iterable[LabelledPost], k: int) -> list[str]:
    """Return the `k` hashtags of the most posts, in canonical form: what popularity suggests."""
    counter = HashtagCounter()
    for post in posts:
        counter.add(post)
    return [hashtag.canonical for hashtag in counter.frequent(1)[:k]]


class Labels:
    """Canonical forms ↔ the rows of the model's output."""

    def __init__(self, hashtags: Iterable[Hashtag]) -> None:
        self.hashtags = list(hashtags)
        self._rows = {hashtag.canonical: row for row, hashtag in enumerate(self.hashtags)}

    def rows(self, post: LabelledPost) -> list[int]:
        """Return the rows of a post's hashtags, without those that the model cannot suggest."""
        return [self._rows[name] for name in post.hashtags if name in self._rows]
