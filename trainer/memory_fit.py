"""How the memory votes, and what its votes weigh beside the model: chosen on dev alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from export.memory_card import MemoryCard, RulesCard
from trainer.checkpoints import write_durably
from trainer.errors import CorpusError, RunError
from trainer.progress import console, progress
from trainer.replay import Probabilities, Scores, votes
from trainer.timeline import Moment
from worker.memory import Memory, Votes
from worker.memory_entries import Entry
from worker.memory_room import Sizes
from worker.memory_state import Rules
from worker.voting import Voting

# What is tried, one rule after the other, the others as they are.
GRID: dict[str, tuple[Any, ...]] = {
    "sharing": (0.0, 0.25, 0.5, 0.75),
    "power": (1.5, 2.0, 3.0, 4.0),
    "scale": (0.01, 0.03, 0.1, 0.3, 1.0, 10.0),
    "decay": (0.2, 0.3, 0.4, 0.6),
    "voters": (20, 40, 80, 160),
    "ring": (10, 15, 30, 60),
    "candidates": (100, 200, 400),
    "author": (0.0, 0.1, 0.2, 0.3, 0.5, 1.0),
}
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class MemoryChoice(Voting):
    """How a memory is used, and the F1@1 of both together on dev, in per cent."""

    dev_f1_at_1: float = 0.0

    @property
    def card(self) -> MemoryCard:
        """What a bundle says of it."""
        rules = RulesCard(**self.rules._asdict())
        return MemoryCard(rules, self.most, self.weight, self.dev_f1_at_1)

    def save(self, file: Path) -> None:
        """Write it, the rules by their names."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, msgspec.json.format(msgspec.json.encode(self.card)) + b"\n")

    @classmethod
    def load(cls, file: Path) -> "MemoryChoice":
        """Read what `save` wrote; raises `RunError` where it is something else."""
        try:
            card = msgspec.json.decode(file.read_bytes(), type=MemoryCard)
        except msgspec.DecodeError as error:
            raise RunError(f"{file} was not written by `trainer fit-memory`: {error}") from error
        return replace(cls.of(card), dev_f1_at_1=card.dev_f1_at_1)


@dataclass(frozen=True)
class Dev:
    """Posts of train and dev in the order of time, and the model's opinion of each of dev."""

    entries: Sequence[Entry]
    moments: Sequence[Moment]
    model: Sequence[Probabilities]

    @property
    def asked(self) -> list[int]:
        """The rows of dev."""
        return [row for row, moment in enumerate(self.moments) if moment.split == "dev"]

    def tried(self, most: int, rules: Sequence[Rules], step: str) -> list[MemoryChoice]:
        """Return a choice for each of the rules and of the weights, in one replay."""
        asked = self.asked
        memory = Memory(Sizes(posts=len(self.entries)), rules[0], most)
        memories = [memory, *(memory.voting_by(other) for other in rules[1:])]
        best: list[list[list[list[str]]]] = [[[] for _ in WEIGHTS] for _ in rules]
        with progress(f"memory, {step}", len(asked)) as advance:
            replayed = votes(self.entries, asked, memories, advance=advance)
            for expected, answers in zip(self.model, replayed, strict=True):
                for lists, answer in zip(best, answers, strict=True):
                    for some, first in zip(lists, first_of_each(answer, expected), strict=True):
                        some.append(first)
        posts = [self.moments[row] for row in asked]
        return [
            MemoryChoice(one, weight, most, round(100 * Scores.of(some, posts).quality.f1[0], 3))
            for one, lists in zip(rules, best, strict=True)
            for weight, some in zip(WEIGHTS, lists, strict=True)
        ]


def first_of_each(found: Votes, model: Probabilities) -> list[list[str]]:
    """Return the first of what `fuse` ranks with each of the weights, or nothing."""
    names = list(dict.fromkeys([*found.shares, *model]))
    if not names:
        return [[] for _ in WEIGHTS]
    shares = np.array([found.shares.get(name, 0.0) for name in names])
    probabilities = np.array([model.get(name, 0.0) for name in names])
    scores = shares + np.outer(WEIGHTS, probabilities)
    return [[names[place]] for place in scores.argmax(axis=1)]


def fit_memory(dev: Dev, start: MemoryChoice) -> MemoryChoice:
    """Return the best choice on dev, found one rule after the other.

    Raises `CorpusError` where dev has no post.
    """
    if not dev.asked:
        raise CorpusError("dev has no post with a hashtag, so nothing can be chosen on it")
    best = start
    for name, values in GRID.items():
        tried = [best.rules._replace(**{name: value}) for value in values]
        best = max(dev.tried(best.most, tried, name), key=lambda choice: choice.dev_f1_at_1)
        console.print(
            f"{name} {getattr(best.rules, name):g}, weight {best.weight:g}: "
            f"dev F1@1 {best.dev_f1_at_1:.2f} %"
        )
    return best
