"""What the demo shows at its end, and writes to a file."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.demo.stream import Received
from export.text import canonical_hashtag, without_hashtags
from trainer.corpus import LabelledPost
from trainer.evaluate import score
from trainer.metrics import KS

EXAMPLES = 10


def summarise(
    posts: Sequence[LabelledPost],
    received: Received,
    popular: Sequence[str],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Count what came back against what was sent."""
    sent = {post.id for post in posts}
    ranked = [
        [canonical_hashtag(s.hashtag) for s in received.answers[post.id].suggestions][: KS[-1]]
        if post.id in received.answers
        else []
        for post in posts
    ]
    quality = score(posts, ranked)
    yardstick = score(posts, [popular] * len(posts))
    return {
        "posts_sent": len(posts),
        "suggestions_received": received.messages,
        "distinct_posts_answered": len(received.answers),
        "dead_letters": len(received.dead),
        "lost": len(sent - received.answers.keys() - received.dead),
        "duplicates": received.messages - len(received.answers),
        "f1_at_1": round(100 * quality.f1[0], 2),
        "hit_at_5": round(100 * quality.hit[-1], 2),
        "popularity_f1_at_1": round(100 * yardstick.f1[0], 2),
        "popularity_hit_at_5": round(100 * yardstick.hit[-1], 2),
        "tweets_per_second": round(len(received.answers) / received.seconds, 1),
        **more,
    }


def show(
    console: Console, posts: Sequence[LabelledPost], received: Received, figures: Mapping[str, Any]
) -> None:
    """Print some posts with their suggestions, and the table."""
    console.print(_examples(posts, received))
    table = Table(title="tagstream demo", show_header=False)
    for name, value in figures.items():
        table.add_row(_label(name), _readable(name, value))
    console.print(table)


def _label(name: str) -> str:
    """Return a figure's name as the field writes it: F1@1, Hit@5."""
    spelt = name.replace("_at_", "@").replace("f1@", "F1@").replace("hit@", "Hit@")
    return spelt.replace("_", " ")


def _readable(name: str, value: Any) -> str:  # noqa: ANN401 - any figure
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_readable(name, part)}" for key, part in value.items())
    if name == "bundle":
        return str(value)[:12]
    percentage = "f1_at_1" in name or "hit_at_5" in name
    return f"{value} %" if percentage else str(value)


def _examples(posts: Sequence[LabelledPost], received: Received) -> Table:
    table = Table("post, its hashtags taken out", "suggested", "its author wrote", title="examples")
    step = max(1, len(posts) // EXAMPLES)
    for post in posts[::step][:EXAMPLES]:
        answer = received.answers.get(post.id)
        suggested = Text()
        for item in answer.suggestions[:3] if answer else []:
            right = canonical_hashtag(item.hashtag) in post.spellings
            suggested.append(
                f"#{item.hashtag} {item.score:.2f}\n", style="bold green" if right else ""
            )
        text = " ".join(without_hashtags(post.text).split())
        table.add_row(text, suggested, " ".join(f"#{h}" for h in post.hashtags), end_section=True)
    return table
