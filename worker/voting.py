"""How the memory votes, and what the model weighs beside it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

import msgspec

from export.memory_card import MemoryCard
from worker.memory_state import Rules
from worker.signals import Signal


@dataclass(frozen=True)
class Voting:
    """The rules of a look-up, and the weight of the model's probability beside a share of votes.

    `most` is by how many posts an hour an author had a vote for a hashtag when they were chosen.
    """

    rules: Rules = field(default_factory=Rules)
    weight: float = 0.2
    most: int = 5

    @classmethod
    def of(cls, card: MemoryCard | None) -> Self:
        """Return what a bundle says, or the defaults where it says nothing."""
        if card is None:
            return cls()
        return cls(Rules(**msgspec.structs.asdict(card.rules)), card.weight, card.most)


def rules_for(signals: Collection[Signal], rules: Rules) -> Rules:
    """Return the rules for posts of which only some signals are read: of the author, or not."""
    return rules if "author" in signals else rules._replace(author=0.0)
