"""A post as the memory reads it, and many of them as arrays."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from export.text import canonical_hashtag
from worker.memory_room import Sizes
from worker.memory_state import Batch

MAX_TAG_BYTES = 140  # of a hashtag that is remembered, in UTF-8
MAX_NAME_BYTES = 100  # of an id that is remembered as it is
MOST_COUNTED = 255
_HASHTAGS_KEPT = 1 << 14
_T = TypeVar("_T", int, str)


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A post as the memory reads it: no text, but keyed hashes (signed, 64 bits, none 0).

    `time` in seconds since the epoch; `author` is 0 where it is not known; `original` is that of
    the post itself where it repeats no other; each token occurs once, with its count. Hashtags are
    as their author spelt them, no two of one canonical form, each of at most `MAX_TAG_BYTES`; a
    post to be answered needs none. `name` is the post's id as it is; nothing where that is longer
    than `MAX_NAME_BYTES`.
    """

    id: int
    time: float
    author: int
    original: int
    tokens: list[int]
    counts: list[int]
    hashtags: list[str]
    name: str = ""


class Hashtag(NamedTuple):
    """A hashtag in canonical form, its key and its spelling's: no secrets, beside the names."""

    canonical: str
    key: int
    spelling_key: int


@lru_cache(_HASHTAGS_KEPT)
def hashtag(spelling: str) -> Hashtag:
    """Return the hashtag that is spelt so."""
    canonical = canonical_hashtag(spelling)
    key = _key(canonical)
    return Hashtag(canonical, key, key if spelling == canonical else _key(spelling))


def packed(entries: Sequence[Entry], sizes: Sizes) -> tuple[Batch, list[str]]:
    """Return entries as arrays, cut to their room, and how their hashtags are spelt."""
    tokens = [_cut(entry.tokens, sizes.tokens) for entry in entries]
    counts = [_cut(entry.counts, sizes.tokens) for entry in entries]
    names = [_cut(entry.hashtags, sizes.hashtags) for entry in entries]
    flat = list(chain.from_iterable(names))
    hashtags = [hashtag(name) for name in flat]
    batch = Batch(
        ids=np.array([entry.id for entry in entries], dtype=np.int64),
        times=np.array([entry.time for entry in entries], dtype=np.float64),
        authors=np.array([entry.author for entry in entries], dtype=np.int64),
        originals=np.array([entry.original for entry in entries], dtype=np.int64),
        token_offsets=_offsets(tokens),
        tokens=np.fromiter(chain.from_iterable(tokens), dtype=np.int64),
        counts=np.minimum(
            np.fromiter(chain.from_iterable(counts), dtype=np.int64), MOST_COUNTED
        ).astype(np.uint8),
        tag_offsets=_offsets(names),
        tags=np.array([one.key for one in hashtags], dtype=np.int64),
        spellings=np.array([one.spelling_key for one in hashtags], dtype=np.int64),
    )
    return batch, flat


def _cut(many: list[_T], most: int) -> list[_T]:
    return many if len(many) <= most else many[:most]


def _key(name: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True
    )


def _offsets(rows: Sequence[Sequence[object]]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)
