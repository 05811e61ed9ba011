"""Is what is suggested right? Posts tell by their own hashtags, which no model reads.

Prequential: each post is answered before it is added to what answers the next ones (Gama,
Sebastião and Rodrigues 2013, On evaluating stream learning algorithms). The worker counts so while
it runs, and `trainer replay` scores a corpus by the same rule.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

RANKS = 5
TOLD = (1, RANKS)  # the k for which a worker tells hits
FADING = 0.999  # of each value with the next one: about the last thousand count


class Source(StrEnum):
    """Who knows of a hashtag that is suggested."""

    MODEL = "model"
    MEMORY = "memory"
    BOTH = "both"

    @classmethod
    def of(cls, names: Collection[str] | None) -> "Source":
        """Return the source of an answer's `from`; without a memory there is none."""
        if names is None:
            return cls.MODEL
        return cls.BOTH if len(names) > 1 else _BY_NAME[next(iter(names))]


_BY_NAME = {source.value: source for source in Source}  # quicker than the class


class Apart(StrEnum):
    """Why a post's hits are no evidence: what it carries was suggested to it, or seen before."""

    ACCEPTED = "accepted_suggestion"
    REPEATED_ID = "repeated_id"
    RETWEET = "retweet"
    REPEATED_TEXT = "repeated_text"


class Ranked(NamedTuple):
    """A hashtag of a ranking, in canonical form."""

    hashtag: str
    source: Source


class Score(msgspec.Struct, frozen=True):
    """Whether each of the five best suggestions is a hashtag of the post, and how many it has."""

    hits: tuple[bool, ...]
    hashtags: int


def score(suggested: Sequence[str], hashtags: Collection[str]) -> Score:
    """Compare suggestions, the best first, with a post's own hashtags; all in canonical form."""
    hits = [hashtag in hashtags for hashtag in suggested[:RANKS]]
    return Score((*hits, *[False] * (RANKS - len(hits))), len(hashtags))


class Scored(msgspec.Struct, frozen=True):
    """A post with hashtags of its own, and the five best for it before any of them is taken away.

    `apart` tells why it is counted by itself; `unknown`, how many of its hashtags the model does
    not know; `keys`, what is to be noted of it once it is committed.
    """

    score: Score
    hits: Mapping[int, Source]
    unknown: int
    apart: Apart | None
    keys: tuple[Hashable, ...] = ()


def scored(
    first: Sequence[Ranked],
    hashtags: Collection[str],
    known: Collection[str],
    apart: Apart | None,
    keys: tuple[Hashable, ...] = (),
) -> Scored:
    """Score the five best; `hits` has a k of `TOLD` where one of the first k is right."""
    found = score([one.hashtag for one in first], hashtags)
    sources = {k: _joined(first[:k], found.hits) for k in TOLD if any(found.hits[:k])}
    return Scored(found, sources, sum(tag not in known for tag in hashtags), apart, keys)


def _joined(first: Sequence[Ranked], hits: Sequence[bool]) -> Source:
    """Return who knew of the right ones."""
    right = {one.source for one, hit in zip(first, hits, strict=False) if hit}
    return Source.BOTH if len(right) > 1 else right.pop()


class Judged(msgspec.Struct, frozen=True):
    """What one answer tells: by which model, the sources of its hashtags, the words it read.

    `shadow`: it is not published, so that it tells of its model alone.
    """

    model: str
    sources: tuple[Source, ...]
    words: int
    unknown_words: int
    scored: Scored | None = None
    shadow: bool = False


class Decayed:
    """A mean of which old values fade (Gama et al. 2013, section 3.3: the fading factor)."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Add a value that stands for so many."""
        self._sum = value + FADING * self._sum
        self._weight = weight + FADING * self._weight

    @property
    def mean(self) -> float:
        """The mean; not a number where there was nothing."""
        return self._sum / self._weight if self._weight else float("nan")


class Seen:
    """Keys of the last posts: of `most` at least, of twice as many at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._posts = 0
        self._new: set[Hashable] = set()
        self._old: set[Hashable] = set()

    def note(self, posts: Iterable[Iterable[Hashable]]) -> None:
        """Note the keys of posts, in their order."""
        for keys in posts:
            if self._posts == self._most:
                self._posts, self._old, self._new = 0, self._new, set()
            self._posts += 1
            self._new.update(keys)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._new or key in self._old

    def repeated(self, identity: Hashable, text: Hashable | None) -> Apart | None:
        """Return what of a post was there before; one without words has no text."""
        if identity in self:
            return Apart.REPEATED_ID
        return Apart.REPEATED_TEXT if text is not None and text in self else None
