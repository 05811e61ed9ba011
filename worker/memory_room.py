"""Makes the arrays of a memory."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.memory_state import (
    FIRST_TOKEN,
    FREE_POSTS,
    HELD,
    NONE,
    Answers,
    Keys,
    Rules,
    Scratch,
    State,
)


@dataclass(frozen=True)
class Sizes:
    """What a memory has room for.

    `posts` W; `tokens` and `hashtags` of one post; `different_tokens` and `different_hashtags` a
    post that is held, on average over all; `suggested`, the most hashtags of an answer, and
    `nearest`, the most similar posts that it names; `batch`, the posts of one compiled call.
    """

    posts: int = 100_000
    tokens: int = 40
    hashtags: int = 8
    different_tokens: int = 6
    different_hashtags: int = 1  # and spellings of them
    suggested: int = 20
    nearest: int = 3
    batch: int = 128

    @property
    def cells(self) -> int:
        """C, keys of a post."""
        return FIRST_TOKEN + self.tokens

    @property
    def token_slots(self) -> int:
        """Room for keys of tokens, authors and originals; at least for two posts."""
        return self.posts * self.different_tokens + 2 * self.cells

    @property
    def hashtag_slots(self) -> int:
        """Room for hashtags."""
        return self.posts * self.different_hashtags + 2 * self.hashtags


def new_state(sizes: Sizes) -> State:
    """Return arrays of an empty memory."""
    posts, cells = sizes.posts, sizes.posts * sizes.cells
    numbers = np.full(4, NONE, dtype=np.int64)
    numbers[HELD], numbers[FREE_POSTS] = 0, posts
    tokens = _new_keys(sizes.token_slots)
    tokens.left[0] -= 1  # slot 0 is for the chain of all posts
    return State(
        ids=np.zeros(posts, dtype=np.int64),
        times=np.zeros(posts),
        cells=_ints(posts),
        tag_counts=_ints(posts),
        muted=_ints(posts),
        linked=np.zeros(posts, dtype=np.bool_),
        before=_ints(posts),
        after=_ints(posts),
        tags=np.zeros((posts, sizes.hashtags), dtype=np.int32),
        spellings=np.zeros((posts, sizes.hashtags), dtype=np.int32),
        slots=np.zeros((posts, sizes.cells), dtype=np.int32),
        counts=np.zeros((posts, sizes.cells), dtype=np.uint8),
        newer=_ints(cells),
        older=_ints(cells),
        id_places=_places(posts),
        free_posts=np.arange(posts, dtype=np.int32)[::-1].copy(),
        numbers=numbers,
        tokens=tokens,
        heads=_ints(sizes.token_slots),
        lengths=np.zeros(sizes.token_slots, dtype=np.int32),
        log_lengths=np.zeros(sizes.token_slots),
        logs=np.array([np.log(1 + n) for n in range(posts + 2)]),
        frequencies=np.array([0.0, *(1 + np.log(n) for n in range(1, 256))]),
        tag_keys=_new_keys(sizes.hashtag_slots),
        spelling_keys=_new_keys(sizes.hashtag_slots),
        votes=np.zeros(sizes.hashtag_slots, dtype=np.int32),
    )


def new_scratch(sizes: Sizes, rules: Rules) -> Scratch:
    """Return room for one look-up."""
    room = max(sizes.tokens * rules.ring, rules.candidates) + rules.newest
    best = max(rules.candidates, rules.voters, rules.ring)
    return Scratch(
        weights=np.zeros(sizes.token_slots),
        met=np.zeros(sizes.posts, dtype=np.int64),
        posts=_ints(room),
        cells=_ints(sizes.tokens),
        best=_ints(best),
        scores=np.zeros(best),
        votes=np.zeros(sizes.hashtag_slots),
        tags=_ints((rules.voters + rules.ring) * sizes.hashtags),
    )


def new_answers(sizes: Sizes) -> Answers:
    """Return room for the answers of a batch."""
    shape = (sizes.batch, sizes.suggested)
    return Answers(
        tags=np.zeros(shape, dtype=np.int32),
        votes=np.zeros(shape),
        sizes=_ints(sizes.batch),
        totals=np.zeros(sizes.batch),
        nearest=np.full((sizes.batch, sizes.nearest), NONE, dtype=np.int32),
        cosines=np.zeros((sizes.batch, sizes.nearest)),
    )


def _new_keys(slots: int) -> Keys:
    return Keys(
        keys=np.zeros(slots, dtype=np.int64),
        uses=np.zeros(slots, dtype=np.int32),
        places=_places(slots),
        free=np.arange(slots, dtype=np.int32)[::-1].copy(),
        left=np.array([slots], dtype=np.int64),
    )


def _places(slots: int) -> npt.NDArray[np.int32]:
    """Return an empty table that is never more than half full."""
    return _ints(1 << (2 * slots - 1).bit_length())


def _ints(size: int) -> npt.NDArray[np.int32]:
    return np.full(size, NONE, dtype=np.int32)
