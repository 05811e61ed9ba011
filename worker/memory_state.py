"""The arrays of the memory; all are made once.

A post has a slot, and in it a row of cells, each for one key: that of all posts, of its author, of
its original, and of each of its tokens. A chain links the cells of one key from the newest to the
oldest, by event time, equal times by id; so what a look-up meets depends on which posts are held,
not on the order in which they came.

Keys are keyed hashes, spread evenly already: their low bits are their place in a table.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NONE = -1
ALL, AUTHOR, ORIGINAL, FIRST_TOKEN = range(4)  # cells of a post
ANY_POST = 0  # slot of the key that all posts have
HELD, FIRST_OUT, LAST_IN, FREE_POSTS = range(4)  # numbers

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Keys(NamedTuple):
    """Keys in use, each in a slot [S] with a count of uses; `places` is a table of open addresses.

    `free` is a stack of slots, `left` [1] how many it holds.
    """

    keys: Longs
    uses: Ints
    places: Ints
    free: Ints
    left: Longs


class State(NamedTuple):
    """All that the memory holds: W posts of up to C cells and A hashtags.

    `muted` has a bit a hashtag that the post may not vote for; `linked` says whether the post is in
    the chains of its tokens. `before` and `after` keep the order in which posts leave.
    """

    ids: Longs  # [W]
    times: Floats
    cells: Ints  # how many it has
    tag_counts: Ints
    muted: Ints
    linked: npt.NDArray[np.bool_]
    before: Ints
    after: Ints
    tags: Ints  # [W, A], slots of `tag_keys`
    spellings: Ints  # [W, A], slots of `spelling_keys`
    slots: Ints  # [W, C], slots of `tokens`; none where the author is not known
    counts: npt.NDArray[np.uint8]
    newer: Ints  # [W * C]
    older: Ints
    id_places: Ints
    free_posts: Ints
    numbers: Longs
    tokens: Keys
    heads: Ints  # of the chain of each slot of `tokens`
    lengths: Ints
    log_lengths: Floats  # ln(1 + length)
    logs: Floats  # [W + 2], ln(1 + n)
    frequencies: Floats  # [256], 1 + ln n
    tag_keys: Keys
    spelling_keys: Keys
    votes: Ints  # how many posts spell a hashtag so and may vote for it


class Batch(NamedTuple):
    """Entries as arrays: of B posts, and of their tokens and hashtags one after the other."""

    ids: Longs
    times: Floats
    authors: Longs  # keys; 0 where it is not known
    originals: Longs
    token_offsets: Longs
    tokens: Longs
    counts: npt.NDArray[np.uint8]
    tag_offsets: Longs
    tags: Longs
    spellings: Longs


class Rules(NamedTuple):
    """How posts vote; all are fitted by `trainer fit-memory`.

    `ring` newest posts of each token are met, and `newest` of all; the `candidates` with the
    largest sums of weights are compared by cosine; of those `voters` vote, each with a power of its
    cosine times (1 + age / scale)^-decay, `scale` in days; each of n hashtags has n^-sharing of it.
    The `ring` newest posts of the same author vote a second time, among themselves, as if all had a
    cosine of 1: what comes of it weighs `author` times as much as the votes of all.
    """

    ring: int = 30
    newest: int = 50
    candidates: int = 100
    voters: int = 40
    power: float = 2.0
    scale: float = 1.0
    decay: float = 0.3
    sharing: float = 0.0
    author: float = 0.3


class Answers(NamedTuple):
    """What look-ups of B posts found: V hashtags a post, the most voted first.

    `totals` [B] sums the votes for all hashtags; `nearest` [B, N] are the slots of the most similar
    posts, the first of them first, or none.
    """

    tags: Ints  # [B, V], slots
    votes: Floats  # [B, V]
    sizes: Ints  # [B]
    totals: Floats
    nearest: Ints
    cosines: Floats  # [B, N]


class Scratch(NamedTuple):
    """Room for one look-up, made once; `weights`, `met` and `votes` are zero between two."""

    weights: Floats  # of the tokens of the post that is answered [tokens]
    met: Longs  # summed weight of each post [W]
    posts: Ints  # those met, then the candidates
    cells: Ints  # where each chain has come to [C]
    best: Ints  # [candidates]
    scores: Floats
    votes: Floats  # of each hashtag
    tags: Ints  # those with votes


class Heap(NamedTuple):
    """Posts with values, the worst first; of equal values the newer post is better."""

    posts: Ints
    values: Floats
    times: Floats  # of all posts
    ids: Longs


class Vectors(NamedTuple):
    """What it takes to weigh the tokens of posts."""

    cells: Ints
    slots: Ints
    counts: npt.NDArray[np.uint8]
    frequencies: Floats
    log_lengths: Floats


class LookUp(NamedTuple):
    """One call: posts to be answered, and all that it takes.

    `slots` of their tokens, `authors` [B], `originals` [B] and `held` [B] are where those keys are,
    or none.
    """

    state: State
    rules: Rules
    batch: Batch
    slots: Ints
    authors: Ints
    originals: Ints
    held: Ints
    scratch: Scratch
    answers: Answers
