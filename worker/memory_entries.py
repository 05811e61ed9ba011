"""A post as the memory reads it, and many of them as arrays."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

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
    """A hashtag in canonical form, and its key: no secret, since its name stands beside it."""

    canonical: str
    key: int


@lru_cache(_HASHTAGS_KEPT)
def hashtag(spelling: str) -> Hashtag:
    """Return the hashtag that is spelt so."""
    canonical = canonical_hashtag(spelling)
    return Hashtag(canonical, _key(canonical))


def packed(entries: Sequence[Entry], sizes: Sizes) -> tuple[Batch, list[str]]:
    """Return entries as arrays, cut to their room, and how their hashtags are spelt."""
    tokens = [entry.tokens[: sizes.tokens] for entry in entries]
    counts = [entry.counts[: sizes.tokens] for entry in entries]
    names = [entry.hashtags[: sizes.hashtags] for entry in entries]
    flat = [name for some in names for name in some]
    batch = Batch(
        ids=np.array([entry.id for entry in entries], dtype=np.int64),
        times=np.array([entry.time for entry in entries], dtype=np.float64),
        authors=np.array([entry.author for entry in entries], dtype=np.int64),
        originals=np.array([entry.original for entry in entries], dtype=np.int64),
        token_offsets=_offsets(tokens),
        tokens=np.array([token for some in tokens for token in some], dtype=np.int64),
        counts=np.array([min(n, MOST_COUNTED) for some in counts for n in some], dtype=np.uint8),
        tag_offsets=_offsets(names),
        tags=np.array([hashtag(name).key for name in flat], dtype=np.int64),
        spellings=np.array([_key(name) for name in flat], dtype=np.int64),
    )
    return batch, flat


@lru_cache(_HASHTAGS_KEPT)
def _key(name: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True
    )


def _offsets(rows: Sequence[Sequence[object]]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)
