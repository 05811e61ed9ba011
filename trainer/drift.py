"""How much of newly collected posts a model does not know, beside what it did not know when new."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from export.bundle import Bundle
from export.plain import Encoder
from export.text import UNKNOWN_ID
from trainer.collected import read
from trainer.errors import CorpusError
from trainer.post_files import PostFiles
from trainer.window import Window
from worker.event_time import event_time
from worker.messages import Post
from worker.recall import carried

_COLUMNS = ("id", "text", "hashtags")
_NEXT = timedelta(microseconds=1)  # the resolution of collected posts


class Unknown(msgspec.Struct, frozen=True):
    """Shares, in per cent, of the hashtags and words of some posts that a model does not know.

    `posts` are those with a hashtag; a share of nothing is None.
    """

    posts: int
    hashtags: float | None
    words: float | None


class Reader:
    """Reads posts as a bundle's model does."""

    def __init__(self, bundle: Bundle) -> None:
        self._encoder = Encoder(bundle.tokenizer())
        self._known = {one.canonical for one in bundle.hashtags()}

    def unknown(self, url: str, window: Window) -> Unknown:
        """Return the shares over the collected posts of a window that have a hashtag.

        Raises `CorpusError` where nothing is collected at all, or a file cannot be read.
        """
        files = PostFiles(url)
        if not files.days():
            raise CorpusError(f"{url} has no posts; `trainer collect {url}` collects them")
        counts = np.zeros(5, dtype=np.int64)
        for rows in read(files, window, _COLUMNS):
            posts = [Post(row["id"], row["text"], hashtags=row["hashtags"])
                     for row in rows.to_pylist()]  # fmt: skip
            counts += self._counts(posts)
        tagged, hashtags, other_hashtags, words, other_words = counts.tolist()
        return Unknown(tagged, _share(other_hashtags, hashtags), _share(other_words, words))

    def _counts(self, posts: Sequence[Post]) -> list[int]:
        """Return how many posts have a hashtag, their hashtags and words, and the unknown."""
        tags = {post.id: carried(post) for post in posts}
        tagged = [post for post in posts if tags[post.id]]
        told = [tag for post in tagged for tag in tags[post.id]]
        ids = self._encoder([post.text for post in tagged])
        unknown = sum(int(np.count_nonzero(one == UNKNOWN_ID)) for one in ids)
        others = sum(tag not in self._known for tag in told)
        return [len(tagged), len(told), others, sum(map(len, ids)), unknown]


def when_new(bundle: Bundle) -> Window | None:
    """Return the window of a model's dev posts, as far as it says: its first unseen posts."""
    last, dev_last = (event_time(at) for at in (bundle.manifest.data.last,
                                                bundle.manifest.data.dev_last))  # fmt: skip
    if last is None or dev_last is None or dev_last <= last:
        return None
    return Window(last + _NEXT, dev_last + _NEXT)


def since_then(bundle: Bundle, since: datetime | None) -> Window:
    """Return the window of the posts that are new to a model, none of them before `since`."""
    seen = (event_time(at) for at in (bundle.manifest.data.last, bundle.manifest.data.dev_last))
    begins = [at + _NEXT for at in seen if at] + [at for at in (since,) if at]
    return Window(max(begins)) if begins else Window()


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
