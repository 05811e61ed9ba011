"""A block of `worker watch`: a post, its words shaded by attention, and what was suggested."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.glossary import Glossary
from worker.messages import ScoredHashtag
from worker.printable import printable
from worker.status_screen import bar
from worker.watch import Answered

BAR = 20
MOST_WORDS = 3  # named with their attention
MOST_TOPICS, LEAST_TOPIC, TOPIC_WORDS = 2, 0.1, 6
# From which share of the largest attention on a word looks so; each differs without colour, too.
_SHADES = ((0.75, "bold reverse yellow"), (0.45, "bold underline yellow"), (0.2, "underline"))


def block(one: Answered, glossary: Glossary | None) -> RenderableType:
    """Return what is shown of an answer; unshaded without the words of its model."""
    answer = one.answer
    by = f"{answer.model} {answer.variant}"
    reason = f"no suggestions: {answer.reason or 'none is left'}"
    return Group(
        Text(printable(f"── {answer.id} · {one.source} · {by}"), "dim"),
        *_text(one, glossary),
        _suggestions(answer.suggestions)
        if answer.suggestions
        else Text(printable(reason), "italic"),
        *_topics(answer.topics or (), glossary),
        "",
    )


def weighed(one: Answered, glossary: Glossary | None) -> list[tuple[tuple[int, int], float]]:
    """Return the span and the attention of each word; nothing where they do not fit together."""
    attention = one.answer.attention
    if one.text is None or glossary is None or not attention:
        return []
    spans = glossary.spans(one.text)
    return list(zip(spans, attention, strict=True)) if len(spans) == len(attention) else []


def _text(one: Answered, glossary: Glossary | None) -> Iterator[Text]:
    if one.text is None:
        yield Text(printable(f"no post: {one.missing}"), "italic")
        return
    text = Text(printable(one.text))
    words = weighed(one, glossary)
    most = max((weight for _, weight in words), default=0.0)
    for (start, end), weight in words:
        style = next((style for share, style in _SHADES if most and weight >= share * most), None)
        if style is not None:
            text.stylize(style, start, end)
    yield text
    if words:
        best = sorted(words, key=lambda word: -word[1])[:MOST_WORDS]
        named = (f"{text.plain[start:end]} {weight:.2f}" for (start, end), weight in best)
        yield Text.assemble(("attention  ", "dim"), " · ".join(named))


def _suggestions(suggestions: Sequence[ScoredHashtag]) -> Table:
    table = Table.grid(padding=(0, 1))
    for one in suggestions:
        table.add_row(
            Text(printable(f"#{one.hashtag}"), "bold"),
            f"{one.score:.4f}",
            Text(bar(one.score, BAR), "cyan"),
        )
    return table


def _topics(theta: Sequence[float], glossary: Glossary | None) -> Iterator[Text]:
    known = glossary.topics if glossary else []
    best = sorted(range(len(theta)), key=lambda topic: -theta[topic])[:MOST_TOPICS]
    for topic in (one for one in best if theta[one] >= LEAST_TOPIC):
        words = known[topic][:TOPIC_WORDS] if topic < len(known) else []
        share = f"{theta[topic]:.2f}  "
        yield Text.assemble((f"topic {topic}  ", "dim"), share, printable(" ".join(words)))
