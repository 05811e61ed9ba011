"""An answer as the page shows it: all that it needs, and no more than a bounded size."""

from collections.abc import Iterator, Sequence

import msgspec

from worker.explained import Telling, Weighed, heaviest, telling, weighed
from worker.glossary import Glossary
from worker.quality import Source
from worker.watch import Answered

MOST_TEXT = 1_000  # characters of a post that is shown, or typed

Piece = tuple[str, int]
"""A piece of a text, and its shade: 0 for none, up to 3."""


class Suggested(msgspec.Struct, frozen=True):
    """A suggested hashtag, its score, and who knows of it: model, memory or both."""

    hashtag: str
    score: float
    sources: list[str]


class Shown(msgspec.Struct, frozen=True):
    """An answer beside its post, as `worker.watch.Answered`.

    `pieces` are the post's text; `attention` its heaviest words, where the answer explains itself
    and the words of its model are known; `explained` says whether it does.
    """

    id: str
    source: str
    model: str
    variant: str
    missing: str | None
    reason: str | None
    pieces: list[Piece]
    suggestions: list[Suggested]
    attention: list[tuple[str, float]]
    topics: list[Telling]
    explained: bool


def shown(one: Answered, glossary: Glossary | None) -> Shown:
    """Return what is shown of an answer; unshaded without the words of its model."""
    answer, text, words = one.answer, one.text or "", weighed(one, glossary)
    return Shown(
        id=answer.id,
        source=one.source,
        model=answer.model,
        variant=answer.variant,
        missing=one.missing,
        reason=answer.reason,
        pieces=list(_pieces(text, words)),
        suggestions=[
            # Without a memory, an answer names no sources: all is the model's.
            Suggested(found.hashtag, found.score, found.sources or [Source.MODEL])
            for found in answer.suggestions
        ],
        attention=[(text[word.start : word.end], word.attention) for word in heaviest(words)],
        topics=telling(answer.topics or (), glossary),
        explained=answer.attention is not None,
    )


def _pieces(text: str, words: Sequence[Weighed]) -> Iterator[Piece]:
    """Yield a text in pieces; one that is too long is cut, and ends with an ellipsis."""
    kept, at = text[:MOST_TEXT], 0
    for word in words:
        if word.shade and at <= word.start < word.end <= len(kept):
            if at < word.start:
                yield kept[at : word.start], 0
            yield kept[word.start : word.end], word.shade
            at = word.end
    rest = kept[at:] + ("…" if len(text) > MOST_TEXT else "")
    if rest:
        yield rest, 0
