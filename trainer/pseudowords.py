"""Words that can be spoken and mean nothing, and what people do to words when they type.

Everything random is drawn from the generator that the caller passes in, so equal seeds give
equal words.
"""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

T = TypeVar("T")

# Every syllable starts with a consonant and holds one vowel, and no end of one runs into the
# start of the next, so a word can be cut into its syllables in one way only: two tags made of
# different words differ. What stands twice is drawn twice as often.
ONSETS = (*("bdflmnprstv" * 2), "bl", "br", "dr", "fl", "pl", "sl", "st", "tr")
VOWELS = tuple("aeiou")
CODAS = ("", "", "", "l", "n", "r")


class Urn(Generic[T]):
    """Items drawn with replacement, each with a probability in proportion to its weight.

    `Generator.choice` builds its cumulative table anew at each call; an urn builds it once.
    """

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = tuple(items)
        cumulative = np.cumsum(weights)
        self._cumulative: list[float] = (cumulative / cumulative[-1]).tolist()

    def draw(self, rng: Generator) -> T:
        """One item; a weight of zero is never drawn."""
        return self.items[bisect(self._cumulative, rng.random())]


def zipf_urn(items: Sequence[T], exponent: float = 1.0) -> Urn[T]:
    """Return an urn whose n-th item has weight n ** -exponent."""
    return Urn(items, [rank**-exponent for rank in range(1, len(items) + 1)])


def coin_word(rng: Generator, syllables: Sequence[int], taken: set[str]) -> str:
    """Coin a word of one of the lengths in `syllables` that is not in `taken`, and add it."""
    while True:
        length = pick(rng, syllables)
        word = "".join(
            pick(rng, ONSETS) + pick(rng, VOWELS) + pick(rng, CODAS) for _ in range(length)
        )
        if word not in taken:
            taken.add(word)
            return word


def coin_words(
    rng: Generator, count: int, syllables: Sequence[int], taken: set[str]
) -> tuple[str, ...]:
    """Coin `count` distinct words."""
    return tuple(coin_word(rng, syllables, taken) for _ in range(count))


def coin_hashtag(rng: Generator, taken: set[str]) -> str:
    """Coin a tag of two words in camel case, as `LikeThis`.

    It has four syllables; a plain word of at most three can never equal it.
    """
    first, second = coin_words(rng, 2, (2,), taken)
    return first.capitalize() + second.capitalize()


def spell_hashtag(rng: Generator, camel_case: str) -> str:
    """Write a tag as a person might: `#likethis`, `#LikeThis` or, more rarely, `#LIKETHIS`."""
    roll = rng.random()
    if roll < 0.5:
        return "#" + camel_case.lower()
    return "#" + (camel_case if roll < 0.9 else camel_case.upper())


def misspell(rng: Generator, word: str) -> str:
    """Swap two letters, drop one, or double one, in a word of at least three; the first stays."""
    at = int(rng.integers(1, len(word) - 1))
    slip = int(rng.integers(3))
    if slip == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 1:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


def elongate(rng: Generator, word: str) -> str:
    """Draw out the last vowel, as in `sooo`."""
    at = max(word.rfind(vowel) for vowel in VOWELS)
    return word[:at] + word[at] * int(rng.integers(3, 6)) + word[at + 1 :]


def pick(rng: Generator, items: Sequence[T]) -> T:
    """One item, all alike; several times faster than `Generator.choice`."""
    return items[int(rng.random() * len(items))]
