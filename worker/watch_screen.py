"""A block of `worker watch`: a post, its words shaded by attention, and what was suggested."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.explained import heaviest, telling, weighed
from worker.glossary import Glossary
from worker.messages import ScoredHashtag
from worker.printable import printable
from worker.status_screen import bar
from worker.watch import Answered

BAR = 20
_LOOKS = ("underline", "bold underline yellow", "bold reverse yellow")  # of the shades from 1 on


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


def _text(one: Answered, glossary: Glossary | None) -> Iterator[Text]:
    if one.text is None:
        yield Text(printable(f"no post: {one.missing}"), "italic")
        return
    text = Text(printable(one.text))
    words = weighed(one, glossary)
    for word in words:
        if word.shade:
            text.stylize(_LOOKS[word.shade - 1], word.start, word.end)
    yield text
    if words:
        named = (
            f"{text.plain[word.start : word.end]} {word.attention:.2f}" for word in heaviest(words)
        )
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
    for topic in telling(theta, glossary):
        share = f"{topic.share:.2f}  "
        words = printable(" ".join(topic.words))
        yield Text.assemble((f"topic {topic.number}  ", "dim"), share, words)
