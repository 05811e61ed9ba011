"""The probabilities by which a synthetic post gets its tags, and the best one can do under them.

A law belongs to one latent subject. Given the subject, a post's words and its tags are drawn
independently: whatever a recommender reads in the words, it can learn no more about the tags
than which subject it is. So nobody who reads the post alone does better, in expectation, than
one who is told the subject and answers with the tags that are best under its law. On a finite
sample another answer may win by luck, never by knowledge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

from trainer.pseudowords import pick

if TYPE_CHECKING:
    from numpy.random import Generator

# The best answers to a post, at one tag and at five, and the tags that it carries.
Judged = tuple[Sequence[str], Sequence[str], Collection[str]]


@dataclass(frozen=True)
class TagLaw:
    """One leading tag, and independently of it each extra tag with its own probability.

    The leading tag is `main`, or with probability `noise` one of `others`, all alike.
    """

    main: str
    others: tuple[str, ...]
    extras: tuple[tuple[str, float], ...]
    noise: float

    def draw(self, rng: Generator) -> tuple[str, ...]:
        """Draw the tags of one post."""
        noisy = bool(self.others) and rng.random() < self.noise
        leading = pick(rng, self.others) if noisy else self.main
        return (leading, *(tag for tag, share in self.extras if rng.random() < share))

    @cached_property
    def leading(self) -> dict[str, float]:
        """The probability of each leading tag."""
        if not self.others:
            return {self.main: 1.0}
        share = self.noise / len(self.others)
        return {self.main: 1 - self.noise} | dict.fromkeys(self.others, share)

    @cached_property
    def ranking(self) -> tuple[str, ...]:
        """All tags by the probability that a post carries them, the most probable first."""
        probability = self.leading | dict(self.extras)
        return tuple(sorted(probability, key=lambda tag: (-probability[tag], tag)))

    def hit_rate(self, chosen: Collection[str]) -> float:
        """Return the probability that a post carries at least one of the chosen tags."""
        miss = 1 - sum(self.leading.get(tag, 0.0) for tag in chosen)
        for tag, share in self.extras:
            if tag in chosen:
                miss *= 1 - share
        return 1 - miss

    @cached_property
    def best_one(self) -> tuple[str, ...]:
        """The tag that maximises P@1 and, where `main_leads`, R@1 and so F1@1."""
        return self.ranking[:1]

    @cached_property
    def best_five(self) -> tuple[str, ...]:
        """The five tags that maximise Hit@5.

        These need not be the five most probable: leading tags exclude one another, so one more
        of them can cover more posts than a likelier extra tag that mostly comes with a hit. Tags
        of a kind being alike, it is enough to try each choice of extras to leave out.
        """
        extras = [tag for tag, _ in self.extras]
        left_out = (out for n in range(len(extras) + 1) for out in combinations(extras, n))
        lists = (tuple(tag for tag in self.ranking if tag not in out)[:5] for out in left_out)
        return max(lists, key=self.hit_rate)


def main_leads(noise: float, extras: Iterable[float]) -> bool:
    """Tell whether the main tag is the best single answer for precision and for recall alike.

    R@1 weighs a hit by 1 / (number of tags). That number does not depend on which tag leads, and
    is the larger where an extra tag is present; so the main tag, if it is the likeliest, is also
    the one that recall favours. F1@1 grows with both, hence has the same best answer.
    """
    return 1 - noise > max(noise, *extras)


@dataclass(frozen=True)
class Optimum:
    """The figures of the best answers on one set of posts; F1@1 is 2PR/(P+R) of the averages."""

    precision_at_1: float
    recall_at_1: float
    hit_at_5: float

    @property
    def f1_at_1(self) -> float:
        """The harmonic mean of P@1 and R@1."""
        total = self.precision_at_1 + self.recall_at_1
        return 2 * self.precision_at_1 * self.recall_at_1 / total if total else 0.0

    def figures(self) -> dict[str, float]:
        """Return the figures by their usual names."""
        return {
            "P@1": self.precision_at_1,
            "R@1": self.recall_at_1,
            "F1@1": self.f1_at_1,
            "Hit@5": self.hit_at_5,
        }


def judge(posts: Iterable[Judged]) -> Optimum:
    """Average the figures of the given answers over all posts."""
    rows = [
        (one[0] in tags, (one[0] in tags) / len(tags), not set(tags).isdisjoint(five))
        for one, five, tags in posts
    ]
    precision, recall, hit = (fmean(column) for column in zip(*rows, strict=True))
    return Optimum(precision, recall, hit)
