"""How the memory of recent posts votes beside a model, as a bundle tells it."""

from typing import Annotated

import msgspec
from msgspec import Meta

MOST_POSTS = 10_000  # of each kind that one look-up touches: it bounds a worker's time and room
_Posts = Annotated[int, Meta(ge=1, le=MOST_POSTS)]
_Exponent = Annotated[float, Meta(ge=0, le=100)]


class RulesCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How posts vote; `worker.memory_state.Rules` says what each of them means."""

    ring: _Posts
    newest: Annotated[int, Meta(ge=0, le=MOST_POSTS)]
    candidates: _Posts
    voters: _Posts
    power: _Exponent
    scale: Annotated[float, Meta(gt=0)]
    decay: _Exponent
    sharing: _Exponent
    author: Annotated[float, Meta(ge=0, le=100)] = 0.0


class MemoryCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `trainer fit-memory` chose on dev.

    `most`, by how many posts an hour an author had a vote for a hashtag then; `weight`, of the
    model's probability beside a share of the votes; `dev_f1_at_1` in per cent, of both together.
    """

    rules: RulesCard
    most: Annotated[int, Meta(ge=1)]
    weight: Annotated[float, Meta(ge=0)]
    dev_f1_at_1: Annotated[float, Meta(ge=0, le=100)]
