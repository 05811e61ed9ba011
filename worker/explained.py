"""What an answer that explains itself tells: the weight of each word, and the topics' words."""

from collections.abc import Sequence
from typing import NamedTuple

from worker.glossary import Glossary
from worker.watch import Answered

MOST_WORDS = 3  # named with their attention
# From which share of the largest attention on a word is shaded, the darkest first.
SHADES = (0.75, 0.45, 0.2)
_MOST_TOPICS, _LEAST_TOPIC, _TOPIC_WORDS = 2, 0.1, 6


class Weighed(NamedTuple):
    """A word that the graph read: where it stands in the text, its attention, and its shade.

    `shade` is 0 for none, up to 3 for the darkest.
    """

    start: int
    end: int
    attention: float
    shade: int


class Telling(NamedTuple):
    """A topic of a post: its number, its share, and its most telling words."""

    number: int
    share: float
    words: list[str]


def weighed(one: Answered, glossary: Glossary | None) -> list[Weighed]:
    """Return the words as they were weighed; nothing where words and weights do not fit."""
    attention = one.answer.attention
    if one.text is None or glossary is None or not attention:
        return []
    spans = glossary.spans(one.text)
    if len(spans) != len(attention):
        return []
    most = max(attention)
    return [
        Weighed(start, end, weight, _shade(weight / most if most > 0 else 0.0))
        for (start, end), weight in zip(spans, attention, strict=True)
    ]


def heaviest(words: Sequence[Weighed]) -> list[Weighed]:
    """Return the few words with the most attention, the heaviest first."""
    return sorted(words, key=lambda word: -word.attention)[:MOST_WORDS]


def telling(theta: Sequence[float], glossary: Glossary | None) -> list[Telling]:
    """Return the topics that a post is most of; without words where they are not known."""
    known = glossary.topics if glossary else []
    best = sorted(range(len(theta)), key=lambda topic: -theta[topic])[:_MOST_TOPICS]
    return [
        Telling(one, theta[one], known[one][:_TOPIC_WORDS] if one < len(known) else [])
        for one in best
        if theta[one] >= _LEAST_TOPIC
    ]


def _shade(share: float) -> int:
    return sum(share >= least for least in SHADES)
