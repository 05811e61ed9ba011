"""What the memory compares posts by: their words, what they point at, who wrote them.

Words are the tokenizer's, before its vocabulary and its truncation: new words are the point. Each
token is a keyed hash (BLAKE2b, 64 bits): whoever reads the memory's records without the key cannot
look words or authors up. A post's own hashtags are never among its tokens.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, get_args

from export.plain import Splitter, pointers
from export.text import new_tokenizer
from worker.memory_entries import MAX_NAME_BYTES, MAX_TAG_BYTES, Entry, hashtag
from worker.messages import Post

Signal = Literal["text", "context", "author"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)
SHORTENERS = frozenset(
    [
        "bit.ly",
        "buff.ly",
        "cli.gs",
        "dlvr.it",
        "fb.me",
        "goo.gl",
        "ht.ly",
        "ift.tt",
        "is.gd",
        "j.mp",
        "lnkd.in",
        "ow.ly",
        "pic.twitter.com",
        "post.ly",
        "shar.es",
        "su.pr",
        "t.co",
        "tinyurl.com",
        "tl.gd",
        "tr.im",
        "trib.al",
        "wp.me",
        "youtu.be",
    ]
)  # links through them say nothing of where they lead
_HASHES_KEPT = 1 << 16


class Signals:
    """Turns posts into entries of the memory.

    Arguments: `kinds`, which tokens there are; `key`, the secret of the hashes, 1 to 64 bytes, the
    same for all that share a memory.
    """

    def __init__(self, kinds: Iterable[Signal] = SIGNALS, key: bytes = b"tagstream") -> None:
        self.kinds = frozenset(kinds)
        self._hash = _keyed(key)
        self._words = Splitter(new_tokenizer([], "stripped"))

    @property
    def name(self) -> str:
        """Names kinds and key: tokens of two that differ in it cannot be compared."""
        return f"{','.join(kind for kind in SIGNALS if kind in self.kinds)} {self._hash('key'):x}"

    def entry(self, post: Post, time: float, hashtags: Sequence[str]) -> Entry:
        """Return what the memory reads of a post with these hashtags, as they are spelt.

        `time` in seconds since the epoch.
        """
        counts = Counter(self._tokens(post))
        return Entry(
            self._hash(f"id {post.id}"),
            time,
            self._hash(f"by {post.author}") if post.author else 0,
            self._hash(f"of {post.original or post.id}"),
            [self._hash(token) for token in counts],
            list(counts.values()),
            [tag for tag in hashtags if _fits(tag) and _fits(hashtag(tag).canonical)],
            post.id if len(post.id.encode()) <= MAX_NAME_BYTES else "",
        )

    def same_text(self, entry: Entry) -> int | None:
        """Return a key that posts with the same words, mentions and links share, by whomever.

        It holds within one process; None where a post has none of them.
        """
        authored = bool(entry.author) and "author" in self.kinds
        words = frozenset(entry.tokens[authored:])
        return hash(words) if words else None

    def _tokens(self, post: Post) -> Iterator[str]:
        """Yield the tokens of a post, those that say most first, should there be too many.

        No word has a space in it, so none is taken for another kind.
        """
        if "author" in self.kinds and post.author:
            yield f"author {post.author}"
        if "context" in self.kinds:
            for pointer in pointers(post.text):
                if pointer.startswith("@"):
                    yield f"mention {pointer}"
                elif (domain := domain_of(pointer)) not in SHORTENERS:
                    yield f"link {domain}"
        if "text" in self.kinds:
            yield from self._words(post.text)


def _fits(name: str) -> bool:
    return len(name.encode()) <= MAX_TAG_BYTES


def domain_of(link: str) -> str:
    """Return the domain of a link without its scheme."""
    for end in "/?:":
        link = link.partition(end)[0]
    return link


def _keyed(key: bytes) -> Callable[[str], int]:
    @lru_cache(_HASHES_KEPT)
    def hashed(token: str) -> int:
        digest = hashlib.blake2b(token.encode(), digest_size=8, key=key).digest()
        return int.from_bytes(digest, "little", signed=True) or 1

    return hashed
